//! SQLite's half: the case's file.

use super::schema::{Table, Value};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row as _, TypeInfo, ValueRef};
use std::path::Path;

/// Opens the file; foreign keys are enforced only where asked.
pub async fn open(file: &Path, enforced: bool) -> SqliteConnection {
    let options =
        SqliteConnectOptions::new().filename(file).create_if_missing(true).foreign_keys(enforced);
    options.connect().await.expect("the test opens its own database")
}

/// Creates the file from a script.
pub async fn create(file: &Path, script: &str, wal: bool) {
    let mode = if wal { SqliteJournalMode::Wal } else { SqliteJournalMode::Delete };
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .foreign_keys(false)
        .journal_mode(mode);
    let mut connection = options.connect().await.expect("the test creates its own database");
    sqlx::raw_sql(AssertSqlSafe(script.to_owned()))
        .execute(&mut connection)
        .await
        .unwrap_or_else(|error| panic!("{error}\n{script}"));
    connection.close().await.expect("the test closes its own database");
}

/// Every row of a table, as SQLite stores it.
pub async fn dump(connection: &mut SqliteConnection, table: &Table) -> Vec<Vec<Value>> {
    let all: Vec<_> = (0..table.columns.len()).collect();
    let query = format!("SELECT {} FROM {}", table.list(&all), table.path());
    let rows = sqlx::query(AssertSqlSafe(query))
        .fetch_all(connection)
        .await
        .expect("the test reads its own table");
    rows.iter().map(|row| all.iter().map(|column| value(row, *column)).collect()).collect()
}

pub fn value(row: &sqlx::sqlite::SqliteRow, column: usize) -> Value {
    let raw = row.try_get_raw(column).expect("a column of the query");
    if raw.is_null() {
        return Value::Null;
    }
    let class = raw.type_info().name().to_owned();
    match class.as_str() {
        "INTEGER" => Value::Int(row.try_get_unchecked(column).unwrap()),
        "REAL" => Value::Real(row.try_get_unchecked(column).unwrap()),
        "TEXT" => Value::Text(row.try_get_unchecked(column).unwrap()),
        other => panic!("no case writes a value of class {other}"),
    }
}
