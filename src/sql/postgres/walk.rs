//! Finding candidates where rows lie in blocks, and along an index for many tenants at once.

use super::due::cutoff_cast;
use crate::model::{Engine, ROW, Table, Target, Value};
use crate::sql::statement::{Binds, Instants, Statement};
use crate::sql::walk::{Place, columns, not_endlessly_old};
use crate::sql::words::{
    age, cast, compared_tenant, instant_cast, key_cast, key_columns, name, root_from, scalar_cast,
    selected, shown_age, shown_keys, shown_tenant, tenant_of,
};

/// How many blocks a table has.
pub fn blocks(table: &Table) -> Statement {
    let literal = super::literal(&name(table));
    let text = format!(
        "SELECT pg_catalog.pg_relation_size({literal}::pg_catalog.regclass) \
         / pg_catalog.current_setting('block_size')::pg_catalog.int8"
    );
    Statement::new(text, Binds::none(Engine::Postgres))
}

/// About how many rows a table has: by its statistics, and without any by its size.
pub fn rows_at_most(table: &Table) -> Statement {
    let literal = super::literal(&name(table));
    let text = format!(
        "SELECT CASE WHEN c.reltuples > 0 AND c.relpages > 0 \
         THEN c.reltuples / c.relpages * b.blocks ELSE b.blocks * 60 END::pg_catalog.int8 \
         FROM pg_catalog.pg_class c CROSS JOIN (SELECT \
         pg_catalog.pg_relation_size({literal}::pg_catalog.regclass) \
         / pg_catalog.current_setting('block_size')::pg_catalog.int8) AS b(blocks) \
         WHERE c.oid = {literal}::pg_catalog.regclass"
    );
    Statement::new(text, Binds::none(Engine::Postgres))
}

/// The rows of some blocks that are below an age, or can never go: those are counted. An address
/// means nothing across tables: of a family one table at a time.
///
/// Texts are all given, as a collation sorts them otherwise than by time.
pub fn sweep_blocks(
    target: &Target,
    instants: &Instants,
    blocks: std::ops::Range<u64>,
    below: Option<&Value>,
) -> Statement {
    let mut binds = Binds::new(Engine::Postgres, instants);
    let mut conditions = vec![
        format!("{ROW}.ctid >= '({},0)'::pg_catalog.tid", blocks.start),
        format!("{ROW}.ctid < '({},0)'::pg_catalog.tid", blocks.end),
        selected(target, ROW, false),
    ];
    if let Some(mut any) = never_goes(target) {
        if let Some(below) = below {
            let to = cutoff_cast(target);
            any.push(format!("{} < {}", age(target, ROW), binds.add_once(below.clone(), to)));
        }
        conditions.push(format!("({})", any.join(" OR ")));
    }
    let text = format!(
        "SELECT {} FROM {} WHERE {}",
        columns(target),
        root_from(target, ROW),
        conditions.join(" AND ")
    );
    Statement::new(text, binds)
}

/// A row for which one of these holds can never go, and is counted. Texts are read by us.
pub(super) fn never_goes(target: &Target) -> Option<Vec<String>> {
    target.age.as_ref().filter(|rule| !rule.encoding.is_text())?;
    let (age, to) = (age(target, ROW), cutoff_cast(target));
    let mut any = vec![format!("{age} IS NULL"), format!("{age} >= (SELECT {})", cast("$1", to))];
    if target.tenant.is_some() {
        any.push(format!("{} IS NULL", compared_tenant(target, ROW)));
    }
    Some(any)
}

/// The next rows of many tenants, each below its own age, in the order of (tenant, age, key). The
/// first column says which of the tenants; the others are those of every walk. `after` is a place
/// within the only tenant.
pub fn tenants_along_index(
    target: &Target,
    instants: &Instants,
    tenants: &[(Value, Value)],
    after: Option<&Place>,
    limit: usize,
) -> Statement {
    let rows = target.rows();
    let mut binds = Binds::new(Engine::Postgres, instants);
    let age_cast =
        target.age.as_ref().and_then(|rule| instant_cast(Engine::Postgres, &rule.encoding));
    let age_cast = age_cast.unwrap_or_default();
    let tenant_type = tenant_of(target).and_then(|scalar| scalar_cast(rows, scalar));
    let tenant_cast = |value: &str| cast(value, tenant_type.unwrap_or_default());
    let names = super::texts(tenants.iter().map(|(tenant, _)| tenant), &mut binds);
    let below = super::texts(tenants.iter().map(|(_, below)| below), &mut binds);
    let age = age(target, ROW);
    let keys = key_columns(rows, ROW);
    let mut conditions = vec![
        format!("{} = {}", compared_tenant(target, ROW), tenant_cast("ro_tenants.t")),
        format!("{age} < {}", cast("ro_tenants.below", age_cast)),
        selected(target, ROW, false),
    ];
    conditions.extend(not_endlessly_old(target));
    if let Some(Place { age: last, key }) = after {
        let last = binds.add_as(last.clone(), Some(age_cast));
        let bound: Vec<String> = key
            .0
            .iter()
            .zip(&rows.key)
            .map(|(value, name)| binds.add_as(value.clone(), key_cast(rows, name)))
            .collect();
        conditions.push(format!(
            "{age} >= {last} AND ({age}, {}) > ({last}, {})",
            keys.join(", "),
            bound.join(", ")
        ));
    }
    let mut shown = shown_keys(rows, ROW);
    shown.push(shown_tenant(target, ROW));
    shown.push(shown_age(target, ROW));
    shown.push(selected(target, ROW, false));
    let shown: Vec<String> =
        shown.iter().enumerate().map(|(at, value)| format!("{value} AS ro_c{at}")).collect();
    let sorted: Vec<String> =
        keys.iter().enumerate().map(|(at, key)| format!("{key} AS ro_o{at}")).collect();
    let given: Vec<String> = (0..shown.len()).map(|at| format!("ro_found.ro_c{at}")).collect();
    let ordered: Vec<String> = (0..keys.len()).map(|at| format!("ro_found.ro_o{at}")).collect();
    let text = format!(
        "SELECT ro_tenants.at, {given} FROM ROWS FROM (pg_catalog.unnest({names}), \
         pg_catalog.unnest({below})) WITH ORDINALITY AS ro_tenants(t, below, at) CROSS JOIN LATERAL (\
         SELECT {shown}, {sorted}, {age} AS ro_age FROM {rows} WHERE {conditions} \
         ORDER BY {age}, {keys} LIMIT {limit}) AS ro_found \
         ORDER BY ro_tenants.at, ro_found.ro_age, {ordered} LIMIT {limit}",
        given = given.join(", "),
        shown = shown.join(", "),
        sorted = sorted.join(", "),
        rows = root_from(target, ROW),
        conditions = conditions.join(" AND "),
        keys = keys.join(", "),
        ordered = ordered.join(", "),
    );
    Statement::new(text, binds).along_index()
}
