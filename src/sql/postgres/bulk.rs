//! Rows of whole blocks: locked, judged and deleted by their addresses, and only counted by us.
//!
//! An address holds while its row is locked and nobody but this transaction can move it: what moves
//! rows of ours, a trigger on a dependent that we delete first, or an Update, does not go this way.

use std::ops::Range;

use super::due::{DUE, cutoff_cast};
use crate::model::{Encoding, Engine, ROW, Scalar, Target, Value, bind_instant};
use crate::sql::dependents;
use crate::sql::render;
use crate::sql::statement::{Binds, Instants, Statement};
use crate::sql::words::{
    age, cast, compared_tenant, root_from, scalar_cast, selected, shown_tenant, tenant_of,
};

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
        (Encoding::UnixSeconds | Encoding::UnixMillis, Scalar::Column(name)) => {
            let column = target.table.column(name)?;
            column.declared.starts_with("int").then_some(Value::Integer(1))
        }
        _ => None,
    }
}

/// Tenants whose rows stay: all of them, or those that are not below a cutoff of their own.
pub struct Spared {
    pub tenants: Vec<Value>,
    pub unless_below: Option<Value>,
}

/// The rows of some blocks that are below the last of these cutoffs, locked, by tenant, by how many
/// of the cutoffs they have reached, and by verdict: how many, and their addresses as one text. Whoever
/// else has one of them locked makes it an error. With `limit` rows there may be more than those. What
/// is spared is not even locked; who is not named there is judged all the same.
///
/// The verdict is the last word only where nothing but the row itself decides: [`is_judged_alone`].
pub fn claim_blocks(
    target: &Target,
    instants: &Instants,
    blocks: Range<u64>,
    cutoffs: &[Value],
    earliest: &Value,
    spared: &[Spared],
    limit: usize,
) -> Statement {
    let mut binds = Binds::new(Engine::Postgres, instants);
    let to = cutoff_cast(target);
    let age = age(target, ROW);
    let bounds = cast(&binds.add_list(cutoffs.to_vec()), &format!("{to}[]"));
    let youngest = binds.add_as(cutoffs.last().cloned().unwrap_or(Value::Null), Some(to));
    let earliest = binds.add_as(earliest.clone(), Some(to));
    let mut conditions = vec![
        format!("{ROW}.ctid >= '({},0)'::pg_catalog.tid", blocks.start),
        format!("{ROW}.ctid < '({},0)'::pg_catalog.tid", blocks.end),
        format!("{age} < {youngest}"),
        format!("{age} >= {earliest}"),
    ];
    if target.tenant.is_some() {
        conditions.push(format!("{} IS NOT NULL", compared_tenant(target, ROW)));
    }
    let tenant_type = tenant_of(target).and_then(|scalar| scalar_cast(target.rows(), scalar));
    if let Some(tenant_type) = tenant_type {
        let tenant = compared_tenant(target, ROW);
        for Spared { tenants, unless_below } in spared {
            let names = super::texts(tenants.iter(), &mut binds);
            let names = cast(&names, &format!("{tenant_type}[]"));
            let below = unless_below.as_ref().map(|below| {
                let below = binds.add_as(below.clone(), Some(to));
                format!("{age} < {below} OR ")
            });
            conditions.push(format!("({}{tenant} <> ALL ({names}))", below.unwrap_or_default()));
        }
    }
    let alone = is_judged_alone(target);
    if alone || target.selection.as_ref().is_some_and(|where_| where_.tables.is_empty()) {
        conditions.push(selected(target, ROW, false));
    }
    let verdict = if alone { verdict(target) } else { GOES.to_string() };
    let text = format!(
        "WITH {DUE} AS MATERIALIZED (SELECT {ROW}.ctid AS ro_at, {} AS ro_tenant, \
         pg_catalog.width_bucket({age}, {bounds}) AS ro_reached, {verdict} AS ro_verdict \
         FROM {} WHERE {} LIMIT {limit} FOR UPDATE OF {ROW} NOWAIT) \
         SELECT ro_tenant, ro_reached, ro_verdict, pg_catalog.count(*), \
         CAST(pg_catalog.array_agg(ro_at) AS pg_catalog.text) FROM {DUE} GROUP BY 1, 2, 3",
        shown_tenant(target, ROW),
        root_from(target, ROW),
        conditions.join(" AND ")
    );
    Statement::new(text, binds)
}

/// All conditions of locked rows, read now, each under its own cutoff: by tenant and verdict how many,
/// and their addresses. The target is one of [`super::by_row`].
///
/// Row by row and materialized: what a condition on a table without an index costs would otherwise hide
/// from the planner what everything else does, and it read the whole table for each address (tried).
pub fn judge_locked(target: &Target, instants: &Instants, due: &[(String, Value)]) -> Statement {
    let mut binds = Binds::new(Engine::Postgres, instants);
    let to = cutoff_cast(target);
    let lists: Vec<String> = due
        .iter()
        .map(|(places, cutoff)| {
            let places = binds.add(Value::Text(places.clone()));
            let cutoff = binds.add_as(cutoff.clone(), Some(to));
            format!("SELECT pg_catalog.unnest(CAST({places} AS pg_catalog.tid[])), {cutoff}")
        })
        .collect();
    let text = format!(
        "WITH {DUE} (ro_at, ro_cutoff) AS MATERIALIZED ({}), ro_judged AS MATERIALIZED (\
         SELECT ro_one.* FROM {DUE} CROSS JOIN LATERAL (SELECT {ROW}.ctid AS ro_at, \
         {} AS ro_tenant, {} AS ro_verdict FROM {} WHERE {ROW}.ctid = {DUE}.ro_at OFFSET 0) AS ro_one) \
         SELECT ro_tenant, ro_verdict, pg_catalog.count(*), \
         CAST(pg_catalog.array_agg(ro_at) AS pg_catalog.text) FROM ro_judged GROUP BY 1, 2",
        lists.join(" UNION ALL "),
        shown_tenant(target, ROW),
        verdict(target),
        root_from(target, ROW),
    );
    Statement::new(text, binds)
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
fn verdict(target: &Target) -> String {
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
