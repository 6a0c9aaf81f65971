//! Manifests to declarations, or to refusals. Pure: no files, no catalog.
//!
//! After this room no raw string of a manifest is read again.

mod connection;
mod expression;
mod fields;
mod functions;
mod manifest;
mod misread;
mod names;
mod narrow;
mod policy;
mod secret;
mod strict;
mod target;
mod window;

use std::time::Duration;

use jiff::tz::TimeZone;

pub use manifest::{Document, Manifests, Metadata, parse};
pub use narrow::Narrowing;
pub use policy::declare;
pub use secret::{Secret, hold_places, named_by};
pub use window::answer;

use crate::api;
use crate::model::{
    CutoffRule, DependentAction, Engine, Expression, Refusal, TableName, Unit, Window,
};
use crate::schedule::Schedule;

/// A refusal with the object it is about.
#[derive(Debug, Clone)]
pub struct Refused {
    pub file: String,
    /// `Kind/name`, or empty where the text is not even an object.
    pub object: String,
    pub refusal: Refusal,
}

/// One policy over one connection, narrowed to what this run is asked for.
#[derive(Debug, Clone)]
pub struct Declaration {
    pub file: String,
    pub policy: String,
    pub metadata: Metadata,
    pub connection: Connection,
    /// Of the schedule, of months and years, of StartOfDay.
    pub zone: TimeZone,
    /// When runs are due; a run itself does not ask.
    pub schedule: Schedule,
    pub targets: Vec<Target>,
    pub dry_run: bool,
    pub deadline: Option<Duration>,
    /// Only these tenants; `None`: all.
    pub tenants: Option<Vec<String>>,
    /// What the run was asked for, for its record.
    pub run: api::PurgeRunSpec,
}

#[derive(Debug, Clone)]
pub struct Connection {
    pub name: String,
    pub file: String,
    pub database: Database,
    pub limits: Limits,
}

/// Where a connection's database is.
#[derive(Debug, Clone)]
pub enum Database {
    Sqlite {
        /// Below the volume; segments without `.` or `..`.
        path: String,
    },
    Postgres(Login),
}

/// What a login takes.
#[derive(Clone)]
pub struct Login {
    /// As libpq reads it. Empty: its Secret, or the CA's, is not at hand.
    pub url: String,
    /// Certificates in PEM: then the server's certificate and its name are verified.
    pub ca: Option<Vec<u8>>,
    /// Whether a login may be used that no right is asked of.
    pub allow_privileged: bool,
}

/// How gently a run treats the application.
#[derive(Debug, Clone)]
pub struct Limits {
    pub lock_timeout: Duration,
    pub statement_timeout: Duration,
    pub duty_cycle_percent: u32,
    pub max_replica_lag: Duration,
}

impl Connection {
    pub fn engine(&self) -> Engine {
        match self.database {
            Database::Sqlite { .. } => Engine::Sqlite,
            Database::Postgres(_) => Engine::Postgres,
        }
    }
}

/// A password has no place in a log.
impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
pub struct Target {
    pub name: String,
    /// `spec.targets[NAME]`.
    pub field: String,
    pub table: TableName,
    /// `None`: Delete.
    pub update: Option<Vec<(String, Expression)>>,
    pub windows: Option<Windows>,
    pub tenant: Option<RowValue>,
    pub age: Option<Age>,
    pub keep_newest: Option<KeepNewest>,
    pub selection: Option<Expression>,
    pub exemptions: Vec<(String, Expression)>,
    pub dependents: Vec<Dependent>,
    pub cap: Option<u64>,
}

#[derive(Debug, Clone)]
pub enum RowValue {
    Column(String),
    Expression(Expression),
}

/// How the manifest says that a column holds an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodingWord {
    Text,
    UnixSeconds,
    UnixMillis,
}

#[derive(Debug, Clone)]
pub struct Age {
    pub value: RowValue,
    pub encoding: Option<EncodingWord>,
    pub zone: Option<TimeZone>,
}

#[derive(Debug, Clone)]
pub struct KeepNewest {
    pub rows: u64,
    pub partition_by: Vec<String>,
    pub order_by: Vec<String>,
    pub encoding: Option<EncodingWord>,
    pub zone: Option<TimeZone>,
}

#[derive(Debug, Clone)]
pub struct Dependent {
    pub name: String,
    pub field: String,
    /// The place of the dependent it hangs on.
    pub of: Option<usize>,
    pub table: TableName,
    pub references: Vec<(String, String)>,
    pub selection: Option<Expression>,
    pub action: DependentAction,
}

#[derive(Debug, Clone)]
pub struct Windows {
    pub field: String,
    pub default: Window,
    pub tenants: Vec<(String, Window)>,
    pub sources: Vec<Source>,
    pub rule: CutoffRule,
}

#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    pub unit: Option<Unit>,
    pub non_positive: Option<api::NonPositive>,
    pub from: SourceFrom,
}

#[derive(Debug, Clone)]
pub enum SourceFrom {
    Table {
        field: String,
        table: TableName,
        /// `None`: one value for all tenants.
        tenant: Option<Expression>,
        value: Expression,
        selection: Option<Expression>,
    },
    ConfigMap {
        name: String,
        /// `None`: there is no such map.
        data: Option<std::collections::BTreeMap<String, String>>,
    },
}
