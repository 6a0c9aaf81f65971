//! PostgreSQL's catalog, read by a handful of statements whatever the number of tables.

use std::collections::HashMap;

use super::Session;
use crate::database::Error;
use crate::model::{
    ADDRESS, Catalog, Column, Engine, ForeignKey, Index, Obstacle, OnDelete, Power, Rights, Table,
    TableKind, TableName, Value,
};
use crate::sql::postgres as sql;

/// A table's oid.
type Oid = i64;

impl Session {
    /// All tables of the database but the system's own.
    pub async fn catalog(&mut self) -> Result<Catalog, Error> {
        let login = self.one_row(&sql::login()).await?;
        let mut tables = Tables::default();
        for row in self.rows(&sql::tables()).await? {
            tables.add(oid(&row[0]), table(&row));
        }
        for row in self.rows(&sql::columns()).await? {
            tables.with(&row[0], |table| {
                table.columns.push(Column {
                    name: text(&row[1]),
                    declared: text(&row[2]),
                    cast: text(&row[3]),
                    generated: row[4].is_true(),
                    extension: row[5].name(),
                    nondeterministic: row[6].is_true(),
                    places: row[7].is_true(),
                    denied: row[8].is_true(),
                    usable: row[9].is_true(),
                    collation: row[10].name(),
                    primary_key: None,
                });
            });
        }
        tables.indexes(&self.rows(&sql::indexes()).await?);
        tables.foreign_keys(&self.rows(&sql::foreign_keys()).await?);
        for row in self.rows(&sql::triggers()).await? {
            tables.with(&row[0], |table| {
                let name = text(&row[1]);
                if row[2].is_true() {
                    table.delete_triggers.push(name.clone());
                }
                if row[3].is_true() {
                    table.update_triggers.push(name);
                }
            });
        }
        tables.families(&self.rows(&sql::descendants()).await?);
        Ok(Catalog {
            engine: Engine::Postgres,
            login: text(&login[0]),
            power: login[1].name().map(|role| Power { role, is_superuser: login[2].is_true() }),
            tables: tables.list,
        })
    }
}

fn table(row: &[Value]) -> Table {
    let kind = match text(&row[3]).as_str() {
        "r" => TableKind::Ordinary,
        "p" => TableKind::Partitioned,
        "f" => TableKind::Foreign,
        _ => TableKind::View,
    };
    let rules = row[4].name().map(|names| names.lines().map(str::to_owned).collect());
    let told = [(5, Obstacle::HiddenRows), (6, Obstacle::NoReplicaIdentity)];
    let told = told.into_iter().filter(|(at, _)| row[*at].is_true()).map(|(_, obstacle)| obstacle);
    Table {
        engine: Engine::Postgres,
        name: TableName::qualified(text(&row[1]), text(&row[2])),
        kind,
        columns: Vec::new(),
        // Until a better one is found: where the row lies.
        key: vec![ADDRESS.to_owned()],
        foreign_keys: Vec::new(),
        indexes: Vec::new(),
        delete_triggers: Vec::new(),
        update_triggers: Vec::new(),
        replaces: false,
        leaves: Vec::new(),
        kin: Vec::new(),
        inherits: false,
        rights: Rights {
            usage: row[7].is_true(),
            select: row[8].is_true(),
            delete: row[9].is_true(),
            update: row[10].is_true(),
            lock: row[11].is_true(),
        },
        obstacles: rules.map(Obstacle::Rules).into_iter().chain(told).collect(),
    }
}

#[derive(Default)]
struct Tables {
    list: Vec<Table>,
    places: HashMap<Oid, usize>,
}

impl Tables {
    fn add(&mut self, oid: Oid, table: Table) {
        self.places.insert(oid, self.list.len());
        self.list.push(table);
    }

    fn with(&mut self, at: &Value, change: impl FnOnce(&mut Table)) {
        if let Some(place) = self.places.get(&oid(at)) {
            change(&mut self.list[*place]);
        }
    }

