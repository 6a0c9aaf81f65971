//! A connection, and another one when it broke.

use sqlx::Connection;
use sqlx::postgres::PgConnection;

use super::{Options, Session};
use crate::database::{Error, ErrorClass};
use crate::model::Value;
use crate::sql::postgres as sql;

/// Connects, within the time.
pub(super) async fn open(options: &Options) -> Result<PgConnection, Error> {
    let connecting = PgConnection::connect_with(&options.connect);
    let message = match tokio::time::timeout(options.timeout, connecting).await {
        Ok(Ok(connection)) => return Ok(connection),
        Ok(Err(error)) => return Err(refused(Error::postgres(error), options)),
        Err(_) => format!("no connection within {} s", options.timeout.as_secs()),
    };
    Err(Error {
        class: ErrorClass::Unreachable,
        message: format!("{}: {message}", options.server()),
    })
}

/// At the start nothing is asked for that a right or a row could be about: the login is at fault.
pub(super) fn refused(error: Error, options: &Options) -> Error {
    let class = match error.class {
        ErrorClass::Denied => ErrorClass::LoginRefused,
        class => class,
    };
    Error { class, message: format!("{}: {}", options.server(), error.message) }
}

impl Session {
    /// Whether the connection broke: everything fails until there is another.
    pub fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Another connection in place of one that broke; what batches may begin on stays as it was.
    pub async fn reconnect(&mut self) -> Result<(), Error> {
        self.connection = open(&self.options).await?;
        self.lost = None;
        self.in_transaction = false;
        let found = self.server().await?;
        self.identify().await?;
        if found.follows && self.beginning.writes {
            // As long as nobody has taken over.
            let message = format!("{}: the server follows another", self.options.server());
            let error = Error { class: ErrorClass::Unreachable, message };
            self.lost = Some(error.clone());
            return Err(error);
        }
        Ok(())
    }

    /// Only who writes has to know which server it is. One that does not tell is no worse a server.
    pub(super) async fn identify(&mut self) -> Result<(), Error> {
        if !self.beginning.writes {
            return Ok(());
        }
        self.identity = match self.one_row(&sql::identity()).await {
            Ok(row) => row.first().and_then(Value::name),
            Err(error) if self.is_lost() => return Err(error),
            Err(_) => None,
        };
        Ok(())
    }
}
