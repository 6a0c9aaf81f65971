//! What batches write: pages in memory, the write-ahead log, and from there into the file.

use std::time::{Duration, Instant};

use super::super::Log;
use super::{Session, decode};

/// So long batches write before what they wrote is moved into the file.
const UNTIL_MOVED: Duration = Duration::from_millis(200);

/// What a connection that writes is told.
///
/// SQLite would move the log by itself, within whichever COMMIT makes it long: that batch would seem to
/// be the slow one, though nobody waits for it any more. A batch touches pages all over an index, and
/// the next one many of them again: so many KiB stay in memory. What it has changed it writes once, in
/// its COMMIT, unless it has changed so many pages that memory would not do.
pub(super) const OURS: [(&str, &str); 3] =
    [("wal_autocheckpoint", "0"), ("cache_size", "-4096"), ("cache_spill", "4096")];

impl Session {
    /// Once in a while, after a batch that took so long: moves the log into the file, which keeps no
    /// writer waiting. Gives how long that took.
    pub(crate) async fn tend(&mut self, took: Duration) -> Duration {
        self.written_for = self.written_for.saturating_add(took);
        if !self.writes || self.written_for < UNTIL_MOVED {
            return Duration::ZERO;
        }
        let began = Instant::now();
        self.checkpoint().await;
        began.elapsed()
    }

    /// Moves what it can from the write-ahead log into the file, waiting for nobody, and tells how
    /// large the log is. `None`: there is none, or somebody else moves it just now.
    pub(crate) async fn checkpoint(&mut self) -> Option<Log> {
        self.written_for = Duration::ZERO;
        self.limit();
        let checkpoint = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)");
        let done = checkpoint.fetch_one(&mut self.connection).await;
        let row = done.inspect_err(|error| tracing::debug!("checkpoint: {error}")).ok()?;
        // Both are -1 where there is no such log.
        let count = |at| u64::try_from(decode(&row, at).ok()?.as_integer()?).ok();
        let (frames, moved) = (count(1)?, count(2)?);
        let page = self.raw_value("PRAGMA page_size").await.ok()?.as_integer()?;
        Some(Log { bytes: frames.saturating_mul(page.unsigned_abs()), emptied: moved >= frames })
    }
}
