//! What goes with locked and judged roots, and they themselves, inside of the transaction.

use super::{BatchError, delete_counted, deleted};
use crate::database::Session;
use crate::model::{Action, DependentAction, Engine, Key, Table};
use crate::plan::Fate;
use crate::purge::judge::{Bench, Verdict, changed_meanwhile};
use crate::sql;

/// Takes these roots, which are locked and all go, and what hangs on them: how many rows of each dependent.
pub(in crate::purge) async fn on(
    bench: &Bench<'_>,
    going: &[Key],
    fate: Fate,
    session: &mut Session,
) -> Result<Vec<u64>, BatchError> {
    let target = bench.target;
    let mut dependents = vec![0; target.dependents.len()];
    let instants = bench.instants(fate);
    if !target.dependents.is_empty() && session.counts_deletes() && sql::cascades(target) {
        // The database takes the dependents with their roots, and knows how many of each it took.
        let statement = sql::act(target, &instants, going);
        let judged = going.len() as u64;
        let dependents = delete_counted(target, &statement, judged, session).await?;
        return Ok(dependents);
    }
    if session.engine() == Engine::Postgres {
        // What holds its parent may be written until the parent is locked.
        for at in target.order.iter().copied().filter(|at| target.is_held_by_children(*at)) {
            session.rows(&sql::lock_dependent(target, &instants, at, going)).await?;
        }
    }
    let below = if session.counts_deletes() { target.cascading_below() } else { Vec::new() };
    let tables: Vec<&Table> = below.iter().map(|at| &target.dependents[*at].table).collect();
    let before = deleted(&tables, session).await?;
    let mut ours = vec![0; target.dependents.len()];
    let shared = |at: &usize| sql::shares_rows(target, *at);
    for at in target.order.iter().copied().filter(shared) {
        dependents[at] = bench.count_dependent(at, going, fate, session).await?;
    }
    for at in target.order.iter().copied() {
        bench.none_held(Some(at), going, fate, session).await?;
        let statement = match &target.dependents[at].action {
            DependentAction::Delete => sql::delete_dependent(target, &instants, at, going),
            DependentAction::Update(set) => {
                sql::update_dependent(target, &instants, at, going, set)
            }
            DependentAction::Keep => continue,
        };
        let due = if shared(&at) || target.dependents[at].table.update_triggers.is_empty() {
            None
        } else {
            Some(bench.count_dependent(at, going, fate, session).await?)
        };
        let touched = session.execute(&statement).await?;
        if target.is_deleted(Some(at)) {
            ours[at] = touched;
        }
        if !shared(&at) {
            dependents[at] = touched;
        }
        let left = bench.count_left(at, going, fate, session).await?;
        let missed = due.map_or(0, |due| due.saturating_sub(touched)).max(left);
        if missed > 0 {
            return Err(BatchError::LeftBehind {
                name: target.dependents[at].name.clone(),
                rows: missed,
            });
        }
    }
    // A root that is changed stays, and so may what points at it.
    if let Action::Delete = target.action {
        bench.none_held(None, going, fate, session).await?;
    }
    let statement = sql::act(target, &instants, going);
    let moved: Vec<Key>;
    let (acted, now) = match (&target.action, session.engine()) {
        // Where a row lies changes with the row.
        (Action::Update(_), Engine::Postgres) => {
            moved = session.rows(&statement).await?.into_iter().map(Key).collect();
            (moved.len() as u64, &moved[..])
        }
        _ => (session.execute(&statement).await?, going),
    };
    if acted != going.len() as u64 {
        return Err(BatchError::NotActed { judged: going.len() as u64, acted });
    }
    let after = deleted(&tables, session).await?;
    for ((at, before), after) in below.iter().zip(before).zip(after) {
        let table = &target.dependents[*at].table.name;
        let same = target.dependents.iter().zip(&ours).filter(|(d, _)| d.table.name == *table);
        if after.saturating_sub(before) > same.map(|(_, rows)| rows).sum() {
            return Err(changed_meanwhile(&target.dependents[*at].name).into());
        }
    }
    if let Action::Update(_) = target.action {
        // Otherwise every run would change the row again, and a two-stage policy never end.
        let again = bench.judge(now, fate, session).await?;
        if again.iter().any(|row| row.verdict == Verdict::Goes) {
            return Err(BatchError::StaysSelected);
        }
    }
    Ok(dependents)
}
