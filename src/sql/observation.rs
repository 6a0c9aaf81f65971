//! What is asked of rows before a plan is made, and before it is acted on.

use super::render;
use super::statement::{Binds, Statement};
use super::words::{cast, column, from, name, root_from, shown_scalar};
use crate::model::{Age, Engine, Expression, ROW, Scalar, Table, Target};

/// The tenants of a table, each once; by skips through an index where one begins with the tenant.
pub fn tenants(table: &Table, scalar: &Scalar, through_index: bool) -> Statement {
    let value = render::scalar(scalar, ROW);
    let shown = shown_scalar(table, ROW, scalar);
    let rows = from(table, ROW);
    let text = match (through_index, table.engine) {
        (true, Engine::Sqlite) => format!(
            "WITH RECURSIVE ro_tenants(t) AS (SELECT min({value}) FROM {rows} UNION ALL \
             SELECT (SELECT min({value}) FROM {rows} WHERE {value} > ro_tenants.t) \
             FROM ro_tenants WHERE ro_tenants.t IS NOT NULL) \
             SELECT t FROM ro_tenants WHERE t IS NOT NULL"
        ),
        // Not min(), which some types do not have.
        (true, Engine::Postgres) => format!(
            "WITH RECURSIVE ro_tenants(t, shown) AS (\
             (SELECT {value}, {shown} FROM {rows} WHERE {value} IS NOT NULL ORDER BY {value} LIMIT 1) \
             UNION ALL SELECT ro_next.t, ro_next.shown FROM ro_tenants CROSS JOIN LATERAL \
             (SELECT {value}, {shown} FROM {rows} WHERE {value} > ro_tenants.t \
             ORDER BY {value} LIMIT 1) AS ro_next(t, shown)) SELECT shown FROM ro_tenants"
        ),
        (false, _) => format!("SELECT DISTINCT {shown} FROM {rows} WHERE {value} IS NOT NULL"),
    };
    Statement::new(text, Binds::none(table.engine))
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
