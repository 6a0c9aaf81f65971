//! A statement and its binds.

use jiff::Timestamp;

use crate::model::{Encoding, Engine, Value, bind_instant};

/// SQL made from checked parts, with the values it binds.
#[derive(Debug, Clone)]
pub struct Statement {
    text: String,
    binds: Vec<Bind>,
    along_index: bool,
}

/// What is bound to one parameter.
#[derive(Debug, Clone)]
pub enum Bind {
    One(Value),
    /// An array.
    List(Vec<Value>),
}

impl Statement {
    pub(super) fn new(text: String, binds: Binds) -> Self {
        Self { text, binds: binds.values, along_index: false }
    }

    pub fn binds(&self) -> &[Bind] {
        &self.binds
    }

    /// The one place that vouches for SQL: its text is made in this room alone, out of quoted
    /// names, numbered parameters, and expressions rendered from a walked tree.
    pub fn sql(&self) -> sqlx::AssertSqlSafe<String> {
        sqlx::AssertSqlSafe(self.text.clone())
    }

    /// The same statement, which reads along an index and in its order, a page at a time.
    pub(super) fn along_index(self) -> Self {
        Self { along_index: true, ..self }
    }

    pub fn is_along_index(&self) -> bool {
        self.along_index
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The same statement, compiled and not run.
    pub fn explained(&self) -> Self {
        Self { text: format!("EXPLAIN {}", self.text), ..self.clone() }
    }
}

/// The clock and the cutoff of one statement, in the encoding of the target's age.
#[derive(Debug, Clone)]
pub struct Instants {
    pub now: Value,
    pub cutoff: Value,
}

impl Instants {
    /// Without an age there is no encoding, and expressions name neither.
    pub fn bind(now: Timestamp, cutoff: Option<Timestamp>, encoding: Option<&Encoding>) -> Self {
        let value = |instant: Option<Timestamp>| match (instant, encoding) {
            (Some(instant), Some(encoding)) => bind_instant(instant, encoding),
            _ => Value::Null,
        };
        Self { now: value(Some(now)), cutoff: value(cutoff) }
    }
}

/// Values in the order of their numbers; `:now` is always the first and `:cutoff` the second.
pub(super) struct Binds {
    engine: Engine,
    values: Vec<Bind>,
    /// The parameters of the batch's keys, bound once however often a statement names them.
    keys: Option<String>,
}

impl Binds {
    pub(super) fn new(engine: Engine, instants: &Instants) -> Self {
        let values = vec![Bind::One(instants.now.clone()), Bind::One(instants.cutoff.clone())];
        Self { engine, values, keys: None }
    }

    pub(super) fn none(engine: Engine) -> Self {
        Self::new(engine, &Instants { now: Value::Null, cutoff: Value::Null })
    }

    /// Adds a value and gives its parameter.
    pub(super) fn add(&mut self, value: Value) -> String {
        // Bound as bytes, and a text again where it is compared.
        let is_text = matches!(value, Value::Garbled(_));
        self.values.push(Bind::One(value));
        match self.engine {
            Engine::Sqlite if is_text => format!("CAST(?{} AS TEXT)", self.values.len()),
            Engine::Sqlite => format!("?{}", self.values.len()),
            Engine::Postgres => format!("${}", self.values.len()),
        }
    }

    /// Adds a value that the database makes a value of this type.
    pub(super) fn add_as(&mut self, value: Value, cast: Option<&str>) -> String {
        let parameter = self.add(value);
        match cast {
            Some(cast) => format!("CAST({parameter} AS {cast})"),
            None => parameter,
        }
    }

    /// As [`Self::add_as`], for a condition that a table's rows are looked through by: the cast of a text
    /// would otherwise be made for each row.
    pub(super) fn add_once(&mut self, value: Value, to: &str) -> String {
        let parameter = self.add(value);
        format!("(SELECT CAST({parameter} AS {to}))")
    }

    /// Adds an array of texts, which only PostgreSQL has.
    pub(super) fn add_list(&mut self, values: Vec<Value>) -> String {
        self.values.push(Bind::List(values));
        format!("${}", self.values.len())
    }

    pub(super) fn add_all(&mut self, values: &[Value]) -> String {
        values.iter().map(|value| self.add(value.clone())).collect::<Vec<_>>().join(", ")
    }

    /// What the keys of a statement's batch are written as; a statement has one batch.
    pub(super) fn keys(&mut self, write: impl FnOnce(&mut Self) -> String) -> String {
        if let Some(keys) = &self.keys {
            return keys.clone();
        }
        let keys = write(self);
        self.keys = Some(keys.clone());
        keys
    }
}
