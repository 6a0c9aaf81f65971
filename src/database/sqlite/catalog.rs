//! SQLite's catalog, read by its pragmas.

use sqlparser::dialect::SQLiteDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

use super::{Error, ErrorClass, Session};
use crate::model::{
    Catalog, Column, Engine, ForeignKey, Index, OnDelete, Rights, Scalar, Table, TableKind,
    TableName, Value,
};
use crate::sql::sqlite;

impl Session {
    /// All tables of the file.
    pub async fn catalog(&mut self) -> Result<Catalog, Error> {
        let mut tables = Vec::new();
        for row in self.rows(&sqlite::tables()).await? {
            let name = text(&row[0]);
            let kind = match text(&row[1]).as_str() {
                "view" => TableKind::View,
                // A shadow table holds what a module keeps of its rows.
                "virtual" | "shadow" => TableKind::Virtual,
                _ => TableKind::Ordinary,
            };
            tables.push(self.table(name, kind, row[2].is_true()).await?);
        }
        for row in self.rows(&sqlite::triggers()).await? {
            let table = text(&row[0]);
            if let Some(table) = tables.iter_mut().find(|t| same(&t.name.name, &table)) {
                match trigger_event(&text(&row[2])) {
                    Some(TriggerEvent::Delete) => table.delete_triggers.push(text(&row[1])),
                    Some(TriggerEvent::Update) => table.update_triggers.push(text(&row[1])),
                    None => {}
                }
            }
        }
        for row in self.rows(&sqlite::declarations()).await? {
            let name = text(&row[0]);
            if let Some(table) = tables.iter_mut().find(|t| same(&t.name.name, &name)) {
                table.replaces = replaces(&text(&row[1]));
            }
        }
        let mut catalog =
            Catalog { engine: Engine::Sqlite, login: String::new(), power: None, tables };
        spell_references(&mut catalog);
        Ok(catalog)
    }

    async fn table(
        &mut self,
        name: String,
        kind: TableKind,
        without_rowid: bool,
    ) -> Result<Table, Error> {
        let mut table = Table {
            engine: Engine::Sqlite,
            name: TableName::qualified(Engine::Sqlite.schema(), name.clone()),
            kind,
            columns: Vec::new(),
            key: Vec::new(),
            foreign_keys: Vec::new(),
            indexes: Vec::new(),
            delete_triggers: Vec::new(),
            update_triggers: Vec::new(),
            replaces: false,
            leaves: Vec::new(),
            kin: Vec::new(),
            inherits: false,
            rights: Rights::ALL,
            obstacles: Vec::new(),
        };
        // A view may be broken and a module may be missing: neither is purged, so neither is read.
        if kind != TableKind::Ordinary {
            return Ok(table);
        }
        let columns = self.rows(&sqlite::columns_of(&name)).await?;
        for row in &columns {
            table.columns.push(Column {
                name: text(&row[0]),
                declared: text(&row[1]),
                primary_key: row[2]
                    .as_integer()
                    .and_then(|place| usize::try_from(place).ok())
                    .filter(|place| *place > 0),
                // 1 is hidden in a virtual table, 2 and 3 are generated.
                generated: row[3].as_integer().is_some_and(|hidden| hidden > 1),
                ..Column::default()
            });
        }
        table.key = key(&table, without_rowid);
        let needs = |at: usize, column: &str| {
            columns.iter().any(|row| row[at].is_true() && same(&text(&row[0]), column))
        };
        let mut last = None;
        for row in self.rows(&sqlite::foreign_keys_of(&name)).await? {
            let pair = (text(&row[2]), text(&row[3]));
            let needed = match text(&row[4]).as_str() {
                "SET NULL" => needs(5, &pair.0),
                "SET DEFAULT" => needs(4, &pair.0),
                _ => false,
            };
            let needed = needed.then(|| pair.0.clone());
            if last == row[0].as_integer()
                && let Some(key) = table.foreign_keys.last_mut()
            {
                key.columns.push(pair);
                key.needed.extend(needed);
                continue;
            }
            last = row[0].as_integer();
            table.foreign_keys.push(ForeignKey {
                to: TableName::qualified(Engine::Sqlite.schema(), text(&row[1])),
                columns: vec![pair],
                on_delete: match text(&row[4]).as_str() {
                    "CASCADE" => OnDelete::Cascade,
                    "SET NULL" | "SET DEFAULT" => OnDelete::Unset,
                    _ => OnDelete::Refuse,
                },
                needed: needed.into_iter().collect(),
            });
        }
        table.indexes = self.indexes(&table).await?;
        Ok(table)
    }

