//! A sweep in the order of the keys, which somebody else takes a step of.

use super::{Place, Walk, key};
use crate::model::{Key, Value};

impl Walk<'_> {
    /// After which key the sweep goes on; `None` where it has ended, or is none.
    pub(in crate::purge) fn after(&self) -> Option<Option<Key>> {
        match &self.place {
            Place::Sweep(after) => Some(after.clone()),
            _ => None,
        }
    }

    /// Goes on behind the last of these rows, or where there is none has come to the end.
    pub(in crate::purge) fn pass_over(&mut self, rows: &[Vec<Value>]) {
        self.place = match rows.last() {
            Some(row) => Place::Sweep(Some(key(self.target, row))),
            None => Place::Done,
        };
    }
}
