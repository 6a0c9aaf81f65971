//! What a run came to, and how it is said.

use crate::api::PurgeRun;
use crate::declare::Refused;
use crate::model::Refusal;

/// One thing that is wrong with the input; nothing was touched.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RefusalLine {
    /// The manifest, or `command line`.
    pub file: String,
    /// `Kind/name`.
    pub object: String,
    /// Where in the object.
    pub field: String,
    /// A documented word.
    pub reason: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub write: String,
}

impl std::fmt::Display for RefusalLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, object, field, reason: _, message, write } = self;
        for part in [file, object, field] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        write!(f, "{}: {write}", one_line(message))
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// One for each policy that ran.
    pub reports: Vec<PurgeRun>,
    /// Not empty: nothing was touched.
    pub refusals: Vec<RefusalLine>,
    /// Databases that could not be reached, each with its policy.
    pub unreachable: Vec<String>,
    /// What was left aside, for the log.
    pub notes: Vec<String>,
    /// The process's exit code: 0 complete, 1 a target failed or stopped, a row could not go or a
    /// window is unknown, 2 refused, 3 not reached. Of several the highest.
    pub exit: u8,
}

impl Outcome {
    pub(super) fn refused(refused: Vec<Refused>, notes: Vec<String>) -> Self {
        let refusals = refused.into_iter().map(line).collect();
        Self { reports: Vec::new(), refusals, unreachable: Vec::new(), notes, exit: 2 }
    }
}

fn line(Refused { file, object, refusal }: Refused) -> RefusalLine {
    let Refusal { field, reason, message, write } = refusal;
    RefusalLine { file, object, field, reason: reason.word().to_owned(), message, write }
}
