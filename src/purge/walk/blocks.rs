//! A sweep through PostgreSQL's blocks: addresses in order, and no index to keep them.

use std::ops::Range;

use super::{Place, Walk, read};
use crate::database::{Error, Session};
use crate::model::Value;
use crate::sql::{self, Instants};

/// Blocks of eight KiB that a sweep reads first, and at most, by one statement.
pub(super) const FIRST_BLOCKS: u64 = 16;
const MOST_BLOCKS: u64 = 256;

impl Walk<'_> {
    /// The rows of the next blocks, about as many as fill a page; `None` at the end.
    pub(super) async fn next_blocks(
        &mut self,
        instants: &Instants,
        session: &mut Session,
    ) -> Result<Option<Vec<Vec<Value>>>, Error> {
        let Place::Blocks { step, .. } = self.place else { return Ok(None) };
        let Some(blocks) = self.next_range(step, session).await? else {
            self.place = Place::Done;
            return Ok(None);
        };
        let below = self.cutoffs.youngest().map(|cutoff| self.below(cutoff));
        let sweep = |target: &_| {
            sql::postgres::sweep_blocks(target, instants, blocks.clone(), below.as_ref())
        };
        let rows = read(self.target, &mut self.unfiltered, sweep, session).await?;
        // By what the blocks give, and never by statistics.
        let page = self.page();
        if let Place::Blocks { step, .. } = &mut self.place {
            *step = match rows.len() {
                few if few < page / 2 => (*step * 2).min(MOST_BLOCKS),
                many if many > page * 2 => (*step / 2).max(1),
                _ => *step,
            };
        }
        Ok(Some(rows))
    }

    /// The next so many blocks; `None` where none are left, or no sweep goes by blocks.
    pub(in crate::purge) async fn next_range(
        &mut self,
        most: u64,
        session: &mut Session,
    ) -> Result<Option<Range<u64>>, Error> {
        let Place::Blocks { next, end, step } = self.place else { return Ok(None) };
        // Read once: what is appended while we walk is young, or comes to the next run.
        let end = match end {
            Some(end) => end,
            None => {
                let rows = session.rows(&sql::postgres::blocks(self.target.rows())).await?;
                let blocks = rows.first().and_then(|row| row[0].as_integer());
                blocks.map_or(0, i64::unsigned_abs)
            }
        };
        let upto = next.saturating_add(most).min(end);
        self.place = Place::Blocks { next: upto, end: Some(end), step };
        Ok((next < end).then_some(next..upto))
    }

    /// Walks on from this block.
    pub(in crate::purge) fn back_to(&mut self, block: u64) {
        if let Place::Blocks { next, .. } = &mut self.place {
            *next = block;
        }
    }
}