    fn name(&self, at: &Value) -> Option<TableName> {
        self.places.get(&oid(at)).map(|place| self.list[*place].name.clone())
    }

    /// Of all that tells rows apart the primary key is preferred, then what is shortest.
    fn indexes(&mut self, rows: &[Vec<Value>]) {
        for group in rows.chunk_by(|one, other| one[1] == other[1]) {
            let columns: Vec<Option<String>> = group.iter().map(|row| row[5].name()).collect();
            let whole = columns.iter().all(Option::is_some);
            let plain: Vec<String> = columns.into_iter().map_while(|column| column).collect();
            let [is_primary, is_unique, tells_apart] = [2, 3, 4].map(|at| group[0][at].is_true());
            self.with(&group[0][0], |table| {
                if is_primary {
                    for (at, name) in plain.iter().enumerate() {
                        let column = table.columns.iter_mut().find(|column| column.name == *name);
                        if let Some(column) = column {
                            column.primary_key = Some(at + 1);
                        }
                    }
                }
                let by_place = table.key == [ADDRESS];
                let better = by_place || is_primary || plain.len() < table.key.len();
                let settled = !table.primary_key().is_empty() && !is_primary;
                if whole && tells_apart && better && !settled {
                    table.key.clone_from(&plain);
                }
                if !plain.is_empty() {
                    let same = |row: &&Vec<Value>| row[6] == group[0][6];
                    let one_way = group.iter().take_while(same).count().min(plain.len());
                    table.indexes.push(Index {
                        columns: plain,
                        unique: is_unique && whole,
                        one_way,
                    });
                }
            });
        }
    }

    fn foreign_keys(&mut self, rows: &[Vec<Value>]) {
        for group in rows.chunk_by(|one, other| one[1] == other[1]) {
            let Some(to) = self.name(&group[0][2]) else { continue };
            let on_delete = match text(&group[0][5]).as_str() {
                "c" => OnDelete::Cascade,
                "n" | "d" => OnDelete::Unset,
                _ => OnDelete::Refuse,
            };
            let columns = group.iter().map(|row| (text(&row[3]), text(&row[4]))).collect();
            let needed = group.iter().filter(|row| row[6].is_true()).map(|row| text(&row[3]));
            let needed = needed.collect();
            self.with(&group[0][0], |table| {
                table.foreign_keys.push(ForeignKey { to, columns, on_delete, needed });
            });
        }
    }

    /// What is true of an heir is true of its ancestor's rows.
    fn families(&mut self, rows: &[Vec<Value>]) {
        for group in rows.chunk_by(|one, other| one[0] == other[0]) {
            let heirs: Vec<Table> = group
                .iter()
                .filter_map(|row| self.places.get(&oid(&row[1])))
                .map(|place| self.list[*place].clone())
                .collect();
            self.with(&group[0][0], |ancestor| {
                if ancestor.kind == TableKind::Ordinary {
                    ancestor.leaves.push(ancestor.name.clone());
                }
                for heir in heirs {
                    let triggers = [
                        (&mut ancestor.delete_triggers, heir.delete_triggers),
                        (&mut ancestor.update_triggers, heir.update_triggers),
                    ];
                    for (own, theirs) in triggers {
                        own.extend(theirs);
                        own.sort();
                        own.dedup();
                    }
                    if heir.kind != TableKind::Partitioned {
                        ancestor.leaves.push(heir.name);
                    }
                }
            });
            for row in group {
                let (ancestor, heir) = (self.name(&row[0]), self.name(&row[1]));
                let (Some(ancestor), Some(heir)) = (ancestor, heir) else { continue };
                let is_partition = row[2].is_true();
                self.with(&row[0], |table| table.kin.push(heir));
                self.with(&row[1], |table| {
                    if is_partition {
                        table.kin.push(ancestor);
                    } else {
                        table.inherits = true;
                    }
                });
            }
        }
    }
}

fn oid(value: &Value) -> Oid {
    value.as_integer().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.name().unwrap_or_default()
}
