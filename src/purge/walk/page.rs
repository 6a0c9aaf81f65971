//! What one step of a walk gives.

use crate::model::Key;
use crate::plan::Fate;

/// What a walk has seen that can never go.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sightings {
    pub examined: u64,
    pub undatable: u64,
    pub unreadable: u64,
    pub future: u64,
    pub no_tenant: u64,
    /// Rows outside of `where` may be among them.
    pub blurred: bool,
}

/// Candidates: keys, by the fate of the tenant they were found under.
#[derive(Debug, Default)]
pub struct Page {
    pub groups: Vec<(Fate, Vec<Key>)>,
    pub sightings: Sightings,
    /// Which of the target's tables they were found in.
    pub leaf: usize,
    /// The index served badly: so many rows share an age that each page reads them all again.
    pub crowded: bool,
}

impl Page {
    pub(in crate::purge) fn candidates(&self) -> usize {
        self.groups.iter().map(|(_, keys)| keys.len()).sum()
    }

    pub(super) fn add(&mut self, fate: Fate, key: Key) {
        match self.groups.iter_mut().find(|(other, _)| *other == fate) {
            Some((_, keys)) => keys.push(key),
            None => self.groups.push((fate, vec![key])),
        }
    }
}
