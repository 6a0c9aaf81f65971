//! Why nobody can log in by what was given. Whoever tells it never tells a value.

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub part: Part,
    pub what: String,
    pub write: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Url,
    Ca,
    /// Of this process.
    Environment,
}

impl Fault {
    pub fn url(what: impl Into<String>, write: impl Into<String>) -> Self {
        Self { part: Part::Url, what: what.into(), write: write.into() }
    }

    pub fn several() -> Self {
        Self::url(
            "the URL names several hosts, which is not supported yet",
            "name the one that takes writes, such as the primary's service",
        )
    }
}
