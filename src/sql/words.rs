//! How each engine spells what all statements are made of.

use super::render;
use super::statement::Binds;
use crate::model::{
    Assignments, Encoding, Engine, Expression, Key, Parameter, ROW, Scalar, Table, Target, Value,
    quote,
};

/// Qualified: nothing depends on what stands first in a search path.
pub fn name(table: &Table) -> String {
    match &table.name.schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(&table.name.name)),
        None => quote(&table.name.name),
    }
}

/// `schema.table AS alias`: all rows that SQL shows under this name.
pub fn from(table: &Table, alias: &str) -> String {
    format!("{} AS {alias}", name(table))
}

/// The table that holds a target's rows themselves, and none that inherits from it: where rows are
/// addressed, two tables may have the same address for two rows.
pub fn root_from(target: &Target, alias: &str) -> String {
    let rows = target.rows();
    match rows.engine {
        Engine::Postgres if !rows.is_partitioned() => format!("ONLY {}", from(rows, alias)),
        Engine::Postgres | Engine::Sqlite => from(rows, alias),
    }
}

/// A column of the row with this alias. SQLite's `rowid` under its free name and PostgreSQL's
/// `ctid` are no columns of the catalog, and are written bare: quoted, SQLite would take it for a
/// text where it is shadowed.
pub fn column(table: &Table, alias: &str, name: &str) -> String {
    match table.column(name) {
        Some(_) => format!("{alias}.{}", quote(name)),
        None => format!("{alias}.{name}"),
    }
}

pub fn key_columns(table: &Table, alias: &str) -> Vec<String> {
    table.key.iter().map(|name| column(table, alias, name)).collect()
}

/// A value as text, which every driver reads without asking the catalog for its type.
pub fn as_text(value: &str) -> String {
    cast(value, "\"pg_catalog\".\"text\"")
}

pub fn cast(value: &str, to: &str) -> String {
    format!("CAST({value} AS {to})")
}

/// A column in a list of results: whole numbers and texts as they are, other types as text.
pub fn shown_column(table: &Table, alias: &str, name: &str) -> String {
    let value = column(table, alias, name);
    match table.engine {
        Engine::Sqlite => value,
        Engine::Postgres => match table.column(name).map(|column| column.declared.as_str()) {
            Some("int2" | "int4" | "int8" | "text" | "varchar") => value,
            _ => as_text(&value),
        },
    }
}

pub fn shown_keys(table: &Table, alias: &str) -> Vec<String> {
    table.key.iter().map(|name| shown_column(table, alias, name)).collect()
}

pub fn shown_scalar(table: &Table, alias: &str, scalar: &Scalar) -> String {
    match (scalar, table.engine) {
        (Scalar::Column(name), _) => shown_column(table, alias, name),
        (Scalar::Expression(inner), Engine::Sqlite) => render::expression(inner, alias, None),
        (Scalar::Expression(inner), Engine::Postgres) => {
            as_text(&render::expression(inner, alias, None))
        }
    }
}

/// What a value that is compared with this scalar is cast to; `None`: SQLite casts nothing.
pub fn scalar_cast<'t>(table: &'t Table, scalar: &Scalar) -> Option<&'t str> {
    match (table.engine, scalar) {
        (Engine::Sqlite, _) => None,
        (Engine::Postgres, Scalar::Column(name)) => key_cast(table, name),
        (Engine::Postgres, Scalar::Expression(_)) => Some("\"pg_catalog\".\"text\""),
    }
}

/// The type of a key's column.
pub fn key_cast<'t>(table: &'t Table, name: &str) -> Option<&'t str> {
    match table.engine {
        Engine::Sqlite => None,
        Engine::Postgres => {
            Some(table.column(name).map_or("\"pg_catalog\".\"tid\"", |column| column.cast.as_str()))
        }
    }
}

/// A scalar as it is compared with a value of [`scalar_cast`]'s type.
pub fn compared_scalar(table: &Table, alias: &str, scalar: &Scalar) -> String {
    let value = render::scalar(scalar, alias);
    match (table.engine, scalar) {
        (Engine::Postgres, Scalar::Expression(_)) => as_text(&value),
        _ => value,
    }
}

pub fn tenant_of(target: &Target) -> Option<&Scalar> {
    target.tenant.as_ref()
}

pub fn shown_tenant(target: &Target, alias: &str) -> String {
    tenant_of(target)
        .map_or_else(|| "NULL".to_owned(), |tenant| shown_scalar(target.rows(), alias, tenant))
}

/// The tenant as rows are grouped by it, and a group's as it is shown. Texts cost several times more to
/// group by: they are made of the groups, where equal values have one text.
pub fn grouped_tenant(target: &Target, alias: &str, group: &str) -> (String, String) {
    if let Some(Scalar::Column(name)) = tenant_of(target)
        && let Some(own) = target.rows().column(name)
        && ["uuid", "int2", "int4", "int8"].contains(&own.declared.as_str())
    {
        return (column(target.rows(), alias, name), as_text(group));
    }
    (shown_tenant(target, alias), group.to_owned())
}

pub fn compared_tenant(target: &Target, alias: &str) -> String {
    tenant_of(target)
        .map_or_else(|| "NULL".to_owned(), |tenant| compared_scalar(target.rows(), alias, tenant))
}

/// The age as it is compared.
pub fn age(target: &Target, alias: &str) -> String {
    target.age.as_ref().map_or_else(|| "NULL".to_owned(), |age| render::scalar(&age.scalar, alias))
}

/// The age as it is read: an epoch as a number, everything else as text.
pub fn shown_age(target: &Target, alias: &str) -> String {
    as_age_is_shown(target, age(target, alias))
}