    async fn indexes(&mut self, table: &Table) -> Result<Vec<Index>, Error> {
        let mut indexes: Vec<(String, Index, bool)> = Vec::new();
        for row in self.rows(&sqlite::indexes_of(&table.name.name)).await? {
            let name = text(&row[0]);
            if indexes.last().is_none_or(|(last, ..)| *last != name) {
                let index = Index { columns: Vec::new(), unique: row[1].is_true(), one_way: 0 };
                indexes.push((name, index, true));
            }
            let Some((_, index, plain)) = indexes.last_mut() else {
                continue;
            };
            // What follows an expression or a descending column serves no walk of ours, and SQLite
            // uses no column that compares otherwise than the table's; an index cut short is
            // unique on less than it shows.
            if row[2].is_null()
                || row[3].is_true()
                || !self.compares(table, &text(&row[2]), &text(&row[4])).await?
            {
                *plain = false;
                index.unique = false;
            }
            if *plain {
                index.columns.push(text(&row[2]));
                index.one_way += 1;
            }
        }
        Ok(indexes
            .into_iter()
            .map(|(_, index, _)| index)
            .filter(|index| !index.columns.is_empty())
            .collect())
    }

    /// Whether a column compares by this collation. One that the application brings along is not
    /// here to be asked.
    async fn compares(
        &mut self,
        table: &Table,
        column: &str,
        collation: &str,
    ) -> Result<bool, Error> {
        let scalar = Scalar::Column(column.to_owned());
        match self.rows(&sqlite::collation(table, &scalar)).await {
            Ok(rows) => Ok(rows.first().is_some_and(|row| {
                collation
                    == match (row[0].is_true(), row[1].is_true()) {
                        (true, _) => "NOCASE",
                        (false, true) => "RTRIM",
                        (false, false) => "BINARY",
                    }
            })),
            Err(error) if error.class == ErrorClass::Statement => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A row's address: its rowid, under the first of its names that no column has taken; without one,
/// the primary key. A column called `rowid` shadows the real one (tried), and a declared
/// PRIMARY KEY may be NULL twice, so it addresses rows only where there is no rowid.
fn key(table: &Table, without_rowid: bool) -> Vec<String> {
    if without_rowid {
        return table.primary_key();
    }
    let free = ["rowid", "_rowid_", "oid"]
        .into_iter()
        .find(|name| !table.columns.iter().any(|column| same(&column.name, name)));
    match free {
        Some(name) => vec![name.to_owned()],
        None => table
            .columns
            .iter()
            .filter(|column| column.primary_key.is_some() && column.declared == "INTEGER")
            .filter(|_| table.primary_key().len() == 1)
            .map(|column| column.name.clone())
            .collect(),
    }
}

/// Foreign keys name tables and columns in any case, and the primary key by leaving it out.
fn spell_references(catalog: &mut Catalog) {
    let tables = catalog.tables.clone();
    for table in &mut catalog.tables {
        let own = table.columns.clone();
        for key in &mut table.foreign_keys {
            let Some(to) = tables.iter().find(|to| same(&to.name.name, &key.to.name)) else {
                continue;
            };
            key.to = to.name.clone();
            let primary = to.primary_key();
            for (at, (from, referenced)) in key.columns.iter_mut().enumerate() {
                if let Some(column) = own.iter().find(|column| same(&column.name, from)) {
                    from.clone_from(&column.name);
                }
                if referenced.is_empty() {
                    *referenced = primary.get(at).cloned().unwrap_or_default();
                } else if let Some(column) =
                    to.columns.iter().find(|column| same(&column.name, referenced))
                {
                    referenced.clone_from(&column.name);
                }
            }
        }
    }
}

/// SQLite's names differ by more than ASCII case.
fn same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Whether a table's declaration has ON CONFLICT REPLACE; one that cannot be read might.
fn replaces(sql: &str) -> bool {
    let Ok(tokens) = Tokenizer::new(&SQLiteDialect {}, sql).tokenize() else {
        return true;
    };
    let words: Vec<String> = tokens
        .into_iter()
        .filter_map(|token| match token {
            Token::Word(word) => Some(word.value.to_uppercase()),
            _ => None,
        })
        .collect();
    words.windows(2).any(|pair| pair[0] == "CONFLICT" && pair[1] == "REPLACE")
}

enum TriggerEvent {
    Delete,
    Update,
}

/// The event is the first of these words after the trigger's name, which may itself be such a word.
fn trigger_event(sql: &str) -> Option<TriggerEvent> {
    let tokens = Tokenizer::new(&SQLiteDialect {}, sql).tokenize().ok()?;
    let words: Vec<String> = tokens
        .into_iter()
        .filter_map(|token| match token {
            Token::Word(word) => Some(word.value.to_uppercase()),
            _ => None,
        })
        .collect();
    let after = words.iter().position(|word| word == "TRIGGER")?;
    let name = if words.get(after + 1).is_some_and(|word| word == "IF") { 4 } else { 1 };
    let rest = words.get(after + name + 1..)?;
    rest.iter().find_map(|word| match word.as_str() {
        "DELETE" => Some(Some(TriggerEvent::Delete)),
        "UPDATE" => Some(Some(TriggerEvent::Update)),
        "INSERT" | "ON" => Some(None),
        _ => None,
    })?
}

fn text(value: &Value) -> String {
    value.name().unwrap_or_default()
}
