//! Finding rows whose time may be up. It reads without a lock and deletes nothing: every row that
//! it finds is judged again before it goes.

use jiff::Timestamp;

use super::newest;
use crate::database::{Error, ErrorClass, Session};
use crate::model::{Access, Key, Reading, Target, Value, below, read_age};
use crate::plan::{Cutoffs, Fate};
use crate::sql::{Instants, Statement, sqlite};

/// Rows read by one statement. A reader of a file with a rollback journal keeps its writers
/// waiting, so a page is short.
const PAGE: usize = 1_000;

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
}

/// A cursor that is carried from page to page, so that nothing is walked twice.
pub struct Walk<'a> {
    target: &'a Target,
    cutoffs: &'a Cutoffs,
    clock: Timestamp,
    place: Place,
    /// The target without its `where`, once that could not be computed for some row.
    unfiltered: Option<Target>,
}

enum Place {
    Sweep(Option<Key>),
    AgeIndex { below: Value, after: Option<sqlite::Place> },
    TenantIndex { tenants: Vec<(Value, Value)>, after: Option<sqlite::Place> },
    Partitions(Option<Vec<Vec<Value>>>),
    Done,
}

impl<'a> Walk<'a> {
    /// `tenants` are all that the target has; the tenant index asks for each.
    pub fn new(
        target: &'a Target,
        cutoffs: &'a Cutoffs,
        tenants: &[Value],
        clock: Timestamp,
        access: &Access,
    ) -> Self {
        let encoding = target.age.as_ref().map(|age| &age.encoding);
        let below = |cutoff| encoding.map_or(Value::Null, |encoding| below(cutoff, encoding));
        let place = match access {
            Access::Sweep => Place::Sweep(None),
            Access::Partitions => Place::Partitions(None),
            Access::AgeIndex => match cutoffs.youngest() {
                Some(cutoff) => Place::AgeIndex { below: below(cutoff), after: None },
                None => Place::Done,
            },
            Access::TenantIndex => {
                let with_cutoff =
                    tenants.iter().rev().filter_map(|tenant| match cutoffs.of(tenant) {
                        Fate::Cutoff(cutoff) => Some((tenant.clone(), below(cutoff))),
                        Fate::NoWindow | Fate::Kept => None,
                    });
                Place::TenantIndex { tenants: with_cutoff.collect(), after: None }
            }
        };
        Self { target, cutoffs, clock, place, unfiltered: None }
    }

    /// The next candidates; `None` at the end.
    pub async fn next(&mut self, session: &mut Session) -> Result<Option<Page>, Error> {
        let encoding = self.target.age.as_ref().map(|age| &age.encoding);
        let instants = Instants::bind(self.clock, None, encoding);
        let rows = match &mut self.place {
            Place::Done => return Ok(None),
            Place::Sweep(after) => {
                let sweep = |target: &_| sqlite::sweep(target, &instants, after.as_ref(), PAGE);
                let rows = read(self.target, &mut self.unfiltered, sweep, session).await?;
                self.place = match rows.last() {
                    Some(row) if rows.len() == PAGE => Place::Sweep(Some(key(self.target, row))),
                    _ => Place::Done,
                };
                rows
            }
            Place::AgeIndex { below, after } => {
                let along = |target: &_| {
                    sqlite::along_index(target, &instants, None, below, after.as_ref(), PAGE)
                };
                let rows = read(self.target, &mut self.unfiltered, along, session).await?;
                match rows.last() {
                    Some(row) if rows.len() == PAGE => *after = Some(place(self.target, row)),
                    _ => self.place = Place::Done,
                }
                rows
            }
            Place::TenantIndex { tenants, after } => {
                // Tenants with few rows share a page: else each would cost a transaction.
                let mut found = Vec::new();
                for _ in 0..PAGE {
                    let Some((tenant, below)) = tenants.last() else {
                        break;
                    };
                    let after_it = after.as_ref();
                    let along = |target: &_| {
                        sqlite::along_index(target, &instants, Some(tenant), below, after_it, PAGE)
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
                if found.is_empty() && tenants.is_empty() {
                    return Ok(None);
                }
                found
            }
            Place::Partitions(_) => return self.next_partition(session, &instants).await,
        };
        Ok(Some(self.sort(&rows)))
    }

    /// Puts candidates under their fates, and counts what can never go.
    fn sort(&self, rows: &[Vec<Value>]) -> Page {
        let mut page = Page::default();
        page.sightings.blurred = self.unfiltered.is_some();
        let length = self.target.table.key.len();
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
                session.rows(&sqlite::over_full_partitions(self.target, keep, instants)).await?;
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
    Key(row[..target.table.key.len()].to_vec())
}

fn place(target: &Target, row: &[Value]) -> sqlite::Place {
    sqlite::Place { age: row[target.table.key.len() + 1].clone(), key: key(target, row) }
}
