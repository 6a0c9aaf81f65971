//! One connection to one PostgreSQL database, perhaps through a pooler that lends a server
//! connection for the length of a transaction.
//!
//! So every statement stands between BEGIN and COMMIT, none is prepared by name, and no value of
//! a type that the driver would have to look up is ever sent or asked for: outside of a
//! transaction the pooler has handed one client the answer to another's statement (tried with
//! pgbouncer 1.18).

mod answer;
mod catalog;
mod commit;
mod connection;
mod decode;
mod idle;
mod login;
mod pressure;
mod statement;
#[cfg(test)]
mod tests;
mod text;

pub use login::{Fault, Options, Part, options};

use std::time::{Duration, Instant};

use jiff::Timestamp;
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::session::Mode;
use super::{Error, ErrorClass};
use crate::model::{Table, TableName, Value};
use crate::sql::postgres::{self as sql, Batch, Beginning};
use answer::{CHANGED, ON_THE_WAY, not_begun, within};

/// What the server says of itself.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its clock, in whole seconds.
    pub clock: Timestamp,
    /// As it prints it, e.g. `15.18 (Debian 15.18-0+deb12u1)`.
    pub version: String,
    /// Whether it takes no writes because it follows another.
    pub follows: bool,
    /// Whether this login is set to read only.
    pub reads_only: bool,
    /// Whether foreign keys and triggers do what they are declared to.
    pub enforces: bool,
}

/// A session.
pub struct Session {
    options: Options,
    connection: PgConnection,
    /// Which server it is, of all that have the same rows; `None`: it does not tell.
    identity: Option<String>,
    /// The batch's transaction.
    transaction: Option<String>,
    beginning: Beginning,
    /// The schema that batches may begin on, and of which tables; `None`: any.
    schema: Option<(String, Value)>,
    /// Why nothing more can be asked.
    lost: Option<Error>,
    in_transaction: bool,
    /// When the batch began.
    begun: Instant,
    /// Others waited for a row of the last batch when it ended.
    pub(super) was_waited_for: bool,
    /// The search path that the login begins with.
    default_path: String,
    /// Whether the server counts what a transaction deletes.
    pub(super) counts_deletes: bool,
    idle: idle::Idle,
}

impl Session {
    /// Connects, within the time, and asks for nothing yet.
    pub async fn connect(
        options: &Options,
        mode: Mode,
        lock_timeout: Duration,
        statement_timeout: Duration,
    ) -> Result<Self, Error> {
        let connection = connection::open(options).await?;
        let mut session =
            Self::on(connection, options.clone(), mode, lock_timeout, statement_timeout);
        // A pooler lets in whom the server behind it does not.
        session.server().await.map_err(|error| connection::refused(error, options))?;
        session.identify().await?;
        Ok(session)
    }

    fn on(
        connection: PgConnection,
        options: Options,
        mode: Mode,
        lock_timeout: Duration,
        statement_timeout: Duration,
    ) -> Self {
        let beginning = Beginning {
            writes: mode == Mode::Write,
            lock_timeout,
            statement_timeout,
            extensions: Vec::new(),
            version: 0,
            along_index: false,
            bytes: false,
        };
        Self {
            options,
            connection,
            identity: None,
            transaction: None,
            beginning,
            schema: None,
            lost: None,
            in_transaction: false,
            begun: Instant::now(),
            was_waited_for: false,
            default_path: String::new(),
            counts_deletes: false,
            idle: idle::Idle::default(),
        }
    }

    /// From here on statements act, by keys alone: the triggers that they set off were written for
    /// the path on which the application finds its tables.
    pub async fn act(&mut self) -> Result<(), Error> {
        let path = sql::path(&self.beginning.extensions, &self.default_path);
        self.message(&path).await.map(|_| ())
    }

