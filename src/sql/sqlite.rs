//! SQLite's statements for roots: find, judge, act.
//!
//! Every statement gives a row its key first, so that whoever reads it can take the key off.

mod dependents;
mod observation;
mod ranking;

pub use dependents::{
    count_dependent, count_left, delete_dependent, shares_rows, update_dependent,
};
pub use observation::{
    child_rows, collation, columns_of, declarations, foreign_keys_of, indexes_of, key_span,
    newest_number, oddly_written, source, tables, tenants, text_forms, triggers, twins,
};
pub use ranking::{over_full_partitions, ranking};

use super::kinds::is_flag;
use super::render;
use super::statement::{Binds, Instants, Statement};
use crate::model::{
    Action, AntiJoin, Assignments, Key, Parameter, ROW, Scalar, Table, Target, Value, quote,
};

/// `schema.table AS alias`.
fn from(table: &Table, alias: &str) -> String {
    format!("{} AS {alias}", name(table))
}

fn name(table: &Table) -> String {
    match &table.name.schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(&table.name.name)),
        None => quote(&table.name.name),
    }
}

/// A column of the row with this alias. `rowid` under its free name is no column of the catalog,
/// and is written bare: quoted, SQLite would take it for a text where it is shadowed.
fn column(table: &Table, alias: &str, name: &str) -> String {
    match table.column(name) {
        Some(_) => format!("{alias}.{}", quote(name)),
        None => format!("{alias}.{name}"),
    }
}

fn key_columns(table: &Table, alias: &str) -> Vec<String> {
    table.key.iter().map(|name| column(table, alias, name)).collect()
}

fn tenant_of(target: &Target) -> Option<&Scalar> {
    target.tenant.as_ref()
}

fn tenant_column(target: &Target, alias: &str) -> String {
    tenant_of(target).map_or_else(|| "NULL".to_owned(), |scalar| render::scalar(scalar, alias))
}

fn age_column(target: &Target, alias: &str) -> String {
    target.age.as_ref().map_or_else(|| "NULL".to_owned(), |age| render::scalar(&age.scalar, alias))
}

/// `where` as a flag. Where it asks for a cutoff that the statement does not have, it is taken
/// for true: the judgement asks again.
fn selected(target: &Target, alias: &str, has_cutoff: bool) -> String {
    match &target.selection {
        Some(selection) if has_cutoff || !selection.uses(Parameter::Cutoff) => {
            format!("{} IS TRUE", render::expression(selection, alias, tenant_of(target)))
        }
        _ => "1".to_owned(),
    }
}

/// The condition that a row's key is one of these.
fn key_in(table: &Table, alias: &str, keys: &[Key], binds: &mut Binds) -> String {
    if keys.is_empty() {
        return "0".to_owned();
    }
    let list = binds.keys(|binds| key_list(keys, binds));
    format!("({}) IN ({list})", key_columns(table, alias).join(", "))
}

fn key_list(keys: &[Key], binds: &mut Binds) -> String {
    let integer = |key: &Key| match key.0[..] {
        [Value::Integer(integer)] => Some(integer.to_string()),
        _ => None,
    };
    if let Some(integers) = keys.iter().map(integer).collect::<Option<Vec<_>>>() {
        // One value whatever the batch's size: the statement stays prepared.
        let list = binds.add(Value::Text(format!("[{}]", integers.join(","))));
        return format!("SELECT value FROM json_each({list})");
    }
    let rows: Vec<String> = keys.iter().map(|key| format!("({})", binds.add_all(&key.0))).collect();
    format!("VALUES {}", rows.join(", "))
}

/// Columns of a walk: key, tenant, age, whether `where` holds.
fn walk_columns(target: &Target) -> String {
    let mut columns = key_columns(&target.table, ROW);
    columns.push(tenant_column(target, ROW));
    columns.push(age_column(target, ROW));
    columns.push(selected(target, ROW, false));
    columns.join(", ")
}

