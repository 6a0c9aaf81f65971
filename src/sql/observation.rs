//! What is asked of rows before a plan is made, and before it is acted on.

use super::statement::{Binds, Statement};
use super::words::{cast, column, from, name, root_from, shown_scalar};
use super::{postgres, render};
use crate::model::{Age, Engine, Expression, ROW, Scalar, Table, Target};

/// How the tenants of a table are found.
#[derive(Debug, Clone, Copy)]
pub enum Through<'a> {
    /// By reading all of it.
    Table,
    /// By skips through an index that begins with this column. Where it is sorted by an age next, the
    /// first row of each tenant tells how old its oldest is.
    Index { tenant: &'a str, age: Option<&'a str> },
}

/// The tenants of a table, each once; and the age of its oldest row, or NULL where none is asked for.
pub fn tenants(table: &Table, scalar: &Scalar, through: Through<'_>) -> Statement {
    let rows = from(table, ROW);
    let text = match (through, table.engine) {
        (Through::Index { tenant, .. }, Engine::Sqlite) => {
            let value = column(table, ROW, tenant);
            format!(
                "WITH RECURSIVE ro_tenants(t) AS (SELECT min({value}) FROM {rows} UNION ALL \
                 SELECT (SELECT min({value}) FROM {rows} WHERE {value} > ro_tenants.t) \
                 FROM ro_tenants WHERE ro_tenants.t IS NOT NULL) \
                 SELECT t, NULL FROM ro_tenants WHERE t IS NOT NULL"
            )
        }
        (Through::Index { tenant, age }, Engine::Postgres) => {
            return postgres::tenants(table, tenant, age);
        }
        (Through::Table, _) => format!(
            "SELECT DISTINCT {}, NULL FROM {rows} WHERE {} IS NOT NULL",
            shown_scalar(table, ROW, scalar),
            render::scalar(scalar, ROW)
        ),
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
