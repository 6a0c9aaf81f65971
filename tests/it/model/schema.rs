//! A case's database: tables and rows in memory.

use super::clock::Nanos;
use super::engine::Engine;

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

/// One value, with the storage class SQLite keeps it in; of PostgreSQL's types as PostgreSQL prints it.
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
}

/// A row; `age` is what the row's age means, known because the row was made from it, never read back from its text.
#[derive(Clone, Debug)]
pub struct Row {
    pub values: Vec<Value>,
    pub age: Option<Nanos>,
    /// Whether a trigger keeps it from going or changing.
    pub stays: bool,
}

impl Row {
    /// A row that has no age.
    pub fn of(values: Vec<Value>) -> Row {
        Row { values, age: None, stays: false }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDelete {
    NoAction,
    Deferred,
    Restrict,
    Cascade,
    SetNull,
    /// To NULL, which is the default of all.
    SetDefault,
}

impl OnDelete {
    pub fn lets_go(self) -> bool {
        matches!(self, OnDelete::SetNull | OnDelete::SetDefault)
    }
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

/// Whether a table's rows lie in one table or in several.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Parts {
    #[default]
    One,
    /// `PARTITION BY` this of a column, with what each partition is for.
    Partitions(&'static str, usize, Vec<String>),
    /// Tables that inherit, and every row in one of them or in the table itself, by turns.
    Heirs(usize),
}

impl Parts {
    pub fn word(&self) -> &'static str {
        match self {
            Parts::One => "one table",
            Parts::Partitions(by, ..) => by,
            Parts::Heirs(_) => "heirs",
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Table {
    pub engine: Engine,
    /// None where the engine has one that need not be said.
    pub schema: Option<&'static str>,
    pub name: String,
    pub columns: Vec<Column>,
    /// The declared primary key, and whether the table is WITHOUT ROWID, or AUTOINCREMENT.
    pub key: Vec<usize>,
    pub without_rowid: bool,
    pub autoincrement: bool,
    pub unique: Option<usize>,
    pub not_null: Option<usize>,
    pub references: Vec<Reference>,
    pub indexes: Vec<Vec<usize>>,
    /// Indexes as SQL goes on behind the table's name.
    pub odd_indexes: Vec<String>,
    /// Whether rows take much room and were moved, a column was dropped, and one is computed: nothing of what the case says.
    pub has_history: bool,
    pub parts: Parts,
    /// The table that this one could be taken for.
    pub copy_of: Option<usize>,
    pub rows: Vec<Row>,
}

/// SQL's own quoting.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl Table {
    pub fn column(&mut self, name: impl Into<String>, kind: &'static str) -> usize {
        self.columns.push(Column { name: name.into(), kind: self.engine.kind(kind) });
        self.columns.len() - 1
    }
    /// As SQL names it.
    pub fn path(&self) -> String {
        let schema = self.schema.map(|schema| format!("{}.", quoted(schema)));
        schema.unwrap_or_default() + &quoted(&self.name)
    }
    /// As the catalog spells it, and a manifest does.
    pub fn catalog(&self) -> String {
        let part = |name: &str| if name.contains('.') { quoted(name) } else { name.to_owned() };
        let schema = self.schema.map(|schema| format!("{}.", part(schema)));
        schema.unwrap_or_default() + &part(&self.name)
    }
    pub fn kind(&self, column: usize) -> &'static str {
        self.columns[column].kind
    }
    /// Whether a foreign key may point at its key.
    pub fn can_be_referenced(&self) -> bool {
        !matches!(self.parts, Parts::Heirs(_)) && (!self.key.is_empty() || self.unique.is_some())
    }
    /// Whether a row may change in these columns and stay where it is.
    pub fn is_parted_by(&self, columns: &[usize]) -> bool {
        matches!(&self.parts, Parts::Partitions(_, column, _) if columns.contains(column))
    }
    /// Whether its newest rows are those of one table, or of a key over all its parts.
    pub fn can_be_ranked(&self) -> bool {
        match self.parts {
            Parts::One => true,
            Parts::Partitions(..) => !self.key.is_empty(),
            Parts::Heirs(_) => false,
        }
    }
    pub fn list(&self, columns: &[usize]) -> String {
        columns
            .iter()
            .map(|column| quoted(&self.columns[*column].name))
            .collect::<Vec<_>>()
            .join(", ")
    }
}