/// The next rows in the order of the key, whatever their age.
pub fn sweep(target: &Target, instants: &Instants, after: Option<&Key>, limit: usize) -> Statement {
    let mut binds = Binds::new(instants);
    let keys = key_columns(&target.table, ROW).join(", ");
    let beyond = match after {
        Some(key) => format!("WHERE ({keys}) > ({})", binds.add_all(&key.0)),
        None => String::new(),
    };
    let text = format!(
        "SELECT {} FROM {} {beyond} ORDER BY {keys} LIMIT {limit}",
        walk_columns(target),
        from(&target.table, ROW)
    );
    Statement::new(text, binds)
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
    let mut binds = Binds::new(instants);
    let age = age_column(target, ROW);
    let keys = key_columns(&target.table, ROW).join(", ");
    let mut conditions = Vec::new();
    if let Some(tenant) = tenant {
        conditions.push(format!("{} = {}", tenant_column(target, ROW), binds.add(tenant.clone())));
    }
    conditions.push(format!("{age} < {}", binds.add(below.clone())));
    if let Some(Place { age: last, key }) = after {
        let last = binds.add(last.clone());
        conditions.push(format!("{age} >= {last}"));
        conditions.push(format!("({age}, {keys}) > ({last}, {})", binds.add_all(&key.0)));
    }
    let text = format!(
        "SELECT {} FROM {} WHERE {} ORDER BY {age}, {keys} LIMIT {limit}",
        walk_columns(target),
        from(&target.table, ROW),
        conditions.join(" AND ")
    );
    Statement::new(text, binds)
}

/// All conditions of the rows with these keys, read now: key, tenant, age, whether `where` holds,
/// for each exemption whether it holds the row, for each unnamed reference whether there is one,
/// then the partition and the order of keepNewest.
///
/// NULL in `where` does not select, NULL in `when` holds.
pub fn judge(target: &Target, instants: &Instants, keys: &[Key]) -> Statement {
    let mut binds = Binds::new(instants);
    let mut columns = key_columns(&target.table, ROW);
    columns.push(tenant_column(target, ROW));
    columns.push(age_column(target, ROW));
    columns.push(selected(target, ROW, true));
    for exemption in &target.exemptions {
        let when = render::expression(&exemption.when, ROW, tenant_of(target));
        // A text is neither: SQLite reads 'true' as the number 0, and would let the row go.
        columns.push(if is_flag(&exemption.when.tree) {
            format!("{when} IS NOT FALSE")
        } else {
            format!("({when} IS NOT FALSE OR typeof({when}) IN ('text', 'blob'))")
        });
    }
    for reference in &target.referenced {
        columns.push(dependents::referenced(target, reference));
    }
    if let Some(keep) = &target.keep_newest {
        let order = keep.order_by.iter().map(|order| &order.column);
        columns.extend(
            keep.partition_by.iter().chain(order).map(|name| column(&target.table, ROW, name)),
        );
    }
    let chosen = key_in(&target.table, ROW, keys, &mut binds);
    let text =
        format!("SELECT {} FROM {} WHERE {chosen}", columns.join(", "), from(&target.table, ROW));
    Statement::new(text, binds)
}

/// Roots go by key alone: they are locked, and only we and triggers can have changed them since
/// they were judged. Conditions repeated here would take every row that a trigger on a dependent
/// has touched for a row that cannot go.
pub fn act(target: &Target, instants: &Instants, keys: &[Key]) -> Statement {
    let mut binds = Binds::new(instants);
    let chosen = key_in(&target.table, ROW, keys, &mut binds);
    let table = from(&target.table, ROW);
    let text = match &target.action {
        Action::Delete => format!("DELETE FROM {table} WHERE {chosen}"),
        Action::Update(set) => {
            format!(
                "{} {table} SET {} WHERE {chosen}",
                update(&target.table),
                assignments(set, tenant_of(target))
            )
        }
    };
    Statement::new(text, binds)
}

/// A constraint that is declared ON CONFLICT REPLACE would delete the rows in an update's way, and
/// count none of them. Where triggers fire it is not said: SQLite would take our word for the
/// triggers' own; the plan refuses the two together.
fn update(table: &Table) -> &'static str {
    if table.update_triggers.is_empty() { "UPDATE OR ABORT" } else { "UPDATE" }
}

/// In SQLite every right-hand side sees the row as it was.
fn assignments(set: &Assignments, tenant: Option<&Scalar>) -> String {
    let one = |(column, value): &(String, crate::model::Expression)| {
        format!("{} = {}", quote(column), render::expression(value, ROW, tenant))
    };
    set.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Equality of pairs of columns of two aliases. The referenced column stands first: a foreign key
/// compares by its collation, and so does SQL by the first side's.
fn joined(pairs: &[(String, String)], own: (&Table, &str), other: (&Table, &str)) -> String {
    let pair = |(mine, theirs): &(String, String)| {
        format!("{} = {}", column(other.0, other.1, theirs), column(own.0, own.1, mine))
    };
    pairs.iter().map(pair).collect::<Vec<_>>().join(" AND ")
}
