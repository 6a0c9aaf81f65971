//! What of a target is the same for all its blocks, where whole blocks can be taken.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::{Action, Engine, Target, Value};
use crate::plan::{Fate, PlannedTarget};
use crate::sql;
use crate::sql::postgres::{self, Spared};

/// A list of more tenants than this would be longer to send and to read than its rows are to lock.
const MOST_SPARED: usize = 10_000;

/// What of a target is the same for all its blocks.
pub(super) struct Lane {
    /// Each cutoff once, in the order of time.
    pub(super) cutoffs: Vec<Timestamp>,
    pub(super) bound: Vec<Value>,
    pub(super) earliest: Value,
    /// Rows that stay by their tenant's own window are neither locked nor in the way.
    pub(super) spared: Vec<Spared>,
    /// Whether somebody's trigger is set off.
    pub(super) sets_off: bool,
}

impl Lane {
    /// `None` where rows have to be known one by one.
    pub(super) fn of(planned: &PlannedTarget) -> Option<Self> {
        let (target, cutoffs) = (&planned.target, &planned.cutoffs);
        let sees_itself = Target {
            selection: None,
            exemptions: Vec::new(),
            referenced: Vec::new(),
            ..target.clone()
        };
        let serves = target.table.engine == Engine::Postgres
            && matches!(target.action, Action::Delete)
            // Tenant and age are read when the row is locked, and not again.
            && sees_itself.reads_only_itself()
            && (target.dependents.is_empty() || sql::cascades(target));
        let cutoffs = cutoffs.all();
        if !serves || cutoffs.is_empty() {
            return None;
        }
        let earliest = postgres::earliest(target)?;
        // A row of another table that loses its reference is updated.
        let sets_off = !planned.notes.set_null.is_empty()
            || planned.leaves.iter().any(|leaf| !leaf.rows().delete_triggers.is_empty());
        let bound = postgres::bound(target, &cutoffs);
        let spared = spared(planned, &cutoffs, &bound);
        Some(Self { cutoffs, bound, earliest, spared, sets_off })
    }
}

/// Of the tenants that the plan knows; the youngest cutoff spares nobody.
fn spared(planned: &PlannedTarget, cutoffs: &[Timestamp], bound: &[Value]) -> Vec<Spared> {
    if planned.tenants.len() > MOST_SPARED {
        return Vec::new();
    }
    let mut until: BTreeMap<Option<usize>, Vec<Value>> = BTreeMap::new();
    for tenant in &planned.tenants {
        let at = match planned.cutoffs.of(tenant) {
            Fate::Cutoff(own) => Some(cutoffs.partition_point(|other| *other < own)),
            Fate::Kept | Fate::NoWindow => None,
            Fate::Each => continue,
        };
        if at.is_none_or(|at| at + 1 < cutoffs.len()) {
            until.entry(at).or_default().push(tenant.clone());
        }
    }
    let spared = |(at, tenants): (Option<usize>, _)| Spared {
        tenants,
        unless_below: at.map(|at| bound[at].clone()),
    };
    until.into_iter().map(spared).collect()
}
