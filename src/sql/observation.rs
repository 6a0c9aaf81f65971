//! What is asked of rows before a plan is made, and before it is acted on.

use super::render;
use super::statement::{Binds, Statement};
use super::words::{cast, column, from, name, root_from, shown_column, shown_scalar};
use crate::model::{Age, Engine, Expression, ROW, Scalar, Table, Target};

/// How the tenants of a table are found.
#[derive(Debug, Clone, Copy)]
pub enum Through<'a> {
    /// By reading all of it.
    Table,
    /// By skips through an index that begins with the tenant.
    Index,
    /// By the same skips through one that is sorted by tenant and this age: the first row of each
    /// tenant tells how old its oldest is.
    Ages(&'a str),
}

/// The tenants of a table, each once; and the age of its oldest row, or NULL where none is given.
pub fn tenants(table: &Table, scalar: &Scalar, through: Through<'_>) -> Statement {
    let value = render::scalar(scalar, ROW);
    let shown = shown_scalar(table, ROW, scalar);
    let rows = from(table, ROW);
    let text = match (through, table.engine) {
        (Through::Index | Through::Ages(_), Engine::Sqlite) => format!(
            "WITH RECURSIVE ro_tenants(t) AS (SELECT min({value}) FROM {rows} UNION ALL \
             SELECT (SELECT min({value}) FROM {rows} WHERE {value} > ro_tenants.t) \
             FROM ro_tenants WHERE ro_tenants.t IS NOT NULL) \
             SELECT t, NULL FROM ro_tenants WHERE t IS NOT NULL"
        ),
        (Through::Index, Engine::Postgres) => skips(&value, &shown, "NULL", &value, &rows),
        (Through::Ages(age), Engine::Postgres) => {
            let sorted = format!("{value}, {}", column(table, ROW, age));
            let text = skips(&value, &shown, &shown_age(table, age), &sorted, &rows);
            return Statement::new(text, Binds::none(table.engine)).along_index();
        }
        (Through::Table, _) => {
            format!("SELECT DISTINCT {shown}, NULL FROM {rows} WHERE {value} IS NOT NULL")
        }
    };
    Statement::new(text, Binds::none(table.engine))
}

/// Not min(), which some types do not have.
fn skips(value: &str, shown: &str, age: &str, sorted: &str, rows: &str) -> String {
    format!(
        "WITH RECURSIVE ro_tenants(t, shown, oldest) AS (\
         (SELECT {value}, {shown}, {age} FROM {rows} WHERE {value} IS NOT NULL ORDER BY {sorted} LIMIT 1) \
         UNION ALL SELECT ro_next.t, ro_next.shown, ro_next.oldest FROM ro_tenants CROSS JOIN LATERAL \
         (SELECT {value}, {shown}, {age} FROM {rows} WHERE {value} > ro_tenants.t \
         ORDER BY {sorted} LIMIT 1) AS ro_next(t, shown, oldest)) SELECT shown, oldest FROM ro_tenants"
    )
}

/// An age of which it is not yet known what it means: a number as a number, all else as text.
fn shown_age(table: &Table, age: &str) -> String {
    match table.column(age).map(|column| column.declared.as_str()) {
        Some("float4" | "float8" | "numeric") => {
            cast(&column(table, ROW, age), "\"pg_catalog\".\"float8\"")
        }
        _ => shown_column(table, ROW, age),
    }
}

/// Tenant (or NULL) and value of a source's rows.
pub fn source(
    table: &Table,
    tenant: Option<&Expression>,
    value: &Expression,
    selection: Option<&Expression>,
) -> Statement {
    let shown =
        |expression: &Expression| shown_scalar(table, ROW, &Scalar::Expression(expression.clone()));
    let tenant = tenant.map_or_else(|| "NULL".to_owned(), shown);
    let value = shown(value);
    let mut text = format!("SELECT {tenant}, {value} FROM {}", from(table, ROW));
    if let Some(selection) = selection {
        text += &format!(" WHERE {} IS TRUE", render::expression(selection, ROW, None));
    }
    Statement::new(text, Binds::none(table.engine))
}

/// How many rows a table has, counted up to a limit.
pub fn child_rows(table: &Table, limit: usize) -> Statement {
    let text =
        format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {limit}) AS ro_some", name(table));
    Statement::new(text, Binds::none(table.engine))
}

/// The largest number that the age column holds.
pub fn newest_number(target: &Target, age: &Age) -> Statement {
    let value = render::scalar(&age.scalar, ROW);
    let rows = root_from(target, ROW);
    let text = match target.table.engine {
        Engine::Sqlite => {
            format!("SELECT max({value}) FROM {rows} WHERE typeof({value}) IN ('integer', 'real')")
        }
        Engine::Postgres => {
            let number = cast(&value, "\"pg_catalog\".\"float8\"");
            format!("SELECT max({number}) FROM {rows} WHERE {number} < 'Infinity'")
        }
    };
    Statement::new(text, Binds::none(target.table.engine))
}

/// A row if two rows of the table share their values of these columns, none of them NULL.
pub fn twins(table: &Table, columns: &[&str]) -> Statement {
    let columns: Vec<String> = columns.iter().map(|name| column(table, ROW, name)).collect();
    let known: Vec<String> = columns.iter().map(|column| format!("{column} IS NOT NULL")).collect();
    let text = format!(
        "SELECT 1 FROM {} WHERE {} GROUP BY {} HAVING count(*) > 1 LIMIT 1",
        from(table, ROW),
        known.join(" AND "),
        columns.join(", ")
    );
    Statement::new(text, Binds::none(table.engine))
}
