//! Finding candidates: key, tenant, age, and whether `where` holds.

use super::statement::{Binds, Instants, Statement};
use super::words::{
    age, compared_tenant, instant_cast, key_cast, key_columns, root_from, scalar_cast, selected,
    shown_age, shown_keys, shown_tenant, tenant_of,
};
use crate::model::{Encoding, Engine, Key, ROW, Target, Value};

pub fn columns(target: &Target) -> String {
    let mut columns = shown_keys(target.rows(), ROW);
    columns.push(shown_tenant(target, ROW));
    columns.push(shown_age(target, ROW));
    columns.push(selected(target, ROW, false));
    columns.join(", ")
}

/// The next rows in the order of the key, whatever their age.
pub fn sweep(target: &Target, instants: &Instants, after: Option<&Key>, limit: usize) -> Statement {
    let mut binds = Binds::new(target.table.engine, instants);
    let keys = key_columns(target.rows(), ROW).join(", ");
    let beyond = match after {
        Some(key) => format!("WHERE ({keys}) > ({})", key_values(target, key, &mut binds)),
        None => String::new(),
    };
    let text = format!(
        "SELECT {} FROM {} {beyond} ORDER BY {keys} LIMIT {limit}",
        columns(target),
        root_from(target, ROW)
    );
    Statement::new(text, binds)
}

fn key_values(target: &Target, key: &Key, binds: &mut Binds) -> String {
    let rows = target.rows();
    let values = key.0.iter().zip(&rows.key);
    let bound = values.map(|(value, name)| binds.add_as(value.clone(), key_cast(rows, name)));
    bound.collect::<Vec<_>>().join(", ")
}

/// Where a walk along an index goes on: after this age, and within it after this key.
#[derive(Debug, Clone)]
pub struct Place {
    pub age: Value,
    pub key: Key,
}

/// The next rows below `below` in the order of (age, key), of one tenant or of all.
pub fn along_index(
    target: &Target,
    instants: &Instants,
    tenant: Option<&Value>,
    below: &Value,
    after: Option<&Place>,
    limit: usize,
) -> Statement {
    let mut binds = Binds::new(target.table.engine, instants);
    let rows = target.rows();
    let age = age(target, ROW);
    let engine = target.table.engine;
    let age_cast = target.age.as_ref().and_then(|age| instant_cast(engine, &age.encoding));
    let keys = key_columns(rows, ROW).join(", ");
    let mut conditions = Vec::new();
    if let (Some(tenant), Some(scalar)) = (tenant, tenant_of(target)) {
        let value = binds.add_as(tenant.clone(), scalar_cast(rows, scalar));
        conditions.push(format!("{} = {value}", compared_tenant(target, ROW)));
    }
    let below = binds.add_as(below.clone(), age_cast);
    conditions.push(format!("{age} < {below}"));
    conditions.extend(not_endlessly_old(target));
    if engine == Engine::Postgres {
        conditions.push(selected(target, ROW, false));
    }
    if let Some(Place { age: last, key }) = after {
        let last = binds.add_as(last.clone(), age_cast);
        conditions.push(format!("{age} >= {last}"));
        conditions
            .push(format!("({age}, {keys}) > ({last}, {})", key_values(target, key, &mut binds)));
    }
    let text = format!(
        "SELECT {} FROM {} WHERE {} ORDER BY {age}, {keys} LIMIT {limit}",
        columns(target),
        root_from(target, ROW),
        conditions.join(" AND ")
    );
    Statement::new(text, binds).along_index()
}

/// An age of minus infinity can never go, and would be met first by every walk.
pub fn not_endlessly_old(target: &Target) -> Option<String> {
    let encoding = &target.age.as_ref()?.encoding;
    let typed =
        matches!(encoding, Encoding::Instant | Encoding::Civil { .. } | Encoding::Date { .. });
    (typed && target.table.engine == Engine::Postgres)
        .then(|| format!("{} > '-infinity'", age(target, ROW)))
}
