//! DatabaseConnection: one database, and the ceiling on what policies may do to it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Affinity, LocalObjectReference, PodSecurityContext, ResourceRequirements, Toleration,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::engine::{Json, Mysql, Postgres, SecretKeyRef, Sqlite};
use super::report::Outcome;
use super::{merge, rules};

/// How one database is reached, and what policies may do to it. It belongs to whoever owns the database.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "retention-operator.io",
    version = "v1alpha1",
    kind = "DatabaseConnection",
    shortname = "dbconn",
    category = "retention",
    namespaced,
    status = "DatabaseConnectionStatus",
    derive = "Default",
    derive = "PartialEq",
    doc = "A DatabaseConnection says how one database is reached and what retention policies may do to it. It belongs to whoever owns the database and is the only kind that names Secrets."
)]
#[schemars(transform = rules::connection::spec)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DatabaseConnectionSpec {
    /// A PostgreSQL database. Exactly one of `postgres`, `mysql`, `sqlite` and `json` must be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres: Option<Postgres>,

    /// A MySQL or MariaDB database. Exactly one of `postgres`, `mysql`, `sqlite` and `json` must be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mysql: Option<Mysql>,

    /// SQLite database files on `volume`. Exactly one of `postgres`, `mysql`, `sqlite` and `json` must be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqlite: Option<Sqlite>,

    /// A JSON file on `volume` whose members are treated as rows. Exactly one of `postgres`, `mysql`,
    /// `sqlite` and `json` must be given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<Json>,

    /// Default none. The volume that holds the database files, or the files that policies delete along with
    /// rows. Needed for `sqlite` and `json`, and with any engine once a policy has `files`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<Volume>,

    /// Default none: stored paths must be relative to the volume. The folder where the application sees the
    /// volume, for example `/app`, so that a path stored as `/app/uploads/1.png` is found as `uploads/1.png`.
    /// A stored absolute path outside this folder is never followed: its row is kept.
    #[schemars(length(max = rules::PATH), transform = rules::connection::mount_path)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_path: Option<String>,

    /// Required. The ceiling: what policies may do here. Rules add up, none takes away, and whatever no rule
    /// names is refused. Example: `{tables: ["public.chats"], actions: [Delete]}`.
    #[schemars(length(min = 1, max = 64), transform = merge::atomic)]
    pub allow: Vec<AllowRule>,

    /// Default none. The HTTP services that a policy may ask for its tenants' windows; policies name them and
    /// cannot bring their own. A list keyed by `name`.
    #[schemars(length(max = 8), transform = merge::by_name)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,

    /// Default false: a login that is a superuser, or that bypasses row security, is refused. With true it is
    /// accepted. Hazard: triggers on a purged table then run with that login's rights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_privileged_login: Option<bool>,

    /// How gently the database is treated. Every part has its own default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,

    /// Where and how the pods run that do the work on this database. Every part has its own default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner: Option<Runner>,
}

/// The volume that holds files.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = rules::connection::volume)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Volume {
    /// A claim in this namespace. The pod that does the work is placed where this claim can be mounted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent_volume_claim: Option<PersistentVolumeClaimRef>,
}

/// A PersistentVolumeClaim by name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PersistentVolumeClaimRef {
    /// Required. The name of a PersistentVolumeClaim in this namespace.
    #[schemars(length(min = 1, max = rules::OBJECT_NAME))]
    pub claim_name: String,
}

/// One thing that policies may do. A rule names tables or files, and the actions allowed on them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = rules::connection::allow_rule)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllowRule {
    /// Tables, spelled as the database's catalog has them, for example `public.chats`. A `*` stands for any
    /// characters: `public.chat*`. Hazard: the single pattern `*` grants whatever the login itself may do.
    #[schemars(length(min = 1, max = 256), inner(length(min = 1, max = rules::IDENTIFIER)), transform = merge::set)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,

    /// Files, relative to the volume, for example `agents/*/sessions/*.jsonl`. A `*` stands for any characters
    /// within one path segment. `Delete` is the action that files know.
    #[schemars(length(min = 1, max = 256), inner(length(min = 1, max = rules::PATH)), transform = merge::set)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,

    /// Required. What may be done: `Read` lets conditions and windows look at a table; `Update` and `Delete` let
    /// rows be changed or removed, and each of them brings `Read` with it; `Insert` lets `records` be written.
    #[schemars(length(min = 1, max = 4), transform = merge::set)]
    pub actions: Vec<AllowedAction>,
}

/// What a rule of the ceiling permits.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(description = "")]
pub enum AllowedAction {
    /// Conditions and windows may look at it.
    Read,
    /// Rows may be changed; implies Read.
    Update,
    /// Rows or files may be removed; implies Read.
    Delete,
    /// Records may be written.
    Insert,
}

