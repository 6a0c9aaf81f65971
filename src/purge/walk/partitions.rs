//! Partition by partition, for keepNewest.

use super::{Page, Place, Walk};
use crate::database::{Error, Session};
use crate::model::Value;
use crate::plan::Fate;
use crate::purge::newest;
use crate::sql::{self, Instants};

impl Walk<'_> {
    /// Over-full partitions, so many as fill a page: their rows beyond the newest.
    pub(super) async fn next_partition(
        &mut self,
        session: &mut Session,
        instants: &Instants,
    ) -> Result<Option<Page>, Error> {
        let Some(keep) = &self.target.keep_newest else {
            return Ok(None);
        };
        let full = self.page();
        if let Place::Partitions(None) = self.place {
            let mut rows =
                session.rows(&sql::over_full_partitions(self.target, keep, instants)).await?;
            rows.reverse();
            self.place = Place::Partitions(Some(rows));
        }
        let Place::Partitions(Some(left)) = &mut self.place else {
            return Ok(None);
        };
        if left.is_empty() {
            return Ok(None);
        }
        let mut page = Page::default();
        let mut found = 0;
        while found < full
            && let Some(row) = left.pop()
        {
            let (tenant, partition) = match self.target.tenant {
                Some(_) => (Some(&row[0]), &row[1..]),
                None => (None, if keep.partition_by.is_empty() { &[][..] } else { &row[..] }),
            };
            let fate = self.cutoffs.of(tenant.unwrap_or(&Value::Null));
            if fate == Fate::Kept {
                continue;
            }
            let ranked =
                newest::rank(self.target, keep, self.clock, fate, tenant, partition, session)
                    .await?;
            page.sightings.examined += ranked.examined;
            found += ranked.beyond.len();
            for key in ranked.beyond {
                page.add(if self.together { Fate::Each } else { fate }, key);
            }
        }
        Ok(Some(page))
    }
}
