//! What a statement changes, row by row, as SQLite tells it: also what goes by a foreign key, which its
//! own count of a statement leaves out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::sqlite::{LockedSqliteHandle, SqliteOperation};

use super::{Error, Session};
use crate::model::Value;
use crate::sql::Statement;

/// Rows that were told since somebody last asked.
#[derive(Debug, Default)]
struct Told {
    all: u64,
    deleted: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
pub(super) struct Changes(Arc<Mutex<Told>>);

impl Changes {
    pub(super) fn listen(&self, handle: &mut LockedSqliteHandle<'_>) {
        let told = Arc::clone(&self.0);
        handle.set_update_hook(move |change| {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            told.all += 1;
            if matches!(change.operation, SqliteOperation::Delete) {
                match told.deleted.get_mut(change.table) {
                    Some(rows) => *rows += 1,
                    None => drop(told.deleted.insert(change.table.to_owned(), 1)),
                }
            }
        });
    }

    fn take(&self) -> Told {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Session {
    /// Runs a statement that deletes: how many rows of which table went, whatever they went by. `None`:
    /// more was changed than SQLite tells row by row, as in tables without a rowid.
    pub async fn delete_counted(
        &mut self,
        statement: &Statement,
    ) -> Result<Option<BTreeMap<String, u64>>, Error> {
        let before = self.total_changes().await?;
        self.changes.take();
        self.execute(statement).await?;
        let told = self.changes.take();
        let changed = self.total_changes().await?.saturating_sub(before);
        Ok((told.all == changed).then_some(told.deleted))
    }

    async fn total_changes(&mut self) -> Result<u64, Error> {
        let total = self.raw_value("SELECT total_changes()").await?;
        Ok(if let Value::Integer(total) = total { total.unsigned_abs() } else { 0 })
    }
}
