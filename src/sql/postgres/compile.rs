//! What the server says of parts of a policy before any of them is carried out. No row is read.

use super::{alone, catalog};
use crate::model::{Assignments, Engine, Expression, ROW, Scalar, Table, Target};
use crate::sql::render;
use crate::sql::statement::{Bind, Binds, Statement};
use crate::sql::words::{assignments, collated, column, from, tenant_of};

/// The type of an expression of a table's rows, as the server sees it. No row is read.
pub fn type_of(table: &Table, scalar: &Scalar) -> Statement {
    type_name(table, &render::scalar(scalar, ROW))
}

/// The type of a condition on a table's rows, the target's own or a dependent's.
pub fn type_of_condition(target: &Target, table: &Table, condition: &Expression) -> Statement {
    type_name(table, &render::expression(condition, ROW, tenant_of(target)))
}

fn type_name(table: &Table, value: &str) -> Statement {
    let rows = from(table, ROW);
    let text = format!(
        "SELECT {} FROM pg_catalog.pg_type t \
         WHERE t.oid = pg_catalog.pg_typeof((SELECT {value} FROM {rows} LIMIT 0))",
        catalog::type_name("t")
    );
    Statement::new(text, Binds::none(Engine::Postgres))
}

/// Whether a referencing column compares with the one it refers to.
pub fn pointing(own: (&Table, &str), parent: (&Table, &str)) -> Statement {
    let value = collated(own, parent, column(own.0, "ro_own", own.1));
    let theirs = column(parent.0, "ro_theirs", parent.1);
    alone(format!(
        "SELECT 1 FROM {} WHERE {value} IN (SELECT {theirs} FROM {})",
        from(own.0, "ro_own"),
        from(parent.0, "ro_theirs")
    ))
}

/// A value for a column of a table, and no row that gets it.
pub fn assignment(table: &Table, set: &Assignments, tenant: Option<&Scalar>) -> Statement {
    let set = assignments(set, tenant);
    alone(format!("UPDATE {} SET {set} WHERE FALSE", from(table, ROW)))
}

/// A statement compiled and forgotten: one message. It asks for no right to the tables, and no row
/// is read. The name lasts as long as the server connection, which behind a pooler is not ours.
pub fn compiled(statement: &Statement, name: &str) -> Statement {
    let types = statement.binds().iter().map(|bind| match bind {
        Bind::One(_) => "pg_catalog.text",
        Bind::List(_) => "pg_catalog.text[]",
    });
    let types = types.collect::<Vec<_>>().join(", ");
    alone(format!("PREPARE {name} ({types}) AS {}; DEALLOCATE {name}", statement.text()))
}
