//! What the database says of its tables.

use super::{Engine, TableName, nearest, quote};

/// The tables of one database.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    pub engine: Engine,
    /// Who the database takes us for; empty where there are no logins.
    pub login: String,
    /// What the login has, or may get by becoming somebody else.
    pub power: Option<Power>,
    pub tables: Vec<Table>,
}

/// A role that sees through row-level security, or that no right is asked of.
#[derive(Debug, Clone)]
pub struct Power {
    pub role: String,
    pub is_superuser: bool,
}

/// One table, as far as a purge needs to know it.
#[derive(Debug, Clone)]
pub struct Table {
    pub engine: Engine,
    pub name: TableName,
    pub kind: TableKind,
    pub columns: Vec<Column>,
    /// The columns that address a row in the database itself, e.g. SQLite's `rowid`.
    /// Empty: no row can be addressed.
    pub key: Vec<String>,
    /// Foreign keys that this table holds.
    pub foreign_keys: Vec<ForeignKey>,
    pub indexes: Vec<Index>,
    /// Names of the triggers that fire on DELETE and on UPDATE.
    pub delete_triggers: Vec<String>,
    pub update_triggers: Vec<String>,
    /// Whether a constraint is declared to delete the rows in an update's way.
    pub replaces: bool,
    /// The tables that hold its rows, itself among them, where there are several: partitions, and
    /// tables that inherit from it.
    pub leaves: Vec<TableName>,
    /// Tables whose rows are, or may be, rows of this one: what points at them points here. All
    /// heirs, and of a partition all ancestors.
    pub kin: Vec<TableName>,
    /// Whether it holds rows of another table too, as no partition does.
    pub inherits: bool,
    /// What the login may do with it.
    pub rights: Rights,
    /// What makes it impossible to take rows from it safely, and what to do about it.
    pub obstacles: Vec<Obstacle>,
}

/// What a login may do with a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Whether it may use the table's schema at all.
    pub usage: bool,
    pub select: bool,
    pub delete: bool,
    pub update: bool,
    /// UPDATE of at least one column, which is what locking a row asks for.
    pub lock: bool,
}

impl Rights {
    /// Where there are no logins.
    pub const ALL: Self =
        Self { usage: true, select: true, delete: true, update: true, lock: true };
}

/// A property of a table that stands against a purge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// These rules of its rewrite what a DELETE or UPDATE does.
    Rules(Vec<String>),
    /// Row-level security hides rows from this login.
    HiddenRows,
    /// It is published, and no column says which row went.
    NoReplicaIdentity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    Ordinary,
    View,
    /// Its rows are made by a module, e.g. a full-text index.
    Virtual,
    /// Its rows live in its partitions.
    Partitioned,
    /// Its rows live on another server.
    Foreign,
}

#[derive(Debug, Clone, Default)]
pub struct Column {
    pub name: String,
    /// SQLite: as it was declared, upper case, e.g. `TIMESTAMP`; empty where nothing was.
    /// PostgreSQL: the type's own name in its catalog, of a domain that of its base, e.g.
    /// `timestamptz`, `int8`, `bpchar`; `public.uuid` is somebody's own that is only called so.
    pub declared: String,
    /// PostgreSQL: the type as SQL casts to it, e.g. `"pg_catalog"."int8"`. SQLite has no use for it.
    pub cast: String,
    /// PostgreSQL: it says in which partition a row lies.
    pub places: bool,
    /// PostgreSQL: the schema of the extension that its type comes from.
    pub extension: Option<String>,
    /// PostgreSQL: whether the login may use the schema of its type. Without that the type's
    /// operators are not found, and others are taken in their place without a word.
    pub usable: bool,
    /// PostgreSQL: how its texts compare, e.g. `pg_catalog."default"`.
    pub collation: Option<String>,
    /// PostgreSQL: values that differ may be equal to it.
    pub nondeterministic: bool,
    /// PostgreSQL: the login may not change it.
    pub denied: bool,
    pub generated: bool,
    /// Its place in the primary key, from 1.
    pub primary_key: Option<usize>,
}

