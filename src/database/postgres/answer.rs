//! How long an answer is waited for, what an error means in a session, and what is left of one that
//! was lost.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::Session;
use crate::database::error::{ends_session, is_of_a_function};
use crate::database::{Error, ErrorClass};
use crate::model::Table;

/// The server ends a statement by itself when its time is up. Who has heard nothing so much later
/// will hear nothing.
pub(super) const ON_THE_WAY: Duration = Duration::from_secs(5);

/// A GRANT changes a table too.
pub(super) const CHANGED: &str =
    "a table, a key, a trigger or a right changed after the plan was made";

impl Session {
    /// How long the answer to one statement is waited for.
    pub(super) fn patience(&self) -> Duration {
        self.beginning.statement_timeout + ON_THE_WAY
    }

    /// A session that was lost is not asked again: it could wait for every answer anew.
    pub(super) fn is_there(&self) -> Result<(), Error> {
        self.lost.clone().map_or(Ok(()), Err)
    }

    /// What an error means here.
    pub(super) fn told(&mut self, error: sqlx::Error) -> Error {
        let (ends, of_a_function) = (ends_session(&error), is_of_a_function(&error));
        let told = Error::postgres(error);
        if ends {
            self.lost = Some(told.clone());
        }
        // Every statement was compiled, and every right was there, when the plan was made.
        match (told.class, self.schema.is_some() && !of_a_function) {
            (ErrorClass::Invalid, true) => Error {
                class: ErrorClass::SchemaChanged,
                message: format!("{CHANGED}: {}", told.message),
            },
            (ErrorClass::Denied, true) => Error {
                message: format!(
                    "{}: the right was there when the plan was made, and the next run prints the GRANT",
                    told.message
                ),
                ..told
            },
            _ => told,
        }
    }
}

/// Ends with an error when there is no answer.
pub(super) async fn within<T>(
    patience: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    let mut answer = pin!(answer);
    // Most rows came with the one before: a clock for each would cost more than the row.
    if let Poll::Ready(here) = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await {
        return here;
    }
    tokio::time::timeout(patience, answer).await.unwrap_or_else(|_| {
        let words = format!(
            "no answer within {} s: the server hangs, a pooler has no connection left for us, or \
             the network swallows what is said",
            patience.as_secs()
        );
        Err(io::Error::new(io::ErrorKind::TimedOut, words).into())
    })
}

/// A transaction that could not begin is no row's fault.
pub(super) fn not_begun(error: Error, locked: &[&Table]) -> Error {
    let names: Vec<String> = locked.iter().map(|table| table.name.to_string()).collect();
    let names = names.join(", ");
    let message = error.message;
    let (class, message) = match error.class {
        ErrorClass::Busy => (
            ErrorClass::Blocked,
            format!("somebody else holds the whole of one of the tables {names}: {message}"),
        ),
        ErrorClass::Timeout => (
            ErrorClass::Blocked,
            format!(
                "a transaction did not begin in time: somebody holds one of the tables {names}, or \
                 the login's own statement_timeout is too short for anything; {message}"
            ),
        ),
        ErrorClass::Statement | ErrorClass::Constraint => (ErrorClass::Invalid, message),
        class => (class, message),
    };
    Error { class, message }
}
