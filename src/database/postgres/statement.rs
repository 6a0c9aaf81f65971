//! Statements and their answers: every one in a transaction, none prepared by name.

use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::TryStreamExt;
use jiff::Timestamp;
use sqlx::Arguments;
use sqlx::postgres::PgArguments;

use super::answer::{not_begun, within};
use super::{Session, decode, text};
use crate::database::session::into;
use crate::database::{Error, ErrorClass};
use crate::model::Value;
use crate::sql::postgres::{self as sql, Beginning};
use crate::sql::{Bind, Statement};

/// How often is read what somebody holds the whole table of. Each time waits limits.lockTimeout.
const READ_TRIES: u32 = 3;
const READ_PAUSE: Duration = Duration::from_millis(50);

impl Session {
    pub(in crate::database) async fn rows(
        &mut self,
        statement: &Statement,
    ) -> Result<Vec<Vec<Value>>, Error> {
        let mut rows = Vec::new();
        self.each_row(statement, into(&mut rows)).await?;
        Ok(rows)
    }

    pub(super) async fn one_row(&mut self, statement: &Statement) -> Result<Vec<Value>, Error> {
        let mut first = None;
        self.each_row(statement, |row| {
            first = Some(row);
            ControlFlow::Break(())
        })
        .await?;
        first.ok_or_else(|| Error {
            class: ErrorClass::Statement,
            message: "the server gave no row where one was asked for".to_owned(),
        })
    }

    pub async fn each_row(
        &mut self,
        statement: &Statement,
        mut each: impl FnMut(Vec<Value>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        if self.in_transaction {
            return self.each_row_within(statement, each).await;
        }
        let mut tries = 1;
        loop {
            let mut seen = false;
            let noted = |row| {
                seen = true;
                each(row)
            };
            match self.each_row_once(statement, noted).await {
                // Somebody holds the whole table.
                Err(error) if error.class == ErrorClass::Busy && !seen && tries < READ_TRIES => {
                    tries += 1;
                    tokio::time::sleep(READ_PAUSE).await;
                }
                ended => return ended,
            }
        }
    }

    async fn each_row_once(
        &mut self,
        statement: &Statement,
        each: impl FnMut(Vec<Value>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        let along_index = statement.is_along_index();
        let reading = Beginning { writes: false, along_index, ..self.beginning.clone() };
        let begun = self.message(&sql::begin(&reading, None)).await;
        begun.map_err(|error| not_begun(error, &[]))?;
        self.in_transaction = true;
        match self.each_row_within(statement, each).await {
            Ok(()) => self.commit().await,
            Err(error) => {
                self.rollback().await;
                Err(error)
            }
        }
    }

    async fn each_row_within(
        &mut self,
        statement: &Statement,
        mut each: impl FnMut(Vec<Value>) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        self.is_there()?;
        let patience = self.patience();
        let query = sqlx::query_with(statement.sql(), arguments(statement)?).persistent(false);
        let ended = {
            let mut stream = query.fetch(&mut self.connection);
            loop {
                match within(patience, stream.try_next()).await {
                    Ok(Some(row)) if each(decode::row(&row)?).is_continue() => {}
                    Ok(_) => break Ok(()),
                    Err(error) => break Err(error),
                }
            }
        };
        ended.map_err(|error| self.told(error))
    }

    /// Compiles a statement that may write, and runs none of it.
    pub async fn compile(&mut self, statement: &Statement) -> Result<(), Error> {
        let reading = Beginning { writes: false, ..self.beginning.clone() };
        let begun = self.message(&sql::begin(&reading, None)).await;
        begun.map_err(|error| not_begun(error, &[]))?;
        self.in_transaction = true;
        // Should one stay behind in a server connection, the next has another name.
        let name = format!("ro_{}", Timestamp::now().as_nanosecond());
        self.message(&sql::compiled(statement, &name)).await?;
        self.commit().await
    }

    pub async fn execute(&mut self, statement: &Statement) -> Result<u64, Error> {
        // Alone it would commit itself, judged or not.
        if !self.in_transaction {
            let message = "a statement that writes stands outside of a transaction".to_owned();
            return Err(Error { class: ErrorClass::Invalid, message });
        }
        self.is_there()?;
        let query = sqlx::query_with(statement.sql(), arguments(statement)?).persistent(false);
        let done = within(self.patience(), query.execute(&mut self.connection)).await;
        done.map(|done| done.rows_affected()).map_err(|error| self.told(error))
    }

    /// Several statements without parameters in one round trip; the last row of the last.
    pub(super) async fn message(
        &mut self,
        statement: &Statement,
    ) -> Result<Option<Vec<Value>>, Error> {
        self.message_within(self.patience(), statement).await
    }

    pub(super) async fn message_within(
        &mut self,
        patience: Duration,
        statement: &Statement,
    ) -> Result<Option<Vec<Value>>, Error> {
        self.is_there()?;
        self.idle.so_far = Duration::ZERO;
        let mut last = None;
        let result = {
            let mut stream = sqlx::raw_sql(statement.sql()).fetch(&mut self.connection);
            loop {
                match within(patience, stream.try_next()).await {
                    Ok(Some(row)) => last = Some(row),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            }
        };
        match result {
            Ok(()) => last.as_ref().map(decode::row).transpose(),
            Err(error) => {
                let error = self.told(error);
                // BEGIN itself may have been carried out.
                self.in_transaction = true;
                self.rollback().await;
                Err(error)
            }
        }
    }
}

/// Texts and arrays of texts: the statement casts each to the type that it is compared as.
fn arguments(statement: &Statement) -> Result<PgArguments, Error> {
    let mut arguments = PgArguments::default();
    for bind in statement.binds() {
        let added = match bind {
            Bind::One(value) => arguments.add(text::of(value)),
            Bind::List(values) => arguments.add(values.iter().map(text::of).collect::<Vec<_>>()),
        };
        added
            .map_err(|error| Error { class: ErrorClass::Statement, message: error.to_string() })?;
    }
    Ok(arguments)
}
