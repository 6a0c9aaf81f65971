//! RetentionPolicy: when to run, how long data is kept, and which rows it is about.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::report::{Outcome, Totals};
use super::target::Target;
use super::window::WindowSpec;
use super::{merge, rules};

/// When a policy runs, how long it keeps data, and which rows it is about. It belongs to whoever owns the data
/// and can only be stricter than its connection.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "retention-operator.io",
    version = "v1alpha1",
    kind = "RetentionPolicy",
    shortname = "rp",
    category = "retention",
    namespaced,
    status = "RetentionPolicyStatus",
    selectable = ".spec.connectionRef.name",
    validation = (rules::policy::NAME, rules::policy::NAME_MESSAGE),
    derive = "Default",
    derive = "PartialEq",
    doc = "A RetentionPolicy says how long the rows of a database are kept for each tenant and what happens to them afterwards. It runs by a schedule; every run leaves a PurgeRun behind."
)]
#[schemars(transform = rules::policy::spec)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionPolicySpec {
    /// Required. The DatabaseConnection to work on, in this namespace.
    pub connection_ref: ConnectionRef,

    /// Required. When to run: the five fields of a CronJob, `0 * * * *`, or a macro such as `@daily`. `@every`
    /// is refused. Set `suspend` to keep a policy for runs by hand only.
    #[schemars(length(min = 1, max = 256), transform = rules::policy::schedule)]
    pub schedule: String,

    /// Default Etc/UTC. The IANA zone of the schedule, of windows in months and years, and of
    /// `cutoff: StartOfDay`, for example `Europe/Berlin`. It says nothing about the zone of a column; that is
    /// the age's own `timeZone`.
    #[schemars(length(min = 1, max = rules::ZONE))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,

    /// Default Forbid. What happens when a run is due while another of this policy is at work. `Forbid` skips
    /// the new one. `Replace` stops the old one after its batch and starts the new one. Two never run together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency_policy: Option<ConcurrencyPolicy>,

    /// Default false. With true no scheduled run is started. A run under way goes on, and runs by hand still
    /// work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,

    /// Default none: a missed run is started however late. In seconds: a run that could not be started this
    /// long after its time is given up, and the next one counts.
    #[schemars(range(min = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_deadline_seconds: Option<i64>,

    /// Default none: a run takes as long as it needs. In seconds: a run that has been at work this long ends
    /// its batch and stops with reason DeadlineExceeded; what it did stays done, and the next run goes on.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_deadline_seconds: Option<i64>,

    /// Default 10. How many scheduled runs that succeeded are kept as evidence. Runs by hand are never removed.
    #[schemars(range(min = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub successful_runs_history_limit: Option<i32>,

    /// Default 10. How many scheduled runs that failed are kept as evidence. Runs by hand are never removed.
    #[schemars(range(min = 0))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_runs_history_limit: Option<i32>,

    /// Default false. With true every run only counts what it would do and changes nothing; the login needs no
    /// more than the right to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<bool>,

    /// Default RetainRuns. What becomes of the PurgeRuns when this policy is deleted: `RetainRuns` keeps them
    /// as evidence, `DeleteRuns` removes them. In both cases the schedule ends, a run at work stops after its
    /// batch, and the database is left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when_deleted: Option<WhenDeleted>,

    /// How long data is kept, for every target that has no `window` itself. Required as soon as such a target
    /// has an `age`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowSpec>,

    /// Required. What rows go, and what goes with them. Done in the order written, all by one reading of the
    /// clock. A list keyed by `name`.
    #[schemars(length(min = 1, max = rules::target::PARTS), transform = merge::by_name)]
    pub targets: Vec<Target>,
}

/// A DatabaseConnection by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionRef {
    /// Required. The name of a DatabaseConnection in the policy's namespace.
    #[schemars(length(min = 1, max = rules::OBJECT_NAME))]
    pub name: String,
}

/// What to do when a run is due and another is at work.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(description = "")]
pub enum ConcurrencyPolicy {
    /// Skip the new run.
    Forbid,
    /// Stop the old run and start the new one.
    Replace,
}

/// What becomes of the runs when their policy is deleted.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(description = "")]
pub enum WhenDeleted {
    /// Keep them.
    RetainRuns,
    /// Delete them.
    DeleteRuns,
}

/// What the operator knows about a policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetentionPolicyStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready` is False while something the policy names is missing or wrong, or its last finished scheduled run
    /// failed; a suspended policy is True with reason Suspended. `Reconciling` and `Stalled` are there only while
    /// they are true.
    #[schemars(transform = merge::by_type)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,

    /// The latest slot of the schedule that was dealt with: a run was made for it, or it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,

    /// When a scheduled run last ended well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_successful_time: Option<Time>,

    /// The next slot of the schedule, in RFC 3339. Absent while suspended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_schedule_time: Option<String>,

    /// How many slots have passed without a run since the last one that had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<i64>,

    /// The names of the PurgeRuns that have not ended yet, queued ones among them.
    #[schemars(transform = merge::set)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub active: Vec<String>,

    /// The last run that ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run: Option<LastRun>,

    /// How many rows the runs of this policy have deleted so far. Dry runs do not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_total: Option<i64>,

    /// What was still there after the last whole run although its time was up. Absent until such a run has told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue: Option<PolicyOverdue>,
}

/// The last run of a policy, in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastRun {
    /// The name of the PurgeRun.
    pub name: String,

    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completion_time: Option<Time>,

    /// How it ended: `Done`, `CapReached`, `DeadlineExceeded`, `Stopped` or `Failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,

    /// What it did, over all targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub totals: Option<Totals>,
}

/// Rows of a policy that should have gone and have not.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyOverdue {
    /// How many rows.
    pub rows: i64,

    /// How many seconds the oldest of them was past its cutoff.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_seconds: Option<i64>,

    /// Since when, without a break, runs have left something overdue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
}
