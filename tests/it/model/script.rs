//! A case's tables and rows as SQL.

use super::engine::Engine;
use super::schema::{OnDelete, Parts, Row, Table, quoted};
use std::fmt::Write as _;

/// The whole database.
pub fn script(tables: &[Table], triggers: &str) -> String {
    let created: String =
        tables.iter().enumerate().map(|(number, table)| table.create(tables, number)).collect();
    match tables[0].engine {
        Engine::Sqlite => format!("PRAGMA foreign_keys = OFF;\nBEGIN;\n{created}COMMIT;\n"),
        // Rows come before the keys between them, which are not asked which of them comes first.
        Engine::Postgres => {
            let references = tables.iter().flat_map(|table| {
                let add = format!("ALTER TABLE {} ADD ", table.path());
                let references = table.references(tables).into_iter();
                references.map(move |key| format!("{add}{key};\n"))
            });
            let references: String = references.collect();
            format!("BEGIN;\n{created}{references}{triggers}COMMIT;\n")
        }
    }
}

impl Table {
    fn create(&self, tables: &[Table], number: usize) -> String {
        let mut parts = self.columns_and_keys();
        if self.engine == Engine::Sqlite {
            parts.extend(self.references(tables));
        }
        let name = self.path();
        let tail = match &self.parts {
            Parts::Partitions(by, column, _) => {
                format!(" PARTITION BY {by} ({})", self.list(&[*column]))
            }
            _ if self.without_rowid => " WITHOUT ROWID".into(),
            _ => String::new(),
        };
        let mut script = format!("CREATE TABLE {name} ({}){tail};\n", parts.join(", "));
        if self.has_history {
            let _ = writeln!(
                script,
                "ALTER TABLE {name} ADD dropped int, ADD computed int GENERATED ALWAYS AS (1) STORED,\n\
                   ADD wide text DEFAULT repeat('x', 1500);\n\
                 ALTER TABLE {name} DROP dropped;"
            );
        }
        for (part, path) in self.part_paths().iter().enumerate() {
            let _ = match &self.parts {
                Parts::Partitions(_, _, values) => {
                    writeln!(script, "CREATE TABLE {path} PARTITION OF {name} {};", values[part])
                }
                _ => {
                    let keys = self.keys().join(", ");
                    writeln!(script, "CREATE TABLE {path} ({keys}) INHERITS ({name});")
                }
            };
        }
        let heirs = if matches!(self.parts, Parts::Heirs(_)) { self.part_paths() } else { vec![] };
        for (table, path) in std::iter::once(&name).chain(&heirs).enumerate() {
            for (at, index) in self.indexes.iter().enumerate() {
                let list = self.list(index);
                let _ = writeln!(script, "CREATE INDEX i{number}_{table}_{at} ON {path} ({list});");
            }
        }
        for (at, index) in self.odd_indexes.iter().enumerate() {
            let _ = writeln!(script, "CREATE INDEX o{number}_{at} ON {name} {index};");
        }
        for (at, row) in self.rows.iter().enumerate() {
            let place = at % (heirs.len() + 1);
            let into = if place == 0 { &name } else { &heirs[place - 1] };
            script += &self.insert(into, row);
        }
        if self.has_history {
            let note = &self.columns[self.columns.len() - 1].name;
            let _ = writeln!(
                script,
                "UPDATE {name} SET wide = repeat('y', 1500) WHERE {} IS NULL;",
                quoted(note)
            );
        }
        script
    }

    /// The tables that hold rows of this one under names of their own.
    pub fn part_paths(&self) -> Vec<String> {
        let count = match &self.parts {
            Parts::One => 0,
            Parts::Partitions(_, _, values) => values.len(),
            Parts::Heirs(count) => *count,
        };
        let schema = self.schema.map(|schema| format!("{}.", quoted(schema))).unwrap_or_default();
        (0..count).map(|at| schema.clone() + &quoted(&format!("{} {at}", self.name))).collect()
    }

    fn columns_and_keys(&self) -> Vec<String> {
        let mut parts: Vec<String> = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            let inline = if self.autoincrement && self.key == [at] {
                " PRIMARY KEY AUTOINCREMENT"
            } else if self.not_null == Some(at) {
                " NOT NULL"
            } else {
                ""
            };
            parts.push(format!("{} {}{inline}", quoted(&column.name), column.kind));
        }
        parts.extend(self.keys());
        parts
    }

    fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        if !self.key.is_empty() && !self.autoincrement {
            keys.push(format!("PRIMARY KEY ({})", self.list(&self.key)));
        }
        keys.extend(self.unique.map(|unique| format!("UNIQUE ({})", self.list(&[unique]))));
        keys
    }

    fn references(&self, tables: &[Table]) -> Vec<String> {
        let one = |key: &super::schema::Reference| {
            let action = match key.on_delete {
                OnDelete::NoAction => "",
                OnDelete::Deferred => " DEFERRABLE INITIALLY DEFERRED",
                OnDelete::Restrict => " ON DELETE RESTRICT",
                OnDelete::Cascade => " ON DELETE CASCADE",
                OnDelete::SetNull => " ON DELETE SET NULL",
                OnDelete::SetDefault => " ON DELETE SET DEFAULT",
            };
            let (parent, own) = (&tables[key.table], self.list(&key.columns));
            let theirs = parent.list(&key.parents);
            format!("FOREIGN KEY ({own}) REFERENCES {} ({theirs}){action}", parent.path())
        };
        self.references.iter().map(one).collect()
    }

    fn insert(&self, into: &str, row: &Row) -> String {
        let values: Vec<_> = row.values.iter().map(|value| self.engine.literal(value)).collect();
        let all: Vec<_> = (0..self.columns.len()).collect();
        format!("INSERT INTO {into} ({}) VALUES ({});\n", self.list(&all), values.join(", "))
    }
}
