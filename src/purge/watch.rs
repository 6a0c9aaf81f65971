//! Who looks on while rows go: a progress bar, a test.

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::lag::Lag;
use crate::database::Error;
use crate::model::Counts;

/// A batch takes milliseconds. One that still runs so long after it was asked to end hangs in a
/// statement, and who asked will not wait for ever: a kubelet kills after half a minute.
const GRACE: Duration = Duration::from_secs(8);

/// The places at which the world can change under a run, or a run can die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    /// The plan is made; nothing is touched yet.
    Planned,
    /// Candidates were found, without a lock: anybody may change them now.
    Found,
    /// The batch has its lock.
    Locked,
    /// Every condition was read again, under the lock.
    Judged,
    /// Dependents and roots are gone inside of the transaction.
    Acted,
    /// The batch is gone for good; the next has not begun.
    Committed,
}

/// Is told where a run is.
pub trait Watch {
    /// A named point was reached. The run waits for the return.
    fn reached(&self, _point: Point) {}
    /// So many roots of a target have gone so far (in a dry run: would have).
    fn gone(&self, _target: &str, _rows: u64) {}
    /// The next batch of a target waits, and for what. Told again as long as it does.
    fn waits(&self, _target: &str, _why: &str) {}
    /// A batch was committed, or counted by a dry run, or waits. Calling `counts` costs what the target has
    /// in tenants: not for every batch.
    fn counted(&self, _counts: &dyn Fn() -> Counts) {}
}

/// Nobody.
#[derive(Debug)]
pub struct Unwatched;

impl Watch for Unwatched {}

/// Everything about a run that is no property of a target.
pub struct Job<'a> {
    pub clock: jiff::Timestamp,
    pub dry_run: bool,
    pub duty_cycle_percent: u32,
    /// What the run remembers of replicas, whichever target asks.
    pub lag: RefCell<Lag>,
    /// A fixed batch size instead of the adaptive one.
    pub batch_rows: Option<usize>,
    /// Above this share of candidates that go, looking at them first is not worth a statement, and whole
    /// blocks are taken at once.
    pub nearly_all: f64,
    pub deadline: Option<Instant>,
    /// Set from outside: end the batch and stop.
    pub stop: &'a AtomicBool,
    /// When that was noticed.
    pub stopped: OnceCell<Instant>,
    /// Roots of the batch whose COMMIT is under way, or has got no answer.
    pub unsettled: Cell<Option<u64>>,
    /// The database was tried for long enough.
    pub unreached: OnceCell<Error>,
    pub watch: &'a dyn Watch,
}

impl Job<'_> {
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Ends when the run was asked to stop, and its batch should have ended long since.
    pub async fn hangs(&self) {
        stopped(self.stop).await;
        let since = *self.stopped.get_or_init(Instant::now);
        tokio::time::sleep_until((since + GRACE).into()).await;
    }

    pub fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// Ends when the flag is set.
pub async fn stopped(stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
