//! A case's database: tables and rows in memory, written as a SQL script, read back value by value.

use super::clock::Nanos;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row as _, TypeInfo, ValueRef};
use std::fmt::Write as _;
use std::path::Path;

/// Throws of dice, repeatable by their seed.
pub struct Dice(pub fastrand::Rng);

impl Dice {
    pub fn chance(&mut self, percent: u32) -> bool {
        self.0.u32(0..100) < percent
    }
    pub fn below(&mut self, end: usize) -> usize {
        self.0.usize(0..end)
    }
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
    /// One of the names, which no later throw gets again.
    pub fn name(&mut self, from: &mut Vec<&'static str>) -> String {
        from.swap_remove(self.0.usize(0..from.len())).into()
    }
}

/// One value, with the storage class SQLite keeps it in.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
}

impl Value {
    pub fn text(text: &str) -> Value {
        Value::Text(text.into())
    }
    pub fn sql(&self) -> String {
        match self {
            Value::Null => "NULL".into(),
            Value::Int(number) => number.to_string(),
            Value::Real(number) if number.is_infinite() => {
                if *number > 0.0 { "9e999" } else { "-9e999" }.into()
            }
            Value::Real(number) => format!("{number:?}"),
            Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
        }
    }
}

/// A row; `age` is what the row's age means, known because the row was made from it, never read back from its text.
#[derive(Clone, Debug)]
pub struct Row {
    pub values: Vec<Value>,
    pub age: Option<Nanos>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    NoAction,
    Deferred,
    Restrict,
    Cascade,
    SetNull,
}

/// A declared foreign key.
#[derive(Clone, Debug)]
pub struct Reference {
    pub columns: Vec<usize>,
    pub table: usize,
    pub parents: Vec<usize>,
    pub on_delete: OnDelete,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub kind: &'static str,
}

#[derive(Clone, Debug, Default)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// The declared primary key, and whether the table is WITHOUT ROWID, or AUTOINCREMENT.
    pub key: Vec<usize>,
    pub without_rowid: bool,
    pub autoincrement: bool,
    pub unique: Option<usize>,
    pub references: Vec<Reference>,
    pub indexes: Vec<Vec<usize>>,
    pub rows: Vec<Row>,
}

/// SQL's own quoting.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    pub fn column(&mut self, name: impl Into<String>, kind: &'static str) -> usize {
        self.columns.push(Column { name: name.into(), kind });
        self.columns.len() - 1
    }
    fn list(&self, columns: &[usize]) -> String {
        columns
            .iter()
            .map(|column| quoted(&self.columns[*column].name))
            .collect::<Vec<_>>()
            .join(", ")
    }
    fn create(&self, tables: &[Table], number: usize) -> String {
        let mut parts: Vec<String> = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            let inline = if self.autoincrement && self.key == [at] {
                " PRIMARY KEY AUTOINCREMENT"
            } else {
                ""
            };
            let unique = if self.unique == Some(at) { " UNIQUE" } else { "" };
            parts.push(format!("{} {}{inline}{unique}", quoted(&column.name), column.kind));
        }
        if !self.key.is_empty() && !self.autoincrement {
            parts.push(format!("PRIMARY KEY ({})", self.list(&self.key)));
        }
        for key in &self.references {
            let action = match key.on_delete {
                OnDelete::NoAction => "",
                OnDelete::Deferred => " DEFERRABLE INITIALLY DEFERRED",
                OnDelete::Restrict => " ON DELETE RESTRICT",
                OnDelete::Cascade => " ON DELETE CASCADE",
                OnDelete::SetNull => " ON DELETE SET NULL",
            };
            let (parent, own) = (&tables[key.table], self.list(&key.columns));
            parts.push(format!(
                "FOREIGN KEY ({own}) REFERENCES {} ({}){action}",
                quoted(&parent.name),
                parent.list(&key.parents)
            ));
        }
        let (name, tail) =
            (quoted(&self.name), if self.without_rowid { " WITHOUT ROWID" } else { "" });
        let mut script = format!("CREATE TABLE {name} ({}){tail};\n", parts.join(", "));
        for (at, index) in self.indexes.iter().enumerate() {
            let _ =
                writeln!(script, "CREATE INDEX i{number}_{at} ON {name} ({});", self.list(index));
        }
        for row in &self.rows {
            let values: Vec<_> = row.values.iter().map(Value::sql).collect();
            let all: Vec<_> = (0..self.columns.len()).collect();
            let _ = writeln!(
                script,
                "INSERT INTO {name} ({}) VALUES ({});",
                self.list(&all),
                values.join(", ")
            );
        }
        script
    }
}

/// The whole database as SQL.
pub fn script(tables: &[Table]) -> String {
    let created: String =
        tables.iter().enumerate().map(|(number, table)| table.create(tables, number)).collect();
    format!("PRAGMA foreign_keys = OFF;\nBEGIN;\n{created}COMMIT;\n")
}

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
    let query = format!("SELECT {} FROM {}", table.list(&all), quoted(&table.name));
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
