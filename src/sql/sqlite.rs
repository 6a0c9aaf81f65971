//! What only SQLite is asked: its pragmas, and how its rows are written.

mod range;

pub use range::range;

use super::render;
use super::statement::{Binds, Statement};
use super::words::{column, from, name};
use crate::model::{Engine, Key, ROW, Scalar, Table, TableName, Value, quote};

/// Keys as the rows of a subquery.
pub(super) fn key_list(keys: &[Key], binds: &mut Binds) -> String {
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

/// Name, type and whether it has no rowid, of every table of the file.
pub fn tables() -> Statement {
    let text = "SELECT name, type, wr FROM pragma_table_list \
                WHERE schema = 'main' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    Statement::new(text.to_owned(), Binds::none(Engine::Sqlite))
}

fn about(pragma: &str, columns: &str, subject: &str, order: &str) -> Statement {
    let mut binds = Binds::none(Engine::Sqlite);
    let subject = binds.add(Value::text(subject));
    Statement::new(
        format!("SELECT {columns} FROM {pragma}({subject}, 'main') ORDER BY {order}"),
        binds,
    )
}

/// Name, declared type, place in the primary key, hidden, and whether it needs a value and has no
/// default.
pub fn columns_of(table: &str) -> Statement {
    about(
        "pragma_table_xinfo",
        "name, upper(type), pk, hidden, \"notnull\" AND dflt_value IS NULL, \"notnull\"",
        table,
        "cid",
    )
}

/// Number of the key, referenced table, own column, referenced column, action.
pub fn foreign_keys_of(table: &str) -> Statement {
    about("pragma_foreign_key_list", "id, \"table\", \"from\", \"to\", on_delete", table, "id, seq")
}

/// Index, unique, its columns in order: NULL for an expression, with whether it is descending and
/// how it compares.
/// Partial indexes are left out: they do not serve every row.
pub fn indexes_of(table: &str) -> Statement {
    let mut binds = Binds::none(Engine::Sqlite);
    let table = binds.add(Value::text(table));
    let text = format!(
        "SELECT l.name, l.\"unique\", c.name, c.\"desc\", upper(c.coll) FROM pragma_index_list({table}, 'main') AS l \
         JOIN pragma_index_xinfo(l.name, 'main') AS c \
         WHERE l.partial = 0 AND c.key = 1 ORDER BY l.seq, c.seqno"
    );
    Statement::new(text, binds)
}

/// Table, name and text of every trigger.
pub fn triggers() -> Statement {
    let text =
        "SELECT tbl_name, name, sql FROM main.sqlite_schema WHERE type = 'trigger' ORDER BY name";
    Statement::new(text.to_owned(), Binds::none(Engine::Sqlite))
}

/// Name and text of every table.
pub fn declarations() -> Statement {
    let text = "SELECT name, sql FROM main.sqlite_schema WHERE type = 'table' ORDER BY name";
    Statement::new(text.to_owned(), Binds::none(Engine::Sqlite))
}

/// The smallest and the largest rowid: how many rows there can be at most.
pub fn key_span(table: &Table) -> Statement {
    let key = table.key.first().map_or_else(|| "NULL".to_owned(), |key| column(table, ROW, key));
    let text = format!(
        "SELECT (SELECT min({key}) FROM {0}), (SELECT max({key}) FROM {0})",
        from(table, ROW)
    );
    Statement::new(text, Binds::none(Engine::Sqlite))
}

/// Two flags: whether the value compares without case, and without trailing spaces. No row is
/// read: the columns of a UNION compare by the collation of its first part.
pub fn collation(table: &Table, scalar: &Scalar) -> Statement {
    let value = render::scalar(scalar, ROW);
    let table = from(table, ROW);
    let alike = |one: &str, other: &str| {
        format!(
            "(SELECT count(*) FROM (SELECT {value} FROM {table} WHERE 0 \
             UNION SELECT '{one}' UNION SELECT '{other}')) = 1"
        )
    };
    let text = format!("SELECT {}, {}", alike("a", "A"), alike("a", "a "));
    Statement::new(text, Binds::none(Engine::Sqlite))
}

/// A row if a column that is compared as text with an instant holds something that does not sort
/// as one: anything but text of the form `YYYY-MM-DD HH:MM:SS`, with or without a fraction.
/// With numbers: anything but a number.
pub fn oddly_written(table: &TableName, column: &str, text: bool) -> Statement {
    let column = quote(column);
    let odd = if text {
        let form = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9]";
        format!(
            "typeof({column}) <> 'text' OR ({column} NOT GLOB '{form}' AND \
             ({column} NOT GLOB '{form}.[0-9]*' OR {column} GLOB '*[^0-9:. -]*' OR \
             substr({column}, 20) GLOB '*[^0-9.]*'))"
        )
    } else {
        format!("typeof({column}) NOT IN ('integer', 'real')")
    };
    let from = match &table.schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(&table.name)),
        None => quote(&table.name),
    };
    let text = format!("SELECT 1 FROM {from} WHERE {column} IS NOT NULL AND ({odd}) LIMIT 1");
    Statement::new(text, Binds::none(Engine::Sqlite))
}

/// The different forms of the dates in a text column that rows are ordered by: separator and
/// offset. Texts of two forms do not sort by time.
pub fn text_forms(table: &Table, column: &str) -> Statement {
    let column = quote(column);
    let offset = format!(
        "CASE WHEN substr({column}, 20) GLOB '*[-+Z]*' THEN ltrim(substr({column}, 20), '.0123456789') ELSE '' END"
    );
    let text = format!(
        "SELECT DISTINCT substr({column}, 11, 1) || {offset} FROM {} WHERE typeof({column}) = 'text' \
         AND {column} GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*' LIMIT 2",
        name(table)
    );
    Statement::new(text, Binds::none(Engine::Sqlite))
}
