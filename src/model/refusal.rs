//! Bad input, told so that it can be mended.

use super::Reason;

/// One thing that is wrong with a manifest, or with what it meets in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where in the manifest, e.g. `spec.targets[chats].age.encoding`.
    pub field: String,
    pub reason: Reason,
    /// What is wrong, and why it matters.
    pub message: String,
    /// What to write instead.
    pub write: String,
}

impl Refusal {
    pub fn new(
        field: impl Into<String>,
        reason: Reason,
        message: impl Into<String>,
        write: impl Into<String>,
    ) -> Self {
        Self { field: field.into(), reason, message: message.into(), write: write.into() }
    }
}
