//! A statement and its binds.

use jiff::Timestamp;

use crate::model::{Encoding, Value, bind_instant};

/// SQL made from checked parts, with the values it binds.
#[derive(Debug, Clone)]
pub struct Statement {
    text: String,
    binds: Vec<Value>,
}

impl Statement {
    pub(super) fn new(text: String, binds: Binds) -> Self {
        Self { text, binds: binds.values }
    }

    pub fn binds(&self) -> &[Value] {
        &self.binds
    }

    /// The one place that vouches for SQL: its text is made in this room alone, out of quoted
    /// names, numbered parameters, and expressions rendered from a walked tree.
    pub fn sql(&self) -> sqlx::AssertSqlSafe<String> {
        sqlx::AssertSqlSafe(self.text.clone())
    }

    /// The same statement, compiled and not run.
    pub fn explained(&self) -> Self {
        Self { text: format!("EXPLAIN {}", self.text), binds: self.binds.clone() }
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

/// Values in the order of their numbers; `:now` is always ?1 and `:cutoff` ?2.
pub(super) struct Binds {
    values: Vec<Value>,
    /// The parameters of the batch's keys, bound once however often a statement names them.
    keys: Option<String>,
}

impl Binds {
    pub(super) fn new(instants: &Instants) -> Self {
        Self { values: vec![instants.now.clone(), instants.cutoff.clone()], keys: None }
    }

    pub(super) fn none() -> Self {
        Self { values: vec![Value::Null, Value::Null], keys: None }
    }

    /// Adds a value and gives its parameter.
    pub(super) fn add(&mut self, value: Value) -> String {
        // Bound as bytes, and a text again where it is compared.
        let is_text = matches!(value, Value::Garbled(_));
        self.values.push(value);
        if is_text {
            format!("CAST(?{} AS TEXT)", self.values.len())
        } else {
            format!("?{}", self.values.len())
        }
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
