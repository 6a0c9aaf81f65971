//! One row of a judgement's answer.

use crate::model::{Key, Target, Value};

/// The columns of `sql::judge`.
pub(super) struct Row<'t> {
    target: &'t Target,
    values: Vec<Value>,
}

impl<'t> Row<'t> {
    pub(super) fn new(target: &'t Target, values: Vec<Value>) -> Self {
        Self { target, values }
    }

    pub(super) fn after_key(&self) -> usize {
        self.target.rows().key.len()
    }

    pub(super) fn key(&self) -> Key {
        Key(self.values[..self.after_key()].to_vec())
    }

    pub(super) fn tenant(&self) -> &Value {
        &self.values[self.after_key()]
    }

    pub(super) fn age(&self) -> &Value {
        &self.values[self.after_key() + 1]
    }

    pub(super) fn is_selected(&self) -> bool {
        self.values[self.after_key() + 2].is_true()
    }

    pub(super) fn flags(&self, from: usize, count: usize) -> &[Value] {
        let start = self.after_key() + 3 + from;
        &self.values[start..start + count]
    }

    pub(super) fn first_hold(&self) -> Option<usize> {
        self.flags(0, self.target.exemptions.len()).iter().position(Value::is_true)
    }

    pub(super) fn is_referenced(&self) -> bool {
        self.flags(self.target.exemptions.len(), self.target.referenced.len())
            .iter()
            .any(Value::is_true)
    }

    pub(super) fn partition(&self) -> &[Value] {
        let from = self.target.exemptions.len() + self.target.referenced.len();
        self.flags(from, self.target.keep_newest.as_ref().map_or(0, |keep| keep.partition_by.len()))
    }

    pub(super) fn order(&self) -> &[Value] {
        let from =
            self.target.exemptions.len() + self.target.referenced.len() + self.partition().len();
        self.flags(from, self.target.keep_newest.as_ref().map_or(0, |keep| keep.order_by.len()))
    }
}
