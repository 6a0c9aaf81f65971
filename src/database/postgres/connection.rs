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
        Ok(Err(error)) => {
            let Error { class, message } = Error::postgres(error);
            // There was none that could be lost.
            let class = if class == ErrorClass::Lost { ErrorClass::Unreachable } else { class };
            return Err(Error { class, message: format!("{}: {message}", options.server()) });
        }
        Err(_) => format!("no connection within {} s", options.timeout.as_secs()),
    };
    Err(Error {
        class: ErrorClass::Unreachable,
        message: format!("{}: {message}", options.server()),
    })
}

impl Session {
    /// Whether the connection broke: everything fails until there is another.
    pub fn is_lost(&self) -> bool {
        self.is_lost
    }

    pub(super) fn is_there(&self) -> Result<(), Error> {
        if self.is_lost {
            let message = "the connection broke".to_owned();
            return Err(Error { class: ErrorClass::Lost, message });
        }
        Ok(())
    }

    pub(super) fn heard(&mut self, error: sqlx::Error) -> Error {
        let error = Error::postgres(error);
        self.is_lost |= error.class == ErrorClass::Lost;
        error
    }

    /// Another connection in place of one that broke; what batches may begin on stays as it was.
    pub async fn reconnect(&mut self) -> Result<(), Error> {
        self.connection = open(&self.options).await?;
        self.is_lost = false;
        self.in_transaction = false;
        let found = self.server().await?;
        self.identify().await?;
        if found.follows && self.beginning.writes {
            // As long as nobody has taken over.
            self.is_lost = true;
            let message = format!("{}: the server follows another", self.options.server());
            return Err(Error { class: ErrorClass::Unreachable, message });
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
            Err(error) if self.is_lost => return Err(error),
            Err(_) => None,
        };
        Ok(())
    }
}
