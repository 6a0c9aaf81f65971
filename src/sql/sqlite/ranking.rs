//! keepNewest: which partitions are over-full, and the order of their rows.

use super::{
    Binds, Instants, ROW, Statement, Target, column, from, key_columns, selected, tenant_column,
};
use crate::model::{KeepNewest, Value};

/// Tenant and partition of every partition with more rows than are kept. `where` counts only where
/// it asks for no cutoff: the ranking asks again.
pub fn over_full_partitions(target: &Target, keep: &KeepNewest, instants: &Instants) -> Statement {
    let binds = Binds::new(instants);
    let mut columns: Vec<String> = Vec::new();
    let mut conditions = vec![selected(target, ROW, false)];
    if target.tenant.is_some() {
        columns.push(tenant_column(target, ROW));
    }
    columns.extend(keep.partition_by.iter().map(|name| column(&target.table, ROW, name)));
    conditions.extend(columns.iter().map(|column| format!("{column} IS NOT NULL")));
    let from = from(&target.table, ROW);
    let conditions = conditions.join(" AND ");
    let text = if columns.is_empty() {
        format!(
            "SELECT NULL WHERE (SELECT count(*) FROM {from} WHERE {conditions}) > {}",
            keep.rows
        )
    } else {
        let columns = columns.join(", ");
        format!(
            "SELECT {columns} FROM {from} WHERE {conditions} GROUP BY {columns} HAVING count(*) > {}",
            keep.rows
        )
    };
    Statement::new(text, binds)
}

/// The rows of one partition that `where` selects, newest first as the database orders them: key,
/// then the values of orderBy. NULL comes last of all in SQLite's descending order.
pub fn ranking(
    target: &Target,
    keep: &KeepNewest,
    instants: &Instants,
    tenant: Option<&Value>,
    partition: &[Value],
) -> Statement {
    let mut binds = Binds::new(instants);
    let table = &target.table;
    let keys = key_columns(table, ROW);
    let order: Vec<String> =
        keep.order_by.iter().map(|order| column(table, ROW, &order.column)).collect();
    let mut conditions = vec![selected(target, ROW, true)];
    if let Some(tenant) = tenant {
        conditions.push(format!("{} = {}", tenant_column(target, ROW), binds.add(tenant.clone())));
    }
    for (name, value) in keep.partition_by.iter().zip(partition) {
        conditions.push(format!("{} = {}", column(table, ROW, name), binds.add(value.clone())));
    }
    let newest_first = order.iter().chain(&keys).map(|column| format!("{column} DESC"));
    let text = format!(
        "SELECT {}, {} FROM {} WHERE {} ORDER BY {}",
        keys.join(", "),
        order.join(", "),
        from(table, ROW),
        conditions.join(" AND "),
        newest_first.collect::<Vec<_>>().join(", ")
    );
    Statement::new(text, binds)
}
