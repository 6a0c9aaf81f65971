//! Finding rows whose time may be up. It reads without a lock and deletes nothing: every row that
//! it finds is judged again before it goes.

use jiff::Timestamp;

use super::newest;
use crate::database::{Error, ErrorClass, Session};
use crate::model::{Access, Engine, Key, Reading, Target, Value, below, read_age};
use crate::plan::{Cutoffs, Fate, PlannedTarget};
use crate::sql::{self, Instants, Statement};

/// Rows read by one statement. A reader of a file with a rollback journal keeps its writers
/// waiting, so a page is short.
const PAGE: usize = 1_000;
/// Blocks of eight KiB that a sweep reads first, and at most, by one statement.
const FIRST_BLOCKS: u64 = 16;
const MOST_BLOCKS: u64 = 8_192;
/// Tenants that one statement probes.
const TENANTS_AT_ONCE: usize = 10_000;

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

/// A cursor that is carried from page to page, so that nothing is walked twice.
pub struct Walk<'a> {
    /// The target, for each table that holds its rows.
    leaves: &'a [Target],
    leaf: usize,
    target: &'a Target,
    cutoffs: &'a Cutoffs,
    tenants: &'a [Value],
    clock: Timestamp,
    access: Access,
    place: Place,
    /// The target without its `where`, once that could not be computed for some row.
    unfiltered: Option<Target>,
}

enum Place {
    Sweep(Option<Key>),
    /// The next block and the end, once it is known; so many blocks are read at once.
    Blocks { next: u64, end: Option<u64>, step: u64 },
    AgeIndex { below: Value, after: Option<sql::Place> },
    TenantIndex { tenants: Vec<(Value, Value)>, after: Option<sql::Place> },
    Partitions(Option<Vec<Vec<Value>>>),
    Done,
}

impl<'a> Walk<'a> {
    pub fn new(planned: &'a PlannedTarget, clock: Timestamp, access: &Access) -> Self {
        let mut walk = Self {
            leaves: &planned.leaves,
            leaf: 0,
            target: planned.leaves.first().unwrap_or(&planned.target),
            cutoffs: &planned.cutoffs,
            tenants: &planned.tenants,
            clock,
            access: access.clone(),
            place: Place::Done,
            unfiltered: None,
        };
        if !planned.leaves.is_empty() {
            walk.place = walk.beginning();
        }
        walk
    }

    fn below(&self, cutoff: Timestamp) -> Value {
        let encoding = self.target.age.as_ref().map(|age| &age.encoding);
        encoding.map_or(Value::Null, |encoding| below(cutoff, encoding))
    }

    /// Where the walk of a table begins.
    fn beginning(&self) -> Place {
        match self.access {
            Access::Sweep if self.target.table.engine == Engine::Postgres => {
                Place::Blocks { next: 0, end: None, step: FIRST_BLOCKS }
            }
            Access::Sweep => Place::Sweep(None),
            Access::Partitions => Place::Partitions(None),
            Access::AgeIndex => match self.cutoffs.youngest() {
                Some(cutoff) => Place::AgeIndex { below: self.below(cutoff), after: None },
                None => Place::Done,
            },
            Access::TenantIndex => {
                let with_cutoff = self.tenants.iter().rev().filter_map(|tenant| {
                    match self.cutoffs.of(tenant) {
                        Fate::Cutoff(cutoff) => Some((tenant.clone(), self.below(cutoff))),
                        Fate::NoWindow | Fate::Kept => None,
                    }
                });
                Place::TenantIndex { tenants: with_cutoff.collect(), after: None }
            }
        }
    }

    /// The next candidates, of one table; `None` at the end of the last.
    pub async fn next(&mut self, session: &mut Session) -> Result<Option<Page>, Error> {
        loop {
            if let Some(mut page) = self.next_of_leaf(session).await? {
                page.leaf = self.leaf;
                return Ok(Some(page));
            }
            let Some(next) = self.leaves.get(self.leaf + 1) else {
                return Ok(None);
            };
            self.leaf += 1;
            self.target = next;
            self.unfiltered = None;
            self.place = self.beginning();
        }
    }

