//! Why something was refused, kept or stopped.

use std::fmt;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident => $next:literal,)+) => {
        /// Every reason that a refusal, a report or a log line can give: the word, what it means,
        /// and the reader's next step.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[doc = $doc])+ $name,)+ }

        #[cfg(test)]
        pub const ALL: &[Reason] = &[$(Reason::$name,)+];

        impl Reason {
            /// The word, as reports print it.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)+ }
            }

            /// What to do about it.
            pub fn next_step(self) -> &'static str {
                match self { $(Self::$name => $next,)+ }
            }
        }
    };
}

reasons! {
    /// The text is no YAML, or not of the kind's shape.
    Malformed => "mend the manifest where the message points",
    /// A field that the kind does not have.
    UnknownField => "correct the spelling; nothing is ever silently ignored",
    /// A field whose value is empty.
    NullValue => "write a value, or remove the field",
    /// A value that the field cannot take.
    InvalidValue => "write one of the values that the message names",
    /// A field that must be there is not.
    Required => "add the field",
    /// Two things that exclude each other.
    Conflict => "keep one of them",
    /// Something that this version does not do yet.
    NotSupported => "remove it",
    /// A name that is not there.
    NotFound => "correct the name, or add what it names",
    /// The connection's `allow` does not name it.
    NotAllowed => "ask the connection's owner for a rule in spec.allow",
    /// An expression that is not one expression of the allowed kind.
    BadExpression => "mend the expression where the message points",
    /// A comparison that the database would answer silently and wrongly.
    TypeMismatch => "write the conversion that the message names",
    /// The database would delete rows that the policy does not name.
    UnnamedCascade => "add the dependent that the message prints",
    /// Looking for rows by this foreign key would read a whole table for each of them.
    MissingIndex => "create the index that the message prints",
    /// Rows that were updated would be selected again by every run.
    StaysSelected => "let `set` take the row out of its own selection",
    /// The database's file is not there, not ours, or cannot be written.
    BadDatabase => "correct the path or the file's rights",
    /// The database could not be reached, does not answer, or was lost on the way.
    Unreachable => "see that it is there and answers; the next run tries again",
    /// The server does not let the login in.
    LoginRefused => "see that the Secret has the role's password of now, and that the role may log in there; the next run tries again",
    /// The server, or the pooler before it, has no connection left.
    TooManyConnections => "raise max_connections or the pooler's limits, or let the application hold fewer; the next run tries again",
    /// The database's disk is full.
    DiskFull => "make room, a batch needs some for its log; the next run goes on",
    /// The database takes no writes: the server follows another or is set to read only, or the file may not be written.
    ReadOnly => "name the primary, or let the login write again",
    /// The login lacks a right.
    NotPermitted => "grant what the message prints",
    /// Someone else holds the database, or a table, longer than limits.lockTimeout.
    LockTimeout => "the next run tries again; raise limits.lockTimeout if the application holds long locks",
    /// A table, key or trigger changed after the plan was made.
    SchemaChanged => "the next run plans anew",
    /// A statement took longer than limits.statementTimeout.
    StatementTimeout => "create the index that the report names, or raise limits.statementTimeout",
    /// A source that failed, or gave an answer which cannot be understood.
    SourceFailed => "mend the source; until then the tenant is kept whole",
    /// A source gave two values for one tenant.
    TwoAnswers => "leave one value for the tenant",
    /// A source gave something that is no window.
    NotAWindow => "write a whole number where the source has a unit, or a text such as 30d where it has none",
    /// A source gave zero or a negative number, and nonPositive does not say what that means.
    NonPositive => "say what it means: nonPositive: Forever or Silent",
    /// Two names that the column takes for equal have different windows.
    AmbiguousTenant => "give both the same window, or remove one",
    /// A constraint of the database kept the row.
    Constraint => "see which rows still point at it, and name them as dependents",
    /// The database did not do what it was told, e.g. because a trigger prevented it.
    NotActed => "look at the table's triggers",
    /// The same failure too often: the target was given up.
    TooManyFailures => "mend the cause that the failures name",
    /// The run's time was up.
    DeadlineExceeded => "the next run goes on; raise activeDeadlineSeconds if it never ends",
    /// The run was asked to stop.
    Stopped => "the next run goes on",
    /// maxRowsPerRun was reached.
    CapReached => "the next run goes on; raise maxRowsPerRun if overdue grows",
    /// The database refused a statement.
    DatabaseError => "see the message",
}

const PASSING: [Reason; 4] =
    [Reason::Unreachable, Reason::LoginRefused, Reason::TooManyConnections, Reason::DiskFull];

impl Reason {
    /// Whether the same run may do better later, with nobody touching the manifest: the database
    /// is out of reach, and nothing that was asked for is wrong.
    pub fn passes(self) -> bool {
        PASSING.contains(&self)
    }

    /// The same of a word, as a report has it.
    pub fn is_word_of_one_that_passes(word: &str) -> bool {
        PASSING.iter().any(|reason| reason.word() == word)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_stands_in_the_reference_with_its_next_step() {
        let reference = include_str!("../../docs/reference.md");
        for reason in ALL {
            let row = format!("| `{reason}` | ");
            let row = reference.lines().find(|line| line.starts_with(&row));
            let Some(row) = row else {
                panic!("docs/reference.md: `{reason}` has no row among the reasons");
            };
            let end = format!(" | {} |", reason.next_step());
            assert!(
                row.ends_with(&end),
                "docs/reference.md: the row of `{reason}` must end with{end}"
            );
        }
    }
}