/// What the database does to a referencing row when the referenced one is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDelete {
    /// NO ACTION and RESTRICT: the delete fails.
    Refuse,
    Cascade,
    /// SET NULL and SET DEFAULT.
    Unset,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ForeignKey {
    pub to: TableName,
    /// Pairs of (own column, referenced column).
    pub columns: Vec<(String, String)>,
    pub on_delete: OnDelete,
    /// Own columns that SET NULL or SET DEFAULT would leave without a value, and that take none.
    pub needed: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Index {
    pub columns: Vec<String>,
    pub unique: bool,
    /// So many of its first columns are sorted the same way, up or down.
    pub one_way: usize,
}

fn choice(asked: &str, alike: &[String], known: impl Iterator<Item = String>) -> String {
    match alike {
        [] => format!("write one of {}", nearest(asked, known)),
        alike => format!("write {}, as the catalog spells it", alike.join(" or ")),
    }
}

/// A name as an expression in PostgreSQL has to spell it, which makes what is not quoted lower case.
fn spelled(name: &str, in_sql: bool) -> String {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if in_sql && !name.bytes().all(is_plain) { quote(name) } else { name.to_owned() }
}

impl Catalog {
    /// The table of exactly this name.
    pub fn table(&self, name: &TableName) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == *name)
    }

    /// What to write for the name of a table that is not there: one of the same letters, or one that
    /// there is. `in_sql`: where SQL's own quoting holds.
    pub fn instead(&self, name: &TableName, in_sql: bool) -> String {
        let spelled = |table: &Table| match (self.engine, &table.name.schema) {
            (Engine::Postgres, Some(schema)) => {
                format!("{}.{}", spelled(schema, in_sql), spelled(&table.name.name, in_sql))
            }
            _ => table.name.name.clone(),
        };
        let same = |table: &&Table| table.name.name.eq_ignore_ascii_case(&name.name);
        let alike: Vec<String> = self.tables.iter().filter(same).map(spelled).collect();
        let asked = match self.engine {
            Engine::Sqlite => name.name.clone(),
            Engine::Postgres => name.or_schema(self.engine.schema()).to_string(),
        };
        choice(&asked, &alike, self.tables.iter().map(spelled))
    }

    /// Whether the login may read all rows of a table, and of those that hold them. What is no table
    /// of this database is not even asked: a view may do anything.
    pub fn shows(&self, table: &Table) -> bool {
        let mut leaves = table.leaves.iter().filter_map(|name| self.table(name));
        table.is_shown() && leaves.all(Table::is_shown)
    }

    /// The foreign keys that point at a table, with the table that holds each.
    pub fn references_to<'c>(
        &'c self,
        to: &'c Table,
    ) -> impl Iterator<Item = (&'c Table, &'c ForeignKey)> {
        self.tables.iter().flat_map(move |table| {
            let to_it = table.foreign_keys.iter().filter(|key| to.is_meant_by(key));
            to_it.map(move |key| (table, key))
        })
    }
}

impl Table {
    /// Whether the login may read all its rows under its own name. What other tables hold of them
    /// is then read by the same right.
    pub fn is_shown(&self) -> bool {
        matches!(self.kind, TableKind::Ordinary | TableKind::Partitioned)
            && self.rights.usage
            && self.rights.select
            && !self.obstacles.contains(&Obstacle::HiddenRows)
    }

    pub fn is_partitioned(&self) -> bool {
        self.kind == TableKind::Partitioned
    }

    /// Whether a foreign key points at this table, or at rows of it under another name.
    pub fn is_meant_by(&self, key: &ForeignKey) -> bool {
        key.to == self.name || self.kin.contains(&key.to)
    }

    /// Whether several tables hold its rows.
    pub fn is_family(&self) -> bool {
        self.is_partitioned() || self.leaves.len() > 1
    }

    /// What to write for the name of a column that is not there, as [`Catalog::instead`] does.
    pub fn instead(&self, name: &str, in_sql: bool) -> String {
        let in_sql = in_sql && self.engine == Engine::Postgres;
        let spelled = |column: &Column| spelled(&column.name, in_sql);
        let same = |column: &&Column| column.name.eq_ignore_ascii_case(name);
        let alike: Vec<String> = self.columns.iter().filter(same).map(spelled).collect();
        choice(name, &alike, self.columns.iter().map(spelled))
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Whether an index starts with these columns, in any order among themselves.
    pub fn has_index_on(&self, columns: &[&str]) -> bool {
        let primary: Vec<String> = self.primary_key();
        let starts = |index: &[String]| {
            index.len() >= columns.len()
                && columns.iter().all(|c| index[..columns.len()].iter().any(|i| i == c))
        };
        starts(&primary)
            || (columns.len() == 1 && self.key == [columns[0]])
            || self.indexes.iter().any(|index| starts(&index.columns))
    }

    /// Whether an index starts with exactly these columns, in this order.
    pub fn has_index_in_order(&self, columns: &[&str]) -> bool {
        self.indexes.iter().any(|index| {
            index.columns.len() >= columns.len()
                && index.columns.iter().zip(columns).all(|(i, c)| i == c)
        })
    }

    /// Whether an index also gives its rows in the order of these columns.
    pub fn is_sorted_by(&self, columns: &[&str]) -> bool {
        self.indexes.iter().any(|index| {
            index.one_way >= columns.len() && index.columns.iter().zip(columns).all(|(i, c)| i == c)
        })
    }

    /// Whether at most one row has given values in these columns.
    pub fn is_unique_on(&self, columns: &[&str]) -> bool {
        let within = |unique: &[String]| {
            !unique.is_empty() && unique.iter().all(|u| columns.contains(&u.as_str()))
        };
        within(&self.primary_key())
            || within(&self.key)
            || self.indexes.iter().any(|index| index.unique && within(&index.columns))
    }

    /// The declared primary key's columns, in its order.
    pub fn primary_key(&self) -> Vec<String> {
        let mut key: Vec<&Column> =
            self.columns.iter().filter(|column| column.primary_key.is_some()).collect();
        key.sort_by_key(|column| column.primary_key);
        key.into_iter().map(|column| column.name.clone()).collect()
    }

    /// The statement that would create an index on these columns.
    pub fn create_index(&self, columns: &[&str]) -> String {
        let quoted: Vec<String> = columns.iter().map(|column| quote(column)).collect();
        let name = quote(&format!("{}_{}_idx", self.name.name, columns.join("_")));
        let quoted = quoted.join(", ");
        let table = quote(&self.name.name);
        match (self.engine, &self.name.schema) {
            (Engine::Postgres, Some(schema)) => {
                // Which writers do not wait for; of a partitioned table there is no such thing.
                let how = if self.is_partitioned() { "" } else { " CONCURRENTLY" };
                format!("CREATE INDEX{how} {name} ON {}.{table} ({quoted})", quote(schema))
            }
            _ => format!("CREATE INDEX {name} ON {table} ({quoted})"),
        }
    }
}
