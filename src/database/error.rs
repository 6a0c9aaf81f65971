//! What a database's errors mean for a run.

use crate::model::Reason;

/// What can be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Someone else holds the lock: the whole batch can be tried again.
    Busy,
    /// A constraint or a trigger keeps some row of the batch.
    Constraint,
    /// The tables are not those that the plan was made for.
    SchemaChanged,
    /// The statement took longer than it may.
    Timeout,
    /// The file is no database, or is damaged.
    NotADatabase,
    ReadOnly,
    /// The file cannot be opened or read.
    Unreachable,
    /// The statement itself is wrong: a table or column that is not there, a type that does not fit.
    Statement,
}

/// An error of the database, with its words: they name tables and columns, never values.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub class: ErrorClass,
    pub message: String,
}

impl Error {
    pub fn reason(&self) -> Reason {
        match self.class {
            ErrorClass::Busy => Reason::LockTimeout,
            ErrorClass::Constraint => Reason::Constraint,
            ErrorClass::NotADatabase | ErrorClass::ReadOnly => Reason::BadDatabase,
            ErrorClass::Unreachable => Reason::Unreachable,
            ErrorClass::SchemaChanged => Reason::SchemaChanged,
            ErrorClass::Timeout => Reason::StatementTimeout,
            ErrorClass::Statement => Reason::DatabaseError,
        }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let Some(database) = error.as_database_error() else {
            return Self { class: ErrorClass::Unreachable, message: error.to_string() };
        };
        let code: i64 = database.code().and_then(|code| code.parse().ok()).unwrap_or(1);
        // SQLite's primary result codes are the low eight bits (sqlite.org/rescode.html).
        let class = match code & 0xff {
            5 | 6 => ErrorClass::Busy,
            19 => ErrorClass::Constraint,
            9 => ErrorClass::Timeout,
            8 => ErrorClass::ReadOnly,
            11 | 26 => ErrorClass::NotADatabase,
            3 | 10 | 13 | 14 | 23 => ErrorClass::Unreachable,
            _ => ErrorClass::Statement,
        };
        // SQLite says only "interrupted"; who interrupts is limits.statementTimeout.
        let message = match class {
            ErrorClass::Timeout => {
                "a statement took longer than limits.statementTimeout".to_owned()
            }
            _ => database.message().to_owned(),
        };
        Self { class, message }
    }
}