    /// The server's clock and version, now.
    pub async fn server(&mut self) -> Result<Server, Error> {
        let row = self.one_row(&sql::server()).await?;
        let text = |at: usize| row.get(at).and_then(Value::name).unwrap_or_default();
        self.beginning.version = row.get(1).and_then(Value::as_integer).unwrap_or_default();
        let clock = text(0).replace(' ', "T").parse().map_err(|error| Error {
            class: ErrorClass::Statement,
            message: format!("the server's clock cannot be read: {error}"),
        })?;
        self.default_path = text(5);
        self.counts_deletes = row.get(4).is_some_and(Value::is_true);
        self.beginning.bytes = row.get(7).is_some_and(Value::is_true);
        let most = row.get(8).and_then(Value::as_integer).filter(|millis| *millis > 0);
        self.idle.most = most.map(|millis| Duration::from_millis(millis.unsigned_abs()));
        Ok(Server {
            clock,
            version: text(2),
            follows: row.get(3).is_some_and(Value::is_true),
            reads_only: row.get(9).is_some_and(Value::is_true),
            enforces: row.get(6).is_some_and(Value::is_true),
        })
    }

    /// Schemas of extensions that are looked through for types and operators.
    pub fn look_through(&mut self, extensions: Vec<String>) {
        self.beginning.extensions = extensions;
    }

    pub async fn schema_version(
        &mut self,
        tables: &[TableName],
        families: bool,
    ) -> Result<Value, Error> {
        let row = self.one_row(&sql::alone(sql::schema_version(tables, families))).await?;
        Ok(row.into_iter().next().unwrap_or(Value::Null))
    }

    pub fn expect_schema(&mut self, tables: &[TableName], version: Value) {
        self.schema = Some((sql::schema_version(tables, false), version));
    }

    /// If we die in a batch, the server forgets it when it finds the connection closed.
    pub async fn begin(&mut self, written: &[&Table], row_wait: Duration) -> Result<(), Error> {
        // A lock of the whole table asks for a right to all of its columns.
        let lockable: Vec<&Table> = written
            .iter()
            .copied()
            .filter(|table| table.rights.delete || table.rights.update)
            .collect();
        let watched = self.schema.as_ref().map(|(statement, _)| statement.as_str());
        let batch = Batch { written: &sql::names(&lockable), row_wait, watched };
        let begin = sql::begin(&self.beginning, Some(&batch));
        // Each table may be waited for.
        let waits = self.beginning.lock_timeout * u32::try_from(written.len()).unwrap_or(u32::MAX);
        let begun = self.message_within(self.patience().saturating_add(waits), &begin).await;
        let last = begun.map_err(|error| not_begun(error, written))?;
        self.in_transaction = true;
        self.begun = Instant::now();
        self.was_waited_for = false;
        self.transaction = None;
        let Some((_, planned)) = &self.schema else { return Ok(()) };
        let last = last.unwrap_or_default();
        self.transaction = last.get(3).and_then(Value::name);
        let schemas = i64::try_from(self.beginning.extensions.len() + 1).unwrap_or(i64::MAX);
        let changed = if last.first() != Some(planned) {
            Error { class: ErrorClass::SchemaChanged, message: CHANGED.to_owned() }
        } else if last.get(1).and_then(Value::as_integer) != Some(schemas) {
            Error {
                class: ErrorClass::Denied,
                message: "the login may not use the schema of an extension any more".to_owned(),
            }
        } else if last.get(2).is_none_or(Value::is_true) {
            Error {
                class: ErrorClass::Denied,
                message: "the schema of an extension has operators that somebody made: conditions could mean something else by them".to_owned(),
            }
        } else {
            return Ok(());
        };
        self.rollback().await;
        Err(changed)
    }

    pub async fn commit(&mut self) -> Result<(), Error> {
        self.message(&sql::commit()).await?;
        self.in_transaction = false;
        Ok(())
    }

    pub async fn rollback(&mut self) {
        // What was lost in a transaction is undone when the server finds out.
        if !std::mem::take(&mut self.in_transaction) || self.lost.is_some() {
            return;
        }
        let rollback = sqlx::raw_sql("ROLLBACK").execute(&mut self.connection);
        if let Err(error) = within(ON_THE_WAY, rollback).await {
            let error = self.told(error);
            tracing::debug!("rollback: {error}");
        }
    }

    pub async fn close(self) {
        if self.lost.is_some() {
            return;
        }
        if let Err(error) = self.connection.close().await {
            tracing::debug!("close: {error}");
        }
    }
}
