//! What a run counts, target by target. A count not known is `None`, never 0.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Reason;

/// The counts of one target.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Rows whose age was read.
    pub examined: u64,
    /// By tenant, age, keepNewest and where; held rows too.
    pub selected: u64,
    pub deleted: u64,
    pub updated: u64,
    /// Held rows, each under the first exemption that holds it; in the order of the manifest.
    pub held: Vec<(String, u64)>,
    pub undatable: Option<u64>,
    pub unreadable: Option<u64>,
    pub future: Option<u64>,
    pub no_tenant: Option<u64>,
    pub referenced: u64,
    /// By someone else during the run.
    pub locked: u64,
    pub failed: u64,
    /// In the order of the manifest: (name, deleted, updated).
    pub dependents: Vec<(String, u64, u64)>,
    pub overdue: Overdue,
    /// Those that lost rows, or have some overdue. Thousands that have not are told by their windows.
    pub tenants: BTreeMap<String, TenantCounts>,
    pub unknown: Vec<UnknownTenant>,
    pub failures: Vec<Failure>,
    pub work: Work,
    /// Roots of a batch of which nobody knows whether it was committed: not counted anywhere.
    pub unsettled: u64,
}

impl Counts {
    pub fn held_total(&self) -> u64 {
        self.held.iter().map(|(_, rows)| rows).sum()
    }

    pub fn dependents_total(&self) -> u64 {
        self.dependents.iter().map(|(_, deleted, updated)| deleted + updated).sum()
    }

    /// Roots that went, by either action.
    pub fn gone(&self) -> u64 {
        self.deleted + self.updated
    }
}

/// Selected, not held, and still there after the run.
#[derive(Debug, Clone, Default)]
pub struct Overdue {
    pub rows: u64,
    /// The run ended before it had seen them all.
    pub at_least: bool,
    /// How long the oldest of them is past its cutoff.
    pub oldest: Option<Duration>,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct TenantCounts {
    pub gone: u64,
    pub overdue: u64,
}

/// A tenant that was kept whole because its window could not be learned.
#[derive(Debug, Clone)]
pub struct UnknownTenant {
    pub name: String,
    pub unknown: super::Unknown,
}

/// A row that could not go, named by the hash of its key.
#[derive(Debug, Clone)]
pub struct Failure {
    pub key: String,
    pub reason: Reason,
    pub message: String,
}

/// Why a run pauses between batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// To keep to `dutyCyclePercent`.
    DutyCycle,
    /// A replica is too far behind, or nobody knows how far.
    ReplicaLag,
    /// Others wait for a lock on a table that the run writes.
    LockWaiters,
    /// SQLite's write-ahead log is large, and a reader keeps it from being emptied.
    WalSize,
}

#[derive(Debug, Clone, Default)]
pub struct Work {
    pub batches: u64,
    pub longest_batch: Duration,
    pub throttled: BTreeMap<Cause, Duration>,
    /// What it waits for now, or waited for when it ended.
    pub waits: Option<String>,
    /// The run began on an index and went over to a sweep.
    pub swept_after_index: bool,
}
