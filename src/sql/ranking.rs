//! keepNewest: which partitions are over-full, and the order of their rows.

use super::statement::{Binds, Instants, Statement};
use super::words::{
    as_text, cast, column, compared_tenant, from, key_cast, key_columns, scalar_cast, selected,
    shown_column, shown_keys, shown_tenant, tenant_of,
};
use crate::model::{Engine, KeepNewest, OrderColumn, ROW, Table, Target, Value};

/// Tenant and partition of every partition with more rows than are kept. `where` counts only where
/// it asks for no cutoff: the ranking asks again.
pub fn over_full_partitions(target: &Target, keep: &KeepNewest, instants: &Instants) -> Statement {
    let binds = Binds::new(target.table.engine, instants);
    let table = &target.table;
    let mut columns: Vec<String> = Vec::new();
    let mut shown: Vec<String> = Vec::new();
    let mut conditions = vec![selected(target, ROW, false)];
    if target.tenant.is_some() {
        columns.push(compared_tenant(target, ROW));
        shown.push(shown_tenant(target, ROW));
    }
    columns.extend(keep.partition_by.iter().map(|name| column(table, ROW, name)));
    shown.extend(keep.partition_by.iter().map(|name| shown_column(table, ROW, name)));
    conditions.extend(columns.iter().map(|column| format!("{column} IS NOT NULL")));
    let from = from(&target.table, ROW);
    let conditions = conditions.join(" AND ");
    let text = if columns.is_empty() {
        format!(
            "SELECT NULL WHERE (SELECT count(*) FROM {from} WHERE {conditions}) > {}",
            keep.rows
        )
    } else {
        let (shown, columns) = (shown.join(", "), columns.join(", "));
        format!(
            "SELECT {shown} FROM {from} WHERE {conditions} GROUP BY {columns} HAVING count(*) > {}",
            keep.rows
        )
    };
    Statement::new(text, binds)
}

/// A value of orderBy as it is read back: NULL where the value can have no place.
pub fn shown_order(target: &Target, alias: &str, order: &OrderColumn) -> String {
    let (table, name) = (&target.table, &order.column);
    let value = column(table, alias, name);
    if table.engine == Engine::Sqlite {
        return value;
    }
    let shown = shown_column(table, alias, name);
    match ranks(target, alias, order) {
        Some(ranks) => format!("CASE WHEN {ranks} THEN {} END", ranked(table, name, &value)),
        None => shown,
    }
}

/// Numbers as numbers: the oldest are told by them too.
fn ranked(table: &Table, name: &str, value: &str) -> String {
    match table.column(name).map(|column| column.declared.as_str()) {
        Some("float4" | "float8" | "numeric") => cast(value, "\"pg_catalog\".\"float8\""),
        _ => as_text(value),
    }
}

/// Whether PostgreSQL's value of orderBy has a place; `None`: every one that is not NULL.
fn ranks(target: &Target, alias: &str, order: &OrderColumn) -> Option<String> {
    let value = column(&target.table, alias, &order.column);
    match target.table.column(&order.column)?.declared.as_str() {
        "timestamptz" | "timestamp" | "date" => Some(format!("pg_catalog.isfinite({value})")),
        "float4" | "float8" | "numeric" => {
            Some(format!("{value} NOT IN ('NaN', 'Infinity', '-Infinity')"))
        }
        _ => None,
    }
}

/// The rows of one partition that `where` selects, newest first as the database orders them: key,
/// then the values of orderBy. What has no place comes last, or is not there.
pub fn ranking(
    target: &Target,
    keep: &KeepNewest,
    instants: &Instants,
    tenant: Option<&Value>,
    partition: &[Value],
) -> Statement {
    let mut binds = Binds::new(target.table.engine, instants);
    let table = &target.table;
    let keys = key_columns(table, ROW);
    let order: Vec<String> =
        keep.order_by.iter().map(|order| column(table, ROW, &order.column)).collect();
    let shown = keep.order_by.iter().map(|order| shown_order(target, ROW, order));
    let shown: Vec<String> = shown_keys(table, ROW).into_iter().chain(shown).collect();
    let mut conditions = vec![selected(target, ROW, true)];
    if let (Some(tenant), Some(scalar)) = (tenant, tenant_of(target)) {
        let value = binds.add_as(tenant.clone(), scalar_cast(table, scalar));
        conditions.push(format!("{} = {value}", compared_tenant(target, ROW)));
    }
    for (name, value) in keep.partition_by.iter().zip(partition) {
        let value = binds.add_as(value.clone(), key_cast(table, name));
        conditions.push(format!("{} = {value}", column(table, ROW, name)));
    }
    if table.engine == Engine::Postgres {
        // Descending, PostgreSQL puts NULL first.
        conditions.extend(order.iter().map(|column| format!("{column} IS NOT NULL")));
        conditions.extend(keep.order_by.iter().filter_map(|order| ranks(target, ROW, order)));
    }
    let newest_first = order.iter().chain(&keys).map(|column| format!("{column} DESC"));
    let text = format!(
        "SELECT {} FROM {} WHERE {} ORDER BY {}",
        shown.join(", "),
        from(table, ROW),
        conditions.join(" AND "),
        newest_first.collect::<Vec<_>>().join(", ")
    );
    Statement::new(text, binds)
}