    async fn next_of_leaf(&mut self, session: &mut Session) -> Result<Option<Page>, Error> {
        let encoding = self.target.age.as_ref().map(|age| &age.encoding);
        let instants = Instants::bind(self.clock, None, encoding);
        let rows = match &mut self.place {
            Place::Done => return Ok(None),
            Place::Sweep(after) => {
                let sweep = |target: &_| sql::sweep(target, &instants, after.as_ref(), PAGE);
                let rows = read(self.target, &mut self.unfiltered, sweep, session).await?;
                self.place = match rows.last() {
                    Some(row) if rows.len() == PAGE => Place::Sweep(Some(key(self.target, row))),
                    _ => Place::Done,
                };
                rows
            }
            Place::Blocks { .. } => {
                let Some(rows) = self.next_blocks(&instants, session).await? else {
                    return Ok(None);
                };
                rows
            }
            Place::AgeIndex { below, after } => {
                let along = |target: &_| {
                    sql::along_index(target, &instants, None, below, after.as_ref(), PAGE)
                };
                let rows = read(self.target, &mut self.unfiltered, along, session).await?;
                match rows.last() {
                    Some(row) if rows.len() == PAGE => *after = Some(place(self.target, row)),
                    _ => self.place = Place::Done,
                }
                rows
            }
            Place::TenantIndex { .. } => {
                let Some(rows) = self.next_tenants(&instants, session).await? else {
                    return Ok(None);
                };
                rows
            }
            Place::Partitions(_) => return self.next_partition(session, &instants).await,
        };
        let mut page = self.sort(&rows);
        page.crowded = self.is_crowded(&rows);
        Ok(Some(page))
    }

    /// A page of rows that all have one age: the order behind it is not the index's, and each page
    /// would sort the whole group again.
    fn is_crowded(&self, rows: &[Vec<Value>]) -> bool {
        let on_index = matches!(self.place, Place::AgeIndex { .. } | Place::TenantIndex { .. });
        let length = self.target.rows().key.len();
        let tie = |row: &Vec<Value>| (row[length].clone(), row[length + 1].clone());
        on_index
            && self.target.table.engine == Engine::Postgres
            && rows.len() >= PAGE
            && rows.first().map(tie) == rows.last().map(tie)
    }

    /// The rows of the next blocks, about as many as fill a page; `None` at the end.
    async fn next_blocks(
        &mut self,
        instants: &Instants,
        session: &mut Session,
    ) -> Result<Option<Vec<Vec<Value>>>, Error> {
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
        if next >= end {
            self.place = Place::Done;
            return Ok(None);
        }
        let upto = next.saturating_add(step).min(end);
        let below = self.cutoffs.youngest().map(|cutoff| self.below(cutoff));
        let sweep = |target: &_| {
            sql::postgres::sweep_blocks(target, instants, next..upto, below.as_ref())
        };
        let rows = read(self.target, &mut self.unfiltered, sweep, session).await?;
        // By what the blocks give, and never by statistics.
        let step = match rows.len() {
            few if few < PAGE / 2 => (step * 2).min(MOST_BLOCKS),
            many if many > PAGE * 2 => (step / 2).max(1),
            _ => step,
        };
        self.place = Place::Blocks { next: upto, end: Some(end), step };
        Ok(Some(rows))
    }

