//! What keepNewest keeps, asked within the judgement.

use std::collections::HashMap;

use super::Bench;
use super::row::Row;
use crate::database::{Error, Session};
use crate::model::{Key, KeySet, Value};
use crate::plan::Fate;
use crate::purge::newest;

/// The newest rows of the partitions that a judgement meets, each read once in it: a floor from
/// the plan would be wrong as soon as the application takes its newest rows away.
#[derive(Default)]
pub(super) struct Newest(HashMap<Vec<u8>, KeySet>);

impl Newest {
    pub(super) async fn keeps(
        &mut self,
        bench: &Bench<'_>,
        row: &Row<'_>,
        fate: Fate,
        session: &mut Session,
    ) -> Result<bool, Error> {
        let Some(keep) = &bench.target.keep_newest else {
            return Ok(false);
        };
        if row.partition().iter().any(Value::is_null) || !newest::is_rankable(keep, row.order()) {
            return Ok(true);
        }
        let tenant = bench.target.tenant.as_ref().map(|_| row.tenant());
        let mut partition = Vec::new();
        for value in tenant.into_iter().chain(row.partition()) {
            value.write_identity(&mut partition);
        }
        if !self.0.contains_key(&partition) {
            let keys = newest::newest(
                bench.target,
                keep,
                bench.clock,
                fate,
                tenant,
                row.partition(),
                session,
            )
            .await?;
            let mut set = KeySet::default();
            for key in &keys {
                set.insert(key);
            }
            self.0.insert(partition.clone(), set);
        }
        Ok(self.0.get(&partition).is_none_or(|set| stays(&row.key(), set, keep.rows)))
    }
}

/// A row that is not among the newest, though fewer than the limit are there, is none that the
/// ranking counts.
pub(super) fn stays(key: &Key, newest: &KeySet, limit: u64) -> bool {
    newest.contains(key) || (newest.len() as u64) < limit
}
