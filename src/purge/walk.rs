//! Finding rows whose time may be up. It reads without a lock and deletes nothing: every row that
//! it finds is judged again before it goes.

mod blocks;
mod keys;
mod page;
mod partitions;
mod sample;
mod tenants;

use blocks::FIRST_BLOCKS;
use jiff::{SignedDuration, Span, Timestamp};
pub use page::{Page, Sightings};

use crate::database::{Error, ErrorClass, Session};
use crate::model::{Access, Engine, Key, Reading, Target, Value, below, read_age};
use crate::plan::{Cutoffs, Fate, PlannedTarget};
use crate::sql::{self, Instants, Statement};

/// Rows read by one statement. A reader of a file with a rollback journal keeps its writers
/// waiting, so a page is short.
const PAGE: usize = 1_000;
/// Where readers keep nobody waiting.
const PAGE_BY_ROW: usize = 4_000;

/// A cursor that is carried from page to page, so that nothing is walked twice.
pub struct Walk<'a> {
    /// The target, for each table that holds its rows.
    leaves: &'a [Target],
    leaf: usize,
    target: &'a Target,
    cutoffs: &'a Cutoffs,
    due: &'a [Value],
    clock: Timestamp,
    access: Access,
    /// Under a cap, the age of the youngest row that may go.
    youngest: Option<Timestamp>,
    place: Place,
    /// Rows of tenants with unlike cutoffs may be taken by one batch.
    together: bool,
    /// The target without its `where`, once that could not be computed for some row.
    unfiltered: Option<Target>,
}

enum Place {
    Sweep(Option<Key>),
    /// The next block and the end, once it is known; so many blocks are read at once.
    Blocks {
        next: u64,
        end: Option<u64>,
        step: u64,
    },
    AgeIndex {
        below: Value,
        after: Option<sql::Place>,
    },
    TenantIndex {
        tenants: Vec<(Value, Value)>,
        after: Option<sql::Place>,
    },
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
            due: &planned.due,
            clock,
            access: access.clone(),
            youngest: None,
            place: Place::Done,
            together: planned.target.takes_all_cutoffs(),
            unfiltered: None,
        };
        if !planned.leaves.is_empty() {
            walk.place = walk.beginning();
        }
        walk
    }

    /// Passes over what is younger than this: a cap lets none of it go.
    pub fn up_to(mut self, youngest: Option<Timestamp>) -> Self {
        self.youngest = youngest;
        if !self.leaves.is_empty() {
            self.place = self.beginning();
        }
        self
    }

    fn below(&self, cutoff: Timestamp) -> Value {
        // A second more than is needed: an encoding may have no smaller step.
        let next =
            self.youngest.and_then(|youngest| youngest.checked_add(Span::new().seconds(1)).ok());
        let cutoff = next.map_or(cutoff, |next| next.min(cutoff));
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
                let with_cutoff =
                    self.due.iter().rev().filter_map(|tenant| match self.cutoffs.of(tenant) {
                        Fate::Cutoff(cutoff) => Some((tenant.clone(), self.below(cutoff))),
                        Fate::NoWindow | Fate::Each | Fate::Kept => None,
                    });
                Place::TenantIndex { tenants: with_cutoff.collect(), after: None }
            }
        }
    }

    fn instants(&self) -> Instants {
        let encoding = self.target.age.as_ref().map(|age| &age.encoding);
        Instants::bind(self.clock, None, encoding)
    }

    /// So many rows are read at once.
    pub(super) fn page(&self) -> usize {
        match self.target.table.engine {
            Engine::Sqlite => PAGE,
            Engine::Postgres => PAGE_BY_ROW,
        }
    }

    /// The table that the walk is in.
    pub(super) fn target(&self) -> &'a Target {
        self.target
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
        let instants = self.instants();
        let page = self.page();
        let rows = match &mut self.place {
            Place::Done => return Ok(None),
            Place::Sweep(after) => {
                let sweep = |target: &_| sql::sweep(target, &instants, after.as_ref(), page);
                let rows = read(self.target, &mut self.unfiltered, sweep, session).await?;
                self.place = match rows.last() {
                    Some(row) if rows.len() == page => Place::Sweep(Some(key(self.target, row))),
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
                    sql::along_index(target, &instants, None, below, after.as_ref(), page)
                };
                let rows = read(self.target, &mut self.unfiltered, along, session).await?;
                match rows.last() {
                    Some(row) if rows.len() == page => *after = Some(place(self.target, row)),
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
            && rows.len() >= self.page()
            && rows.first().map(tie) == rows.last().map(tie)
    }

    /// Puts candidates under their fates, and counts what can never go.
    pub(super) fn sort(&self, rows: &[Vec<Value>]) -> Page {
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
            let under = if self.together { Fate::Each } else { fate };
            if let Some(rule) = &self.target.age {
                match read_age(age, &rule.encoding) {
                    Reading::Undatable => page.sightings.undatable += 1,
                    Reading::Unreadable => page.sightings.unreadable += 1,
                    Reading::At(instant) => {
                        page.sightings.future += u64::from(is_ahead(instant, self.clock));
                        match fate {
                            Fate::Cutoff(cutoff)
                                if instant < cutoff
                                    && self.youngest.is_none_or(|youngest| instant <= youngest) =>
                            {
                                page.add(under, key(self.target, row));
                            }
                            Fate::Cutoff(_) | Fate::NoWindow | Fate::Each | Fate::Kept => {}
                        }
                    }
                }
            } else if fate != Fate::Kept {
                page.add(under, key(self.target, row));
            }
        }
        page
    }
}

/// Rows that were written since the clock was read, or by a machine whose clock is a little fast, are
/// nothing to tell.
fn is_ahead(instant: Timestamp, clock: Timestamp) -> bool {
    clock.checked_add(SignedDuration::from_mins(5)).is_ok_and(|limit| instant > limit)
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

fn key(target: &Target, row: &[Value]) -> Key {
    Key(row[..target.rows().key.len()].to_vec())
}

fn place(target: &Target, row: &[Value]) -> sql::Place {
    sql::Place { age: row[target.rows().key.len() + 1].clone(), key: key(target, row) }
}
