//! Progress on its way to the record, beside the purge and never in its way.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::record::Record;
use crate::api::PurgeRunStatus;

/// How often the record is told.
const EVERY: Duration = Duration::from_secs(5);
/// How long the last update may take before the report follows it.
const ENDING: Duration = Duration::from_secs(2);

/// The sending end: only the newest snapshot waits.
pub struct Updates {
    newest: watch::Sender<Option<PurgeRunStatus>>,
    every: Duration,
    offered: Cell<Instant>,
    task: JoinHandle<()>,
}

impl Updates {
    pub fn to(record: Record, every: Option<Duration>) -> Self {
        let every = every.unwrap_or(EVERY);
        let (newest, mut offered) = watch::channel(None);
        let task = tokio::spawn(async move {
            while offered.changed().await.is_ok() {
                let status: Option<PurgeRunStatus> = offered.borrow_and_update().clone();
                let Some(status) = status else { continue };
                // The report at the end tells it all again: one update more or less is no matter.
                if let Err(fault) = record.write(&status).await {
                    tracing::warn!("progress is not told: {fault:?}");
                }
            }
        });
        Self { newest, every, offered: Cell::new(Instant::now()), task }
    }

    /// Takes a snapshot if it is time for one.
    pub fn offer(&self, snapshot: impl FnOnce() -> PurgeRunStatus) {
        if self.offered.get().elapsed() >= self.every {
            self.offered.set(Instant::now());
            self.newest.send_replace(Some(snapshot()));
        }
    }

    /// Nothing may come after the report: an update on its way has arrived, or is broken off.
    pub async fn end(self) {
        let Self { newest, every: _, offered: _, mut task } = self;
        drop(newest);
        if tokio::time::timeout(ENDING, &mut task).await.is_err() {
            task.abort();
        }
    }
}
