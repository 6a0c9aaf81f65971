//! How a server fares, and who waits for us.

use std::time::Duration;

use super::Session;
use crate::database::{Error, Follower, Pressure};
use crate::model::{Table, Value};
use crate::sql::postgres as sql;

impl Session {
    /// In a transaction of its own, between batches.
    pub async fn pressure(&mut self, tables: &[&Table]) -> Result<Pressure, Error> {
        let rows = self.rows(&sql::pressure(tables)).await?;
        let first = rows.first();
        Ok(Pressure {
            login: first.and_then(|row| row[0].name()).unwrap_or_default(),
            waiters: first.is_some_and(|row| row[1].is_true()),
            followers: rows.iter().filter_map(|row| follower(row)).collect(),
            ..Pressure::default()
        })
    }
}

fn follower(row: &[Value]) -> Option<Follower> {
    let count = |at: usize| row[at].as_integer().map(|number| u64::try_from(number).unwrap_or(0));
    Some(Follower {
        name: row[2].name()?,
        state: row[3].name(),
        is_logical: row[4].is_true(),
        written: count(5).unwrap_or(u64::MAX),
        replayed: count(6),
        lag: count(7).map(Duration::from_millis),
    })
}
