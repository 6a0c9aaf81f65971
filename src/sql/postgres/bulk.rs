//! Rows of whole blocks: locked, judged and deleted by their addresses, and only counted by us.
//!
//! An address holds while its row is locked and nobody but this transaction can move it: what moves
//! rows of ours, a trigger on a dependent that we delete first, or an Update, does not go this way.

use jiff::tz::TimeZone;

use super::blocks::Blocks;
use super::due::{DUE, cutoff_cast};
use crate::model::{Encoding, Engine, ROW, Scalar, Table, Target, Value, bind_instant};
use crate::sql::dependents;
use crate::sql::render;
use crate::sql::statement::{Binds, Instants, Statement};
use crate::sql::words::{age, cast, grouped_tenant, root_from, selected, tenant_of};

const JUDGED: &str = "ro_judged";

/// The verdict of a row that goes; the exemption at a place holds it by one more than the place, and
/// beyond them all something points at it.
pub const GOES: i64 = 0;
/// The verdict of a row that `where` does not select.
pub const NOT_SELECTED: i64 = -1;

/// Whether the database compares ages of this encoding exactly as we read them, and the earliest age
/// that is one: before it is what programs write for "none".
pub fn earliest(target: &Target) -> Option<Value> {
    let rule = target.age.as_ref()?;
    match (&rule.encoding, &rule.scalar) {
        (Encoding::Instant, _) => Some(Value::Text("0002-01-01 00:00:00+00".to_owned())),
        (Encoding::Civil { zone }, _) if *zone == TimeZone::UTC => {
            Some(Value::Text("0002-01-01 00:00:00".to_owned()))
        }
        (Encoding::UnixSeconds | Encoding::UnixMillis, Scalar::Column(name)) => {
            let column = target.table.column(name)?;
            column.declared.starts_with("int").then_some(Value::Integer(1))
        }
        _ => None,
    }
}

/// What is due in some blocks, locked, by tenant, by how many of the cutoffs it has reached, and by
/// verdict: how many rows, and their addresses as one text. Whoever else has one of them locked makes
/// it an error. With `limit` rows there may be more than those.
///
/// The verdict is the last word only where nothing but the row itself decides: [`is_judged_alone`].
pub fn claim_due(
    target: &Target,
    instants: &Instants,
    blocks: &Blocks<'_>,
    cutoffs: &[Value],
    limit: usize,
) -> Statement {
    let mut binds = Binds::new(Engine::Postgres, instants);
    let bounds = binds.add_list(cutoffs.to_vec());
    let bounds = cast(&bounds, &format!("{}[]", cutoff_cast(target)));
    let candidates = blocks.candidates(target, &mut binds);
    let verdict = if is_judged_alone(target) { verdict(target) } else { GOES.to_string() };
    let (tenant, shown) = grouped_tenant(target, ROW, "ro_tenant");
    let text = format!(
        "{}{DUE} AS MATERIALIZED (SELECT {ROW}.ctid AS ro_at, {tenant} AS ro_tenant, \
         pg_catalog.width_bucket({}, {bounds}) AS ro_reached, {verdict} AS ro_verdict \
         FROM {} WHERE {} LIMIT {limit} FOR UPDATE OF {ROW} NOWAIT) \
         SELECT {shown}, ro_reached, ro_verdict, pg_catalog.count(*), \
         CAST(pg_catalog.array_agg(ro_at) AS pg_catalog.text) FROM {DUE} GROUP BY ro_tenant, 2, 3",
        candidates.with(),
        age(target, ROW),
        candidates.from(target, "CROSS JOIN"),
        candidates.conditions(),
    );
    Statement::new(text, binds)
}

/// All conditions of locked rows, read now, each under its own cutoff: by tenant and verdict how many,
/// and their addresses. The target is one of [`super::by_row`].
pub fn judge_locked(target: &Target, instants: &Instants, due: &[(String, Value)]) -> Statement {
    let mut binds = Binds::new(Engine::Postgres, instants);
    let (_, shown) = grouped_tenant(target, ROW, "ro_tenant");
    let text = format!(
        "WITH {} SELECT {shown}, ro_verdict, pg_catalog.count(*), \
         CAST(pg_catalog.array_agg(ro_at) AS pg_catalog.text) FROM {JUDGED} GROUP BY ro_tenant, 2",
        judged(target, due, &mut binds)
    );
    Statement::new(text, binds)
}

