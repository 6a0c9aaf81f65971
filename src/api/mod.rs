//! The custom resources: types and their words, no logic.
//!
//! What a user may write and what the operator answers, field by field. The comments here are what
//! `kubectl explain` prints, so each one speaks to a user. Nothing is parsed or defaulted here:
//! text stays text until it is declared, and an absent field stays absent.
//!
//! An enum's own description is emptied in the schema: on an optional field it would replace what the
//! field says, and only the field explains the words.

mod columns;
mod connection;
mod counts;
mod crds;
mod dependent;
mod engine;
mod merge;
mod policy;
mod purge_run;
mod report;
mod rules;
mod target;
mod window;

pub use connection::{
    AllowRule, AllowedAction, ConnectionRun, DatabaseConnection, DatabaseConnectionSpec,
    DatabaseConnectionStatus, Limits, PersistentVolumeClaimRef, Runner, Service, Volume,
};
pub use counts::{
    Access, AccessPath, DependentReport, Failure, FileReport, Kept, Overdue, RowCounts,
    TenantReport, Throttled, UnknownTenant, Work,
};
pub use crds::crds;
pub use dependent::{Dependent, DependentAction, FileRule, FileType, Record};
pub use engine::{Attach, Json, JsonTable, Mysql, Postgres, SecretKeyRef, Sqlite};
pub use policy::{
    ConcurrencyPolicy, ConnectionRef, LastRun, PolicyOverdue, RetentionPolicy, RetentionPolicySpec,
    RetentionPolicyStatus, WhenDeleted,
};
pub use purge_run::{PolicyRef, PurgeRun, PurgeRunSpec};
pub use report::{
    Outcome, PolicyIdentity, PurgeRunStatus, RefusalReport, ServerReport, TargetReport, Totals,
};
pub use target::{Age, ColumnOrExpression, Encoding, Exemption, KeepNewest, Target, TargetAction};
pub use window::{
    ConfigMapSource, CutoffRule, NonPositive, ServiceSource, TableSource, TenantWindow, Unit,
    WindowSource, WindowSpec,
};

/// The API group of every kind here.
pub const GROUP: &str = "retention-operator.io";

/// The API version of every kind here.
pub const VERSION: &str = "v1alpha1";
