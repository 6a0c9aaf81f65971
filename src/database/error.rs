//! What a database's errors mean for a run.

use sqlx::postgres::{PgDatabaseError, PgSeverity};

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
    /// No writes are taken, by anybody or by this login.
    ReadOnly,
    /// The database cannot be opened or read, or is lost.
    Unreachable,
    /// The login is not let in.
    LoginRefused,
    /// Others hold all connections.
    Crowded,
    DiskFull,
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
            ErrorClass::NotADatabase => Reason::BadDatabase,
            ErrorClass::ReadOnly => Reason::ReadOnly,
            ErrorClass::Unreachable => Reason::Unreachable,
            ErrorClass::LoginRefused => Reason::LoginRefused,
            ErrorClass::Crowded => Reason::TooManyConnections,
            ErrorClass::DiskFull => Reason::DiskFull,
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
            return Self { class: ErrorClass::Unreachable, message: lost(&error) };
        };
        let code = database.code().unwrap_or_default();
        let class = match &*code {
            "40001" | "40P01" | "55P03" => ErrorClass::Busy,
            // Another backend ends the statement; so does limits.statementTimeout.
            "57014" => ErrorClass::Timeout,
            "42501" => ErrorClass::Denied,
            "25006" => ErrorClass::ReadOnly,
            "53100" => ErrorClass::DiskFull,
            "53300" => ErrorClass::Crowded,
            // All that a pooler says of itself.
            "08P01" if is_crowded(database.message()) => ErrorClass::Crowded,
            // While it waited, a pooler or the server ended the session or its transaction.
            "25P03" | "25P04" => ErrorClass::Unreachable,
            // An exception of a trigger is a constraint that somebody wrote by hand.
            "P0001" | "27000" => ErrorClass::Constraint,
            "3D000" => ErrorClass::Unreachable,
            _ => match code.get(..2) {
                Some("28") => ErrorClass::LoginRefused,
                Some("23" | "44") => ErrorClass::Constraint,
                Some("42" | "3F") => ErrorClass::Invalid,
                Some("08" | "53" | "57" | "58" | "XX") => ErrorClass::Unreachable,
                _ => ErrorClass::Statement,
            },
        };
        let message = match class {
            ErrorClass::Timeout if database.message().contains("user request") => {
                "somebody ended the statement, as pg_cancel_backend does".to_owned()
            }
            ErrorClass::Timeout => {
                "a statement took longer than limits.statementTimeout".to_owned()
            }
            ErrorClass::ReadOnly => format!("the server is read only: {}", database.message()),
            _ => harmless(&code, database),
        };
        Self { class, message }
    }

    /// Whether no target can do anything on this database for now.
    pub fn is_of_the_server(&self) -> bool {
        self.reason().passes() || self.class == ErrorClass::ReadOnly
    }
}

/// Of pgbouncer, which has one code for everything.
fn is_crowded(message: &str) -> bool {
    ["no more connections allowed", "query_wait_timeout"].iter().any(|said| message.contains(said))
}

/// How a connection ended that nobody has said farewell to.
fn lost(error: &sqlx::Error) -> String {
    use std::io::ErrorKind;
    let kind = match error {
        sqlx::Error::Io(error) => Some(error.kind()),
        _ => None,
    };
    match kind {
        Some(ErrorKind::TimedOut) => {
            let words = error.to_string();
            words.trim_start_matches("error communicating with database: ").to_owned()
        }
        Some(ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
            "the connection was lost: the server, or something on the way to it, closed it"
                .to_owned()
        }
        _ => error.to_string(),
    }
}

/// Whether the session is gone with this error.
pub(super) fn ends_session(error: &sqlx::Error) -> bool {
    match error.as_database_error() {
        Some(error) => is_fatal(error),
        None => {
            matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_))
        }
    }
}

/// FATAL and PANIC are the server's, or a pooler's, own: no trigger can raise them.
fn is_fatal(error: &dyn sqlx::error::DatabaseError) -> bool {
    let server = error.try_downcast_ref::<PgDatabaseError>();
    server.is_some_and(|error| matches!(error.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

/// Whether it comes from within a function or a trigger: what that names is not ours.
pub(super) fn is_of_a_function(error: &sqlx::Error) -> bool {
    let server = error.as_database_error().and_then(|error| error.try_downcast_ref());
    server.is_some_and(|error: &PgDatabaseError| error.r#where().is_some())
}

fn raised_by(error: &dyn sqlx::error::DatabaseError) -> Option<&str> {
    error.try_downcast_ref::<PgDatabaseError>()?.routine()
}

/// A message without what stands in rows: the server's own name tables and columns, and quote the
/// value that cannot be computed with; those of a trigger may say anything.
fn harmless(code: &str, error: &dyn sqlx::error::DatabaseError) -> String {
    // A pooler's own words have no routine, and no trigger can end the session.
    let raised = !is_fatal(error)
        && raised_by(error).is_none_or(|routine| {
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
            13 => ErrorClass::DiskFull,
            3 | 10 | 14 | 23 => ErrorClass::Unreachable,
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
