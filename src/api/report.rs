//! PurgeRunStatus: what a run did, what it left and why.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::counts::{
    Access, DependentReport, Failure, FileReport, Kept, Overdue, RowCounts, TenantReport,
    UnknownTenant, Work,
};
use super::merge;

/// What a run did, what it left, and why. A count that is not known is absent; it is never given as 0.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PurgeRunStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The policy as it was when the run was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyIdentity>,

    /// The name of the DatabaseConnection that the run works on, as it was when the run was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,

    /// What is known of the database's server since the run reached it. Absent before, and where there is no server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<ServerReport>,

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
    #[schemars(transform = merge::by_type)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,

    /// The counts of all targets together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,

    /// The exit code of the runner: 0 all is done, 1 something that should have gone did not, 2 refused before anything
    /// was touched, 3 the database could not be reached. Absent until the report is whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,

    /// Up to 20 faults in the manifests, or in how they fit the database, for which the run was refused. Nothing was
    /// touched.
    #[schemars(transform = merge::atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refusals: Vec<RefusalReport>,

    /// Why the database could not be reached at the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unreachable: Option<String>,

    /// A report for each target, in the order in which they were done. A list keyed by `name`.
    #[schemars(transform = merge::by_name)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetReport>,
}

/// The server that a run reached.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerReport {
    /// The version that it told, for example `PostgreSQL 17.2`.
    pub version: String,

    /// Whether its certificate and host name were verified.
    pub tls_verified: bool,
}

/// One fault for which a run was refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefusalReport {
    /// The object, as `Kind/name`.
    pub object: String,

    /// The place in the object.
    pub field: String,

    /// The cause in one documented word.
    pub reason: String,

    /// What is wrong.
    pub message: String,

    /// What to write instead.
    pub write: String,
}

/// Which policy a run was made from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
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
#[serde(rename_all = "camelCase")]
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

    /// Default false: what went is counted exactly. With true at least so much went: see `rows.atLeast` of the targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<bool>,
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TargetReport {
    /// The target's name.
    pub name: String,

    /// How it ended. `Done`: nothing more to do. `CapReached`: `maxRowsPerRun` rows went, the next run goes on.
    /// `DeadlineExceeded`: the policy's `activeDeadlineSeconds` were over. `Stopped`: the run was suspended, replaced
    /// or deleted. `Failed`: see `reason` and `message`. Absent while the target is at work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,

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
    #[schemars(transform = merge::by_name)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<DependentReport>,

    /// The counts of files. A list keyed by `name`.
    #[schemars(transform = merge::by_name)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileReport>,

    /// What should have gone and is still there. Absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue: Option<Overdue>,

    /// How the work was cut up and slowed down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,

    /// The 20 tenants that lost the most.
    // Not keyed: a column without a type can hold 42 and '42', and the server would refuse the whole report.
    #[schemars(transform = merge::atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<TenantReport>,

    /// How many more tenants were affected than `tenants` shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants_omitted: Option<i64>,

    /// Up to 20 tenants whose window could not be learned. All their rows were kept.
    #[schemars(transform = merge::atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown_tenants: Vec<UnknownTenant>,

    /// How many more tenants are unknown than `unknownTenants` shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_tenants_omitted: Option<i64>,

    /// Up to 20 rows that could not go.
    #[schemars(transform = merge::atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,

    /// How many more rows could not go than `failures` shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures_omitted: Option<i64>,
}
