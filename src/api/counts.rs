//! The parts of a target's report: how rows were found, what was counted, whom it was about.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::merge;

/// How a target's rows were found.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(description = "")]
pub enum AccessPath {
    /// Through an index.
    Index,
    /// By reading the table once.
    Sweep,
}

/// How a target's rows were found, and what the plan noticed on the way.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Access {
    /// `Index` walked only what is too old, through an index. `Sweep` read the whole table once, in pieces.
    pub path: AccessPath,

    /// Why this way.
    pub why: String,

    /// The statement that would create an index to make the target cheaper. Absent if none would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,

    /// The triggers of the database that fire on what the run does.
    #[schemars(transform = merge::atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<String>,

    /// The foreign keys through which the database sets columns of other tables to NULL when a row goes.
    #[schemars(transform = merge::atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_null: Vec<String>,

    /// Anything else worth knowing, for example that a count may differ between a dry run and a run.
    #[schemars(transform = merge::atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The counts of a target's own table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RowCounts {
    /// Rows that were read to find those that are due.
    pub examined: i64,

    /// Rows that tenant, age, `keepNewest` and `where` selected.
    pub selected: i64,

    /// Rows that were deleted.
    pub deleted: i64,

    /// Rows that were changed.
    pub updated: i64,

    /// Default false: `deleted` and `updated` are exact, here, of tenants and of dependents. With true at least so many
    /// went: a pod ended without its report, or a COMMIT got no answer and nobody could tell what became of it.
    /// `access.notes` says which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<bool>,
}

/// The rows that stayed, by why they stayed. A count that is not known is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Held by an exemption: its name and the number of rows.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub held: BTreeMap<String, i64>,

    /// The age is NULL, infinite or zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undatable: Option<i64>,

    /// The age is text that is not an instant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreadable: Option<i64>,

    /// The age lies after the run's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub future: Option<i64>,

    /// The tenant is NULL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_tenant: Option<i64>,

    /// A table that the policy does not name still points to the row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referenced: Option<i64>,

    /// Somebody else had the row locked for as long as the run could wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<i64>,

    /// The database refused to let the row go; see `failures`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<i64>,

    /// The row's file must not be touched: its path leads to a place that is not allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_refused: Option<i64>,
}

/// The counts of one dependent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DependentReport {
    /// The dependent's name.
    pub name: String,

    /// Rows that were deleted.
    pub deleted: i64,

    /// Rows that were changed.
    pub updated: i64,
}

/// The counts of one file rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileReport {
    /// The rule's name.
    pub name: String,

    /// Files and folders that were removed.
    pub removed: i64,

    /// Files and folders that were already gone.
    pub missing: i64,
}

/// Rows that should have gone and are still there. Held rows, and rows of unknown tenants, are not among them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overdue {
    /// How many rows.
    pub rows: i64,

    /// Default false: `rows` is exact. With true there are at least that many; counting was broken off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<bool>,

    /// How many seconds the oldest of them is past its cutoff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_seconds: Option<i64>,
}

/// How the work was cut up and slowed down.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// Transactions that were committed.
    pub batches: i64,

    /// How many milliseconds the longest of them took.
    pub longest_batch_millis: i64,

    /// How long the run rested between batches, by why it rested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled_seconds: Option<Throttled>,
}

/// How many seconds the run rested between batches, by why it rested.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct Throttled {
    /// To keep to the connection's `dutyCyclePercent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duty_cycle: Option<f64>,

    /// Because a replica was further behind than the connection's `maxReplicaLag`, or nobody knew how far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_lag: Option<f64>,

    /// Because others were waiting for a lock on a table that the target writes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_waiters: Option<f64>,

    /// Because SQLite's write-ahead log was above 64 MiB and a reader kept it from being emptied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wal_size: Option<f64>,
}

/// What was done about one tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantReport {
    /// The tenant as the database spells it.
    pub name: String,

    /// The window that applied, for example `14d`.
    pub window: String,

    /// The moment before which its rows were too old, in RFC 3339. Absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cutoff: Option<String>,

    /// Rows that were deleted.
    pub deleted: i64,

    /// Rows that were changed.
    pub updated: i64,

    /// Rows that should have gone and are still there.
    pub overdue: i64,
}

/// A tenant whose window could not be learned, and all of whose rows were kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnknownTenant {
    /// The tenant as the database spells it.
    pub name: String,

    /// The window source that failed.
    pub source: String,

    /// The cause in one documented word.
    pub reason: String,

    /// The cause in a sentence, and what to do next.
    pub message: String,
}

/// A row that could not go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// A hash of the row's key, `sha256:...`, because a key may be personal data.
    pub key: String,

    /// The cause in one documented word.
    pub reason: String,

    /// The cause in a sentence, without anything from the row itself, and what to do next.
    pub message: String,
}
