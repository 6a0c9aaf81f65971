//! Along an index of (tenant, age): tenant by tenant, or many in one statement.

use super::{Place, Walk, place, read};
use crate::database::{Error, Session};
use crate::model::{Engine, Value};
use crate::sql::{self, Instants};

/// Tenants that one statement probes.
const TENANTS_AT_ONCE: usize = 10_000;

impl Walk<'_> {
    /// The next rows along the index of (tenant, age), of as many tenants as fill a page.
    pub(super) async fn next_tenants(
        &mut self,
        instants: &Instants,
        session: &mut Session,
    ) -> Result<Option<Vec<Vec<Value>>>, Error> {
        if self.target.table.engine == Engine::Postgres {
            return self.next_tenants_together(instants, session).await;
        }
        let page = self.page();
        let Place::TenantIndex { tenants, after } = &mut self.place else { return Ok(None) };
        // Tenants with few rows share a page: else each would cost a transaction.
        let mut found = Vec::new();
        for _ in 0..page {
            let Some((tenant, below)) = tenants.last() else {
                break;
            };
            let after_it = after.as_ref();
            let along = |target: &_| {
                sql::along_index(target, instants, Some(tenant), below, after_it, page)
            };
            let rows = read(self.target, &mut self.unfiltered, along, session).await?;
            match rows.last() {
                Some(row) if rows.len() == page => *after = Some(place(self.target, row)),
                _ => {
                    tenants.pop();
                    *after = None;
                }
            }
            found.extend(rows);
            if found.len() >= page {
                break;
            }
        }
        Ok((!found.is_empty() || !tenants.is_empty()).then_some(found))
    }

    /// All tenants that are left, in one statement: whoever has nothing due costs one probe.
    async fn next_tenants_together(
        &mut self,
        instants: &Instants,
        session: &mut Session,
    ) -> Result<Option<Vec<Vec<Value>>>, Error> {
        let page = self.page();
        let Place::TenantIndex { tenants, after } = &mut self.place else { return Ok(None) };
        // Whose page was full is asked alone where it ended: among others no index would serve, and
        // each page would read all pages before it again.
        let most = if after.is_some() { 1 } else { TENANTS_AT_ONCE };
        // The list is walked from its end.
        let asked: Vec<(Value, Value)> = tenants.iter().rev().take(most).cloned().collect();
        if asked.is_empty() {
            self.place = Place::Done;
            return Ok(None);
        }
        let together = |target: &_| {
            sql::postgres::tenants_along_index(target, instants, &asked, after.as_ref(), page)
        };
        let mut rows = read(self.target, &mut self.unfiltered, together, session).await?;
        let reached = rows.last().and_then(|row| row[0].as_integer());
        for row in &mut rows {
            row.remove(0);
        }
        // Those before the one that was reached are walked to their ends.
        let done = match reached {
            Some(at) if rows.len() == page => {
                *after = rows.last().map(|row| place(self.target, row));
                usize::try_from(at - 1).unwrap_or_default()
            }
            _ => {
                *after = None;
                asked.len()
            }
        };
        tenants.truncate(tenants.len() - done.min(tenants.len()));
        Ok(Some(rows))
    }
}