    /// The next rows along the index of (tenant, age), of as many tenants as fill a page.
    async fn next_tenants(
        &mut self,
        instants: &Instants,
        session: &mut Session,
    ) -> Result<Option<Vec<Vec<Value>>>, Error> {
        if self.target.table.engine == Engine::Postgres {
            return self.next_tenants_together(instants, session).await;
        }
        let Place::TenantIndex { tenants, after } = &mut self.place else { return Ok(None) };
        // Tenants with few rows share a page: else each would cost a transaction.
        let mut found = Vec::new();
        for _ in 0..PAGE {
            let Some((tenant, below)) = tenants.last() else {
                break;
            };
            let after_it = after.as_ref();
            let along = |target: &_| {
                sql::along_index(target, instants, Some(tenant), below, after_it, PAGE)
            };
            let rows = read(self.target, &mut self.unfiltered, along, session).await?;
            match rows.last() {
                Some(row) if rows.len() == PAGE => *after = Some(place(self.target, row)),
                _ => {
                    tenants.pop();
                    *after = None;
                }
            }
            found.extend(rows);
            if found.len() >= PAGE {
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
        let Place::TenantIndex { tenants, after } = &mut self.place else { return Ok(None) };
        // The list is walked from its end.
        let asked: Vec<(Value, Value)> =
            tenants.iter().rev().take(TENANTS_AT_ONCE).cloned().collect();
        if asked.is_empty() {
            self.place = Place::Done;
            return Ok(None);
        }
        let together = |target: &_| {
            sql::postgres::tenants_along_index(target, instants, &asked, after.as_ref(), PAGE)
        };
        let mut rows = read(self.target, &mut self.unfiltered, together, session).await?;
        let reached = rows.last().and_then(|row| row[0].as_integer());
        for row in &mut rows {
            row.remove(0);
        }
        // Those before the one that was reached are walked to their ends.
        let done = match reached {
            Some(at) if rows.len() == PAGE => {
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

    /// Puts candidates under their fates, and counts what can never go.
    fn sort(&self, rows: &[Vec<Value>]) -> Page {
        let mut page = Page::default();
        page.sightings.blurred = self.unfiltered.is_some();
        let length = self.target.rows().key.len();
        for row in rows {
            page.sightings.examined += 1;
            let (tenant, age) = (&row[length], &row[length + 1]);
            if !row[length + 2].is_true() {
                continue;
            }
            if self.target.tenant.is_some() && tenant.is_null() {
                page.sightings.no_tenant += 1;
                continue;
            }
            let fate = self.cutoffs.of(tenant);
            if let Some(rule) = &self.target.age {
                match read_age(age, &rule.encoding) {
                    Reading::Undatable => page.sightings.undatable += 1,
                    Reading::Unreadable => page.sightings.unreadable += 1,
                    Reading::At(instant) => {
                        page.sightings.future += u64::from(instant > self.clock);
                        match fate {
                            Fate::Cutoff(cutoff) if instant < cutoff => {
                                page.add(fate, key(self.target, row));
                            }
                            Fate::Cutoff(_) | Fate::NoWindow | Fate::Kept => {}
                        }
                    }
                }
            } else if fate != Fate::Kept {
                page.add(fate, key(self.target, row));
            }
        }
        page
    }

    /// Over-full partitions, so many as fill a page: their rows beyond the newest.
    async fn next_partition(
        &mut self,
        session: &mut Session,
        instants: &Instants,
    ) -> Result<Option<Page>, Error> {
        let Some(keep) = &self.target.keep_newest else {
            return Ok(None);
        };
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
        while found < PAGE
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
                page.add(fate, key);
            }
        }
        Ok(Some(page))
    }
}

/// A `where` that cannot be computed for one row, such as JSON that is none, would end the walk for
/// all: from then on every row is a candidate, and the judgement finds the one at fault.
async fn read(
    target: &Target,
    unfiltered: &mut Option<Target>,
    statement: impl Fn(&Target) -> Statement,
    session: &mut Session,
) -> Result<Vec<Vec<Value>>, Error> {
    let failed = match session.rows(&statement(unfiltered.as_ref().unwrap_or(target))).await {
        Err(error) if error.class == ErrorClass::Statement => error,
        other => return other,
    };
    if unfiltered.is_some() || target.selection.is_none() {
        return Err(failed);
    }
    let without = unfiltered.insert(Target { selection: None, ..target.clone() });
    session.rows(&statement(without)).await
}

impl Page {
    fn add(&mut self, fate: Fate, key: Key) {
        match self.groups.iter_mut().find(|(other, _)| *other == fate) {
            Some((_, keys)) => keys.push(key),
            None => self.groups.push((fate, vec![key])),
        }
    }
}

fn key(target: &Target, row: &[Value]) -> Key {
    Key(row[..target.rows().key.len()].to_vec())
}

fn place(target: &Target, row: &[Value]) -> sql::Place {
    sql::Place { age: row[target.rows().key.len() + 1].clone(), key: key(target, row) }
}
