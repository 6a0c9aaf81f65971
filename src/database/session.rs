//! A session with any of the databases.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use super::{Error, Pressure, postgres, sqlite};
use crate::model::{Catalog, Engine, Table, TableName, Value};
use crate::sql::Statement;

/// What a session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing can be changed: for every plan, and for a dry run.
    Read,
    Write,
}

/// What became of a batch whose COMMIT got no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    Committed,
    Undone,
    /// Nobody can tell.
    Unknown,
}

/// One connection to one database. Statements outside of `begin` .. `commit` only ever read.
pub enum Session {
    Sqlite(Box<sqlite::Session>),
    Postgres(Box<postgres::Session>),
}

/// Gathers every row.
pub(super) fn into(rows: &mut Vec<Vec<Value>>) -> impl FnMut(Vec<Value>) -> ControlFlow<()> {
    |row| {
        rows.push(row);
        ControlFlow::Continue(())
    }
}

macro_rules! each {
    ($session:expr, $inner:ident => $call:expr) => {
        match $session {
            Session::Sqlite($inner) => $call,
            Session::Postgres($inner) => $call,
        }
    };
}

impl Session {
    pub fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// All tables of the database.
    pub async fn catalog(&mut self) -> Result<Catalog, Error> {
        each!(self, inner => inner.catalog().await)
    }

    /// All rows of a statement that reads.
    pub async fn rows(&mut self, statement: &Statement) -> Result<Vec<Vec<Value>>, Error> {
        let mut rows = Vec::new();
        self.each_row(statement, into(&mut rows)).await?;
        Ok(rows)
    }

    /// Row by row, until the caller has seen enough.
    pub async fn each_row(
        &mut self,
        statement: &Statement,
        each: impl FnMut(Vec<Value>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        each!(self, inner => inner.each_row(statement, each).await)
    }

    /// Runs a statement that writes, and gives how many rows it touched.
    pub async fn execute(&mut self, statement: &Statement) -> Result<u64, Error> {
        each!(self, inner => inner.execute(statement).await)
    }

    /// A value that changes with the schema, whoever changes it: SQLite's whole, elsewhere that of
    /// these tables, and with `families` of whichever parts they have.
    pub async fn schema_version(
        &mut self,
        tables: &[TableName],
        families: bool,
    ) -> Result<Value, Error> {
        match self {
            Self::Sqlite(inner) => inner.schema_version().await,
            Self::Postgres(inner) => inner.schema_version(tables, families).await,
        }
    }

    /// From here on a transaction begins only while the schema of these tables is this one: a
    /// migration may have added a table that cascades, or a trigger, of which the plan knows nothing.
    pub fn expect_schema(&mut self, tables: &[TableName], version: Value) {
        match self {
            Self::Sqlite(inner) => inner.expect_schema(version),
            Self::Postgres(inner) => inner.expect_schema(tables, version),
        }
    }

    /// Whether the database counts what it deletes by itself in a transaction.
    pub fn counts_deletes(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(inner) => inner.counts_deletes,
        }
    }

    /// Runs a statement that deletes: how many rows of which table went, also by foreign keys. `None`: the
    /// database does not tell.
    pub async fn delete_counted(
        &mut self,
        statement: &Statement,
    ) -> Result<Option<BTreeMap<String, u64>>, Error> {
        match self {
            Self::Sqlite(inner) => inner.delete_counted(statement).await,
            Self::Postgres(_) => Ok(None),
        }
    }

    /// Looks after the database when a batch that took so long has ended, and gives how long that took.
    pub async fn tend(&mut self, took: Duration) -> Duration {
        match self {
            Self::Sqlite(inner) => inner.tend(took).await,
            Self::Postgres(_) => Duration::ZERO,
        }
    }

    /// Begins a batch that writes to these tables. In SQLite nobody else can change anything from
    /// here on; in PostgreSQL nobody can change the schema of these tables, and no row is waited for
    /// longer than this.
    pub async fn begin(&mut self, written: &[&Table], row_wait: Duration) -> Result<(), Error> {
        match self {
            Self::Sqlite(inner) => inner.begin().await,
            Self::Postgres(inner) => inner.begin(written, row_wait).await,
        }
    }

    /// From here on the batch acts, and the application's triggers with it.
    pub async fn act(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(inner) => inner.act().await,
        }
    }

    /// Does nothing for so long, outside of any transaction.
    pub async fn rest(&mut self, rest: Duration) {
        match self {
            Self::Sqlite(_) => tokio::time::sleep(rest).await,
            Self::Postgres(inner) => inner.rest(rest).await,
        }
    }

    /// Ends the transaction for good.
    pub async fn commit(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(inner) => inner.commit().await,
            Self::Postgres(inner) => inner.commit_batch().await,
        }
    }

    /// Whether the connection broke: everything fails until there is another.
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(inner) => inner.is_lost(),
        }
    }

    /// Another connection in place of one that broke. Batches begin only while the schema is still
    /// the one that the plan was made for.
    pub async fn reconnect(&mut self) -> Result<(), Error> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(inner) => inner.reconnect().await,
        }
    }

    /// What became of the last batch, when the connection broke at its end. `Err`: it may be asked
    /// again.
    pub async fn settled(&self) -> Result<Settled, Error> {
        match self {
            Self::Sqlite(_) => Ok(Settled::Unknown),
            Self::Postgres(inner) => inner.settled().await,
        }
    }

    /// Whether somebody waited for the last batch when it ended. In SQLite nobody can tell.
    pub fn was_waited_for(&self) -> bool {
        match self {
            Self::Sqlite(_) => false,
            Self::Postgres(inner) => inner.was_waited_for,
        }
    }

    /// Undoes the transaction.
    pub async fn rollback(&mut self) {
        each!(self, inner => inner.rollback().await);
    }

    /// How the database fares, and who waits for one of these tables. Outside of a transaction.
    pub async fn pressure(&mut self, tables: &[&Table]) -> Result<Pressure, Error> {
        match self {
            Self::Sqlite(inner) => {
                Ok(Pressure { log: inner.checkpoint().await, ..Pressure::default() })
            }
            Self::Postgres(inner) => inner.pressure(tables).await,
        }
    }

    pub async fn close(self) {
        each!(self, inner => inner.close().await);
    }
}