/// A value of the age's type as an age is read.
pub fn as_age_is_shown(target: &Target, value: String) -> String {
    let Some(rule) = &target.age else { return value };
    match (target.table.engine, &rule.encoding) {
        (Engine::Sqlite, _) => value,
        (Engine::Postgres, Encoding::UnixSeconds | Encoding::UnixMillis) => match &rule.scalar {
            Scalar::Column(name)
                if target
                    .table
                    .column(name)
                    .is_some_and(|column| column.declared.starts_with("int")) =>
            {
                value
            }
            Scalar::Column(_) | Scalar::Expression(_) => cast(&value, "\"pg_catalog\".\"float8\""),
        },
        (Engine::Postgres, _) => as_text(&value),
    }
}

/// The type that an instant of this encoding is bound as.
pub fn instant_cast(engine: Engine, encoding: &Encoding) -> Option<&'static str> {
    match (engine, encoding) {
        (Engine::Sqlite, _) => None,
        (Engine::Postgres, Encoding::Instant) => Some("\"pg_catalog\".\"timestamptz\""),
        (Engine::Postgres, Encoding::Civil { .. }) => Some("\"pg_catalog\".\"timestamp\""),
        (Engine::Postgres, Encoding::Date { .. }) => Some("\"pg_catalog\".\"date\""),
        // Never numeric: an index on whole numbers would not serve it.
        (Engine::Postgres, Encoding::UnixSeconds | Encoding::UnixMillis) => {
            Some("\"pg_catalog\".\"int8\"")
        }
        (Engine::Postgres, Encoding::Text { .. }) => Some("\"pg_catalog\".\"text\""),
    }
}

/// `where` as a flag. Where it asks for a cutoff that the statement does not have, it is taken
/// for true: the judgement asks again.
pub fn selected(target: &Target, alias: &str, has_cutoff: bool) -> String {
    match &target.selection {
        Some(selection) if has_cutoff || !selection.uses(Parameter::Cutoff) => {
            is_true(selection, alias, tenant_of(target))
        }
        _ => "TRUE".to_owned(),
    }
}

pub fn is_true(expression: &Expression, alias: &str, tenant: Option<&Scalar>) -> String {
    format!("{} IS TRUE", render::expression(expression, alias, tenant))
}

/// The condition that a row's key is one of these.
pub fn key_in(table: &Table, alias: &str, keys: &[Key], binds: &mut Binds) -> String {
    let columns = key_columns(table, alias);
    if keys.is_empty() {
        return "FALSE".to_owned();
    }
    match (table.engine, &columns[..]) {
        (Engine::Sqlite, _) => {
            let list = binds.keys(|binds| super::sqlite::key_list(keys, binds));
            format!("({}) IN ({list})", columns.join(", "))
        }
        // There are no arrays of arrays.
        (Engine::Postgres, [column]) if !is_array(table, &table.key[0]) => {
            let list = binds.keys(|binds| {
                super::postgres::array(
                    table,
                    &table.key[0],
                    keys.iter().map(|key| &key.0[0]),
                    binds,
                )
            });
            format!("{column} = ANY ({list})")
        }
        (Engine::Postgres, columns) => {
            let list = binds.keys(|binds| super::postgres::key_list(table, keys, binds));
            format!("({}) IN ({list})", columns.join(", "))
        }
    }
}

fn is_array(table: &Table, column: &str) -> bool {
    table.column(column).is_some_and(|column| column.declared.starts_with('_'))
}

/// In every engine but MySQL a right-hand side sees the row as it was.
pub fn assignments(set: &Assignments, tenant: Option<&Scalar>) -> String {
    let one = |(column, value): &(String, Expression)| {
        format!("{} = {}", quote(column), render::expression(value, ROW, tenant))
    };
    set.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// In SQLite a constraint that is declared ON CONFLICT REPLACE would delete the rows in an update's
/// way, and count none of them. Where triggers fire it is not said: SQLite would take our word for
/// the triggers' own; the plan refuses the two together.
pub fn update(table: &Table) -> &'static str {
    match table.engine {
        Engine::Sqlite if table.update_triggers.is_empty() => "UPDATE OR ABORT",
        Engine::Sqlite | Engine::Postgres => "UPDATE",
    }
}

/// Equality of pairs of columns of two aliases. The referenced column stands first: a foreign key
/// compares by its collation, and so does SQL by the first side's.
pub fn joined(pairs: &[(String, String)], own: (&Table, &str), other: (&Table, &str)) -> String {
    let pair = |(mine, theirs): &(String, String)| {
        let value = column(own.0, own.1, mine);
        let value = collated((own.0, mine), (other.0, theirs), value);
        format!("{} = {value}", column(other.0, other.1, theirs))
    };
    pairs.iter().map(pair).collect::<Vec<_>>().join(" AND ")
}

/// A referencing value as its key compares it: by the referenced column's collation.
pub fn collated(own: (&Table, &str), other: (&Table, &str), value: String) -> String {
    let collation = |(table, name): (&Table, &str)| {
        table.column(name).and_then(|column| column.collation.clone())
    };
    match (collation(own), collation(other)) {
        (Some(own), Some(theirs)) if own != theirs => format!("({value} COLLATE {theirs})"),
        _ => value,
    }
}

/// A value as a driver without types binds it.
pub fn in_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Integer(integer) => Some(integer.to_string()),
        Value::Real(real) if real.is_infinite() => {
            Some(if *real > 0.0 { "Infinity" } else { "-Infinity" }.to_owned())
        }
        Value::Real(real) => Some(real.to_string()),
        Value::Text(text) => Some(text.clone()),
        Value::Blob(bytes) | Value::Garbled(bytes) => {
            Some(bytes.iter().fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}")))
        }
    }
}
