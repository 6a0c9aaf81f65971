//! What a database's errors mean for a run.

use sqlx::postgres::PgSeverity;

use crate::model::Reason;

/// What can be done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Someone else holds a lock that some row needs: the whole batch can be tried again.
    Busy,
    /// Someone else holds the whole database, or a whole table: no batch can begin.
    Blocked,
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
    /// The connection broke. What was under way is undone, unless it was COMMIT.
    Lost,
    /// The login may not do that.
    Denied,
    /// The statement cannot be computed: where it cannot be told apart, for want of a table or a
    /// column; otherwise for what stands in some row.
    Statement,
    /// The statement itself is wrong, whatever the rows: a table or column that is not there, a
    /// type that does not fit.
    Invalid,
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
            ErrorClass::Busy | ErrorClass::Blocked => Reason::LockTimeout,
            ErrorClass::Constraint => Reason::Constraint,
            ErrorClass::NotADatabase | ErrorClass::ReadOnly => Reason::BadDatabase,
            ErrorClass::Unreachable | ErrorClass::Lost => Reason::Unreachable,
            ErrorClass::Denied => Reason::NotPermitted,
            ErrorClass::SchemaChanged => Reason::SchemaChanged,
            ErrorClass::Timeout => Reason::StatementTimeout,
            ErrorClass::Statement | ErrorClass::Invalid => Reason::DatabaseError,
        }
    }
}

impl Error {
    /// Of PostgreSQL, by the class of its SQLSTATE (postgresql.org/docs/current/errcodes-appendix).
    pub(super) fn postgres(error: sqlx::Error) -> Self {
        let Some(database) = error.as_database_error() else {
            let class = match error {
                sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => {
                    ErrorClass::Lost
                }
                _ => ErrorClass::Unreachable,
            };
            return Self { class, message: error.to_string() };
        };
        let code = database.code().unwrap_or_default();
        let class = match &*code {
            _ if is_last_word(database) => ErrorClass::Lost,
            "40001" | "40P01" | "55P03" => ErrorClass::Busy,
            // Another backend ends the statement; so does limits.statementTimeout.
            "57014" => ErrorClass::Timeout,
            "42501" | "28000" => ErrorClass::Denied,
            "25006" => ErrorClass::ReadOnly,
            // An exception of a trigger is a constraint that somebody wrote by hand.
            "P0001" | "27000" => ErrorClass::Constraint,
            "28P01" | "3D000" => ErrorClass::Unreachable,
            _ => match code.get(..2) {
                Some("23" | "44") => ErrorClass::Constraint,
                Some("42") => ErrorClass::Invalid,
                Some("08" | "53" | "57" | "58" | "XX") => ErrorClass::Unreachable,
                _ => ErrorClass::Statement,
            },
        };
        let message = match class {
            ErrorClass::Timeout => {
                "a statement took longer than limits.statementTimeout".to_owned()
            }
            _ => harmless(&code, database),
        };
        Self { class, message }
    }
}

/// Whether the server ends the connection with it.
fn is_last_word(error: &dyn sqlx::error::DatabaseError) -> bool {
    let server = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>();
    server.is_some_and(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

/// A message without what stands in rows: the server's own name tables and columns, and quote the
/// value that cannot be computed with; those of a trigger may say anything.
fn harmless(code: &str, error: &dyn sqlx::error::DatabaseError) -> String {
    let server = error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>();
    let raised = server.and_then(sqlx::postgres::PgDatabaseError::routine).is_none_or(|routine| {
        ["exec_stmt_raise", "PLy_elog", "plperl_return_next"].contains(&routine)
    });
    let message = error.message();
    match code.get(..2) {
        _ if raised => format!("a trigger or a function raised an error (SQLSTATE {code})"),
        Some("22") => match (message.find('"'), message.rfind('"')) {
            (Some(from), Some(to)) if from < to => {
                format!("{}…{}", &message[..=from], &message[to..])
            }
            _ => message.to_owned(),
        },
        Some("P0" | "38" | "39") => format!("a function failed (SQLSTATE {code})"),
        _ => message.to_owned(),
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
