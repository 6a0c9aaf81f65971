//! The nouns all rooms share. No I/O, no Kubernetes, no driver types.

mod age;
mod base_type;
mod catalog;
mod condition;
mod counts;
mod engine;
mod key;
mod nearest;
pub mod orders;
mod reason;
mod refusal;
mod table;
mod target;
mod value;
mod window;

pub use age::{Encoding, Reading, below, bind_instant, may_lie_below, read_age};
pub use base_type::BaseType;
pub use catalog::{
    Catalog, Column, ForeignKey, Index, Obstacle, OnDelete, Power, Rights, Table, TableKind,
};
pub use condition::{Comparison, Expression, Parameter, ROW};
pub use counts::{Cause, Counts, Failure, TenantCounts, UnknownTenant};
pub use engine::Engine;
pub use key::{ADDRESS, Key, KeySet};
pub use nearest::{distance, nearest};
pub use reason::Reason;
pub use refusal::Refusal;
pub use table::{TableName, quote};
pub use target::{
    Access, Action, Age, AntiJoin, Assignments, Dependent, DependentAction, Exemption, KeepNewest,
    OrderColumn, Path, Scalar, Target,
};
pub use value::Value;
pub use window::{Answer, Collation, CutoffRule, Unit, Unknown, Window, is_uuid};
