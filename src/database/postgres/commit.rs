//! COMMIT, and what became of one that got no answer.

use std::time::Duration;

use super::Session;
use crate::database::{Error, ErrorClass, Mode, Settled};
use crate::model::Value;
use crate::sql::postgres::{self as sql, Beginning};

/// What a batch aims at: who waits for one that takes longer is worth a question.
const LONG: Duration = Duration::from_millis(50);

impl Session {
    /// Ends a batch for good. One that took long asks in the same message who waits for it.
    pub async fn commit_batch(&mut self) -> Result<(), Error> {
        if self.begun.elapsed() < LONG {
            return self.commit().await;
        }
        let last = self.message(&sql::commit_and_tell()).await?;
        self.was_waited_for = last.is_some_and(|row| row.first().is_some_and(Value::is_true));
        self.in_transaction = false;
        Ok(())
    }

    /// What became of the last batch, asked on a connection of its own. `Err`: it may be asked again.
    pub async fn settled(&self) -> Result<Settled, Error> {
        let (Some(transaction), Some(identity)) = (&self.transaction, &self.identity) else {
            return Ok(Settled::Unknown);
        };
        let Beginning { lock_timeout, statement_timeout, .. } = self.beginning;
        let asked = Self::connect(&self.options, Mode::Read, lock_timeout, statement_timeout);
        let mut asking = asked.await?;
        let row = match asking.one_row(&sql::settled(transaction)).await {
            Ok(row) => row,
            Err(error) if asking.is_lost() => return Err(error),
            // This server has not had it yet: it is another one.
            Err(error) => {
                tracing::debug!("transaction {transaction}: {error}");
                return Ok(Settled::Unknown);
            }
        };
        asking.close().await;
        let word = |at: usize| row.get(at).and_then(Value::name);
        let again = |message: &str| {
            let message = format!("{}: {message}", self.options.server());
            Err(Error { class: ErrorClass::Unreachable, message })
        };
        match (word(0), word(1).as_deref()) {
            (None, _) => again("the server follows another"),
            (Some(other), _) if other != *identity => Ok(Settled::Unknown),
            (Some(_), Some("committed")) => Ok(Settled::Committed),
            (Some(_), Some("aborted")) => Ok(Settled::Undone),
            // The server has not seen yet that nobody listens, or waits for its replicas.
            (Some(_), Some("in progress")) => again("the transaction has not ended yet"),
            (Some(_), _) => Ok(Settled::Unknown),
        }
    }
}
