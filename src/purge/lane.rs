//! What of a target is the same for all its blocks, where whole blocks can be taken.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::model::{Action, DependentAction, Engine, Target, Value};
use crate::plan::{Fate, PlannedTarget};
use crate::sql;
use crate::sql::postgres::{self, Due};

/// A list of more tenants than this would be longer to send and to read than its rows are to lock:
/// 100,000 take 67 ms, every batch.
const MOST_LISTED: usize = 10_000;

/// What of a target is the same for all its blocks.
pub(super) struct Lane {
    /// Each cutoff once, in the order of time.
    pub(super) cutoffs: Vec<Timestamp>,
    pub(super) bound: Vec<Value>,
    pub(super) earliest: Value,
    /// Rows that stay by their tenant's own window are neither locked nor in the way.
    pub(super) due: Due,
    /// Nothing but the row itself decides, the database takes what hangs on it, and nobody's trigger
    /// looks on: one statement does it.
    pub(super) at_once: bool,
    /// Whether somebody's trigger is set off.
    pub(super) sets_off: bool,
    /// What hangs on the rows goes by statements of its own.
    pub(super) one_by_one: bool,
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
            && (sql::cascades(target) || go_before(target));
        let cutoffs = cutoffs.all().to_vec();
        if !serves || cutoffs.is_empty() {
            return None;
        }
        let earliest = postgres::earliest(target)?;
        // A row of another table that loses its reference is updated.
        let sets_off = !planned.notes.set_null.is_empty()
            || planned.leaves.iter().any(|leaf| !leaf.rows().delete_triggers.is_empty());
        let one_by_one = !sql::cascades(target);
        if one_by_one && sets_off {
            return None;
        }
        let bound = postgres::bound(target, &cutoffs);
        let due = due(planned, &cutoffs, &bound)?;
        let is_exact = target.tenant.is_none() || matches!(due, Due::Own(_));
        let at_once = is_exact && !sets_off && !one_by_one && postgres::is_judged_alone(target);
        Some(Self { cutoffs, bound, earliest, due, at_once, sets_off, one_by_one })
    }
}

/// Whether all that hangs on a row is deleted before it, and nobody else's doing can move the row
/// meanwhile: it goes by where it lies.
fn go_before(target: &Target) -> bool {
    target.dependents.iter().all(|dependent| {
        matches!(dependent.action, DependentAction::Delete)
            && dependent.selection.is_none()
            && dependent.table.delete_triggers.is_empty()
            && dependent.table.name != target.table.name
    })
}

/// Of the tenants that had something due at the plan: whoever came since has rows of now.
fn due(planned: &PlannedTarget, cutoffs: &[Timestamp], bound: &[Value]) -> Option<Due> {
    let youngest = || bound.last().cloned().map(Due::Below);
    if planned.target.tenant.is_none() {
        return youngest();
    }
    let mut lists: BTreeMap<usize, Vec<Value>> = BTreeMap::new();
    for tenant in &planned.due {
        if let Fate::Cutoff(own) = planned.cutoffs.of(tenant) {
            let at = cutoffs.partition_point(|other| *other < own);
            lists.entry(at).or_default().push(tenant.clone());
        }
    }
    if lists.values().map(Vec::len).sum::<usize>() > MOST_LISTED {
        return youngest();
    }
    Some(Due::Own(lists.into_iter().map(|(at, list)| (bound[at].clone(), list)).collect()))
}