/// Judges them in the same way, and deletes those that go: by tenant and verdict how many. A last row
/// without a tenant says how many went, and which rows of these tables the transaction had deleted
/// before. Its columns are those of [`super::delete_due`].
pub fn take_locked(
    target: &Target,
    instants: &Instants,
    due: &[(String, Value)],
    tables: &[&Table],
) -> Statement {
    let mut binds = Binds::new(Engine::Postgres, instants);
    let (before, nulls) = super::blocks::before(tables);
    let (_, shown) = grouped_tenant(target, ROW, "ro_tenant");
    let text = format!(
        "WITH {}, ro_gone AS (DELETE FROM {} WHERE {ROW}.ctid = ANY (ARRAY(SELECT ro_at FROM {JUDGED} \
         WHERE ro_verdict = {GOES})) RETURNING 1) \
         SELECT TRUE, {shown}, pg_catalog.count(*), NULL, ro_verdict{nulls} FROM {JUDGED} GROUP BY ro_tenant, 5 \
         UNION ALL SELECT FALSE, NULL, (SELECT pg_catalog.count(*) FROM ro_gone), NULL, {GOES}{before}",
        judged(target, due, &mut binds),
        root_from(target, ROW),
    );
    Statement::new(text, binds)
}

/// Row by row and materialized: what a condition on a table without an index costs would otherwise hide
/// from the planner what everything else does, and it read the whole table for each address (tried).
fn judged(target: &Target, due: &[(String, Value)], binds: &mut Binds) -> String {
    let to = cutoff_cast(target);
    let lists: Vec<String> = due
        .iter()
        .map(|(places, cutoff)| {
            let places = binds.add(Value::Text(places.clone()));
            let cutoff = binds.add_as(cutoff.clone(), Some(to));
            format!("SELECT pg_catalog.unnest(CAST({places} AS pg_catalog.tid[])), {cutoff}")
        })
        .collect();
    let (tenant, _) = grouped_tenant(target, ROW, "");
    // In the order of the table: what belongs together in others often lies together there.
    format!(
        "{DUE} (ro_at, ro_cutoff) AS MATERIALIZED ({} ORDER BY 1), {JUDGED} AS MATERIALIZED (\
         SELECT ro_one.* FROM {DUE} CROSS JOIN LATERAL (SELECT {ROW}.ctid AS ro_at, \
         {tenant} AS ro_tenant, {} AS ro_verdict FROM {} WHERE {ROW}.ctid = {DUE}.ro_at OFFSET 0) AS ro_one)",
        lists.join(" UNION ALL "),
        verdict(target),
        root_from(target, ROW),
    )
}

/// Deletes the rows at these addresses.
pub fn delete_at(target: &Target, places: &str) -> Statement {
    let mut binds = Binds::none(Engine::Postgres);
    let places = binds.add(Value::Text(places.to_owned()));
    let text = format!(
        "DELETE FROM {} WHERE {ROW}.ctid = ANY (CAST({places} AS pg_catalog.tid[]))",
        root_from(target, ROW)
    );
    Statement::new(text, binds)
}

/// Whether the statement that locks a row can judge it, whatever its cutoff.
pub fn is_judged_alone(target: &Target) -> bool {
    target.reads_only_itself() && !target.is_judged_by_cutoff()
}

/// In the order in which the judgement asks.
pub(super) fn verdict(target: &Target) -> String {
    let mut text =
        format!("CASE WHEN ({}) IS NOT TRUE THEN {NOT_SELECTED}", selected(target, ROW, true));
    for (at, exemption) in target.exemptions.iter().enumerate() {
        let when = render::expression(&exemption.when, ROW, tenant_of(target));
        text += &format!(" WHEN {when} IS NOT FALSE THEN {}", at + 1);
    }
    for reference in &target.referenced {
        let referenced = dependents::referenced(target, reference);
        text += &format!(" WHEN {referenced} THEN {}", target.exemptions.len() + 1);
    }
    format!("CAST({text} ELSE {GOES} END AS pg_catalog.int4)")
}

/// Cutoffs as the database compares them.
pub fn bound(target: &Target, cutoffs: &[jiff::Timestamp]) -> Vec<Value> {
    let Some(rule) = &target.age else { return Vec::new() };
    cutoffs.iter().map(|cutoff| bind_instant(*cutoff, &rule.encoding)).collect()
}