/// An HTTP service that knows tenants' windows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// Required. The name by which a policy's window source calls this service.
    #[schemars(transform = rules::part_name)]
    pub name: String,

    /// Required. The address asked with GET, once for each tenant; `{tenant}` is replaced by the tenant's name,
    /// URL-encoded. Example: `http://usage/organizations/{tenant}`. 404 means that it has no opinion; any other
    /// failure leaves the tenant's window unknown, and its rows are kept.
    #[schemars(length(min = 1, max = 2048), transform = rules::connection::url)]
    pub url: String,

    /// Default none: no credentials are sent. The Secret key whose value is sent as a bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_secret_key_ref: Option<SecretKeyRef>,
}

/// How gently the database is treated. Durations are written as Go writes them: `500ms`, `2s`, `1m30s`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    /// Default 1. How many runs may work on this database at one time; further ones wait in a queue.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent_runs: Option<i32>,

    /// Default 2s. How long a statement may wait for a lock before it gives up. While rows are locked for
    /// deletion the wait is shorter still, so that the application is never held up for this long.
    #[schemars(length(max = 16), transform = rules::connection::duration)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock_timeout: Option<String>,

    /// Default 30s. How long a single statement may take before the database cancels it.
    #[schemars(length(max = 16), transform = rules::connection::duration)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement_timeout: Option<String>,

    /// Default 50. The share of time, in percent from 1 to 100, that a run may spend in batches; it rests for
    /// the remainder. 100 never rests.
    #[schemars(range(min = 1, max = 100))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duty_cycle_percent: Option<i32>,

    /// Default 10s, at most 168h. A run pauses between batches while a replica is further behind than this. A lag
    /// that cannot be read counts as too far behind. Where replicas are, the login needs `pg_read_all_stats` to see
    /// it. For a replica that is delayed on purpose, set more than its delay.
    #[schemars(length(max = 16), transform = rules::connection::lag)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_replica_lag: Option<String>,
}

/// The pods that do the work. The fields are those of a Pod and mean the same.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Runner {
    /// Default: what the operator was installed with. CPU and memory of the container, for example
    /// `{requests: {cpu: 100m, memory: 64Mi}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// Default none. Only nodes with all of these labels are used, for example `{disktype: ssd}`.
    #[schemars(transform = merge::atomic_map)]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,

    /// Default none. Taints of nodes that the pods put up with.
    #[schemars(length(max = 64), transform = merge::atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,

    /// Default none. Which nodes, and the company of which pods, are wanted or avoided. For a volume that only
    /// one node may mount, ask for the application's node here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,

    /// Default: user, group and fsGroup 65532, not root, seccomp RuntimeDefault. The pod's security context. With a
    /// volume, set `runAsUser`, `runAsGroup` and `fsGroup` to the application's, or files may be written that it can no
    /// longer open. What is written here replaces the default as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_context: Option<PodSecurityContext>,

    /// Default none. Secrets in this namespace for pulling the runner's image.
    #[schemars(length(max = 16), transform = merge::atomic)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub image_pull_secrets: Vec<LocalObjectReference>,

    /// Default none: the cluster's default priority. The name of a PriorityClass.
    #[schemars(length(min = 1, max = rules::OBJECT_NAME))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority_class_name: Option<String>,

    /// Default: one that the operator makes in this namespace. A ServiceAccount in this namespace, for example
    /// one bound to a cloud identity. It must be able to read PurgeRuns and to patch their status.
    #[schemars(length(min = 1, max = rules::OBJECT_NAME))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,

    /// Default none. Labels added to the pods, for example those that a NetworkPolicy selects by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_labels: BTreeMap<String, String>,

    /// Default none. Annotations added to the pods, for example `{sidecar.istio.io/inject: "false"}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_annotations: BTreeMap<String, String>,
}

/// What the operator knows about a connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseConnectionStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// `Ready` is False when the spec is wrong in itself or the newest run could not use it. The database is
    /// not contacted in between, so this is as old as `lastRun`.
    #[schemars(transform = merge::by_type)]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,

    /// The newest run that used this connection. Absent until there has been one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_run: Option<ConnectionRun>,
}

/// What the newest run found out about the database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionRun {
    /// The name of the PurgeRun.
    pub name: String,

    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,

    /// How it ended: `Done`, `CapReached`, `DeadlineExceeded`, `Stopped` or `Failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,

    /// The version that the server told, for example `PostgreSQL 17.2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_version: Option<String>,

    /// Whether the server's certificate and host name were verified. Absent where there is no server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_verified: Option<bool>,
}
