//! PurgeRunStatus: what a run did, what it left and why.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a run did, what it left, and why. A count that is not known is absent; it is never given as 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PurgeRunStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The policy as it was when the run was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyIdentity>,

    /// The one reading of the clock by which everything in the run was judged, in RFC 3339 and whole seconds: the
    /// database server's clock, or for files the runner's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<String>,

    /// Whether the run only counted. Everything below then tells what a run would have done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,

    /// When work began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,

    /// When work ended, well or not. Absent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,

    /// The name of the Job that does the work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,

    /// `Complete` or `Failed`, as on a Job, once the run has ended. Before that `Reconciling`, and `Queued` while it
    /// waits for its turn on the database.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,

    /// The counts of all targets together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,

    /// A report for each target, in the order in which they were done. A list keyed by `name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetReport>,
}

/// Which policy a run was made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyIdentity {
    /// The policy's name.
    pub name: String,

    /// The policy's uid. Absent for a run without a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,

    /// The generation of the policy's spec. Absent for a run without a cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

/// The counts of all targets together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Totals {
    /// Rows of the targets' own tables that were deleted.
    pub deleted: i64,

    /// Rows of the targets' own tables that were changed.
    pub updated: i64,

    /// Dependent rows that were deleted or changed.
    pub dependents: i64,

    /// Files that were removed.
    pub files: i64,

    /// Rows that an exemption held.
    pub held: i64,

    /// Rows that should have gone and are still there.
    pub overdue: i64,
}

/// How a run or a target ended.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(description = "")]
pub enum Outcome {
    /// All that was due is gone, or kept for a reason that is told.
    Done,
    /// The cap on rows was reached.
    CapReached,
    /// The time allowed was over.
    DeadlineExceeded,
    /// The run was stopped.
    Stopped,
    /// It could not be done.
    Failed,
}

/// What was done about one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetReport {
    /// The target's name.
    pub name: String,

    /// How it ended. `Done`: nothing more to do. `CapReached`: `maxRowsPerRun` rows went, the next run goes on.
    /// `DeadlineExceeded`: the policy's `activeDeadlineSeconds` were over. `Stopped`: the run was suspended, replaced
    /// or deleted. `Failed`: see `reason` and `message`.
    pub outcome: Outcome,

    /// The cause in one documented word. Absent if there is nothing to explain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,

    /// The cause in a sentence, and what to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,

    /// How the rows were found, and what the plan noticed on the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,

    /// What the run took the target to say, part by part, for example `where: none`. Compare it with what was meant:
    /// an empty or mistyped field shows up here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub understood: BTreeMap<String, String>,

    /// The counts of the target's own table.
    #[serde(default)]
    pub rows: RowCounts,

    /// The rows that stayed, by why they stayed.
    #[serde(default)]
    pub kept: Kept,

    /// The counts of dependents. A list keyed by `name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<DependentReport>,

    /// The counts of files. A list keyed by `name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileReport>,

    /// What should have gone and is still there. Absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue: Option<Overdue>,

    /// How the work was cut up and slowed down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,

    /// The 20 tenants that lost the most. A list keyed by `name`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<TenantReport>,

    /// How many more tenants were affected than `tenants` shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants_omitted: Option<i64>,

    /// Up to 20 tenants whose window could not be learned. All their rows were kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_tenants: Vec<UnknownTenant>,

    /// How many more tenants are unknown than `unknownTenants` shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_tenants_omitted: Option<i64>,

    /// Up to 20 rows that could not go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,

    /// How many more rows could not go than `failures` shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures_omitted: Option<i64>,
}

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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Access {
    /// `Index` walked only what is too old, through an index. `Sweep` read the whole table once, in pieces.
    pub path: AccessPath,

    /// Why this way.
    pub why: String,

    /// The statement that would create an index to make the target cheaper. Absent if none would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,

    /// The triggers of the database that fire on what the run does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<String>,

    /// The foreign keys through which the database sets columns of other tables to NULL when a row goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set_null: Vec<String>,

    /// Anything else worth knowing, for example that a count may differ between a dry run and a run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The counts of a target's own table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RowCounts {
    /// Rows that were read to find those that are due.
    pub examined: i64,

    /// Rows that tenant, age, `keepNewest` and `where` selected.
    pub selected: i64,

    /// Rows that were deleted.
    pub deleted: i64,

    /// Rows that were changed.
    pub updated: i64,
}

/// The rows that stayed, by why they stayed. A count that is not known is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Throttled {
    /// To keep to the connection's `dutyCyclePercent`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duty_cycle: Option<f64>,

    /// Because a replica was behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_lag: Option<f64>,

    /// Because others were waiting for locks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_waiters: Option<f64>,
}

/// What was done about one tenant.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Failure {
    /// A hash of the row's key, `sha256:...`, because a key may be personal data.
    pub key: String,

    /// The cause in one documented word.
    pub reason: String,

    /// The cause in a sentence, without anything from the row itself, and what to do next.
    pub message: String,
}
