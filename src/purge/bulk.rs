//! Whole blocks of a table in one transaction: where nearly every row below the cutoffs goes, rows
//! are judged and deleted where they lie, and only counts come here.
//!
//! What it does not do in one go it leaves to the batches that know each row: a row that somebody
//! has locked, one that something points at, one that fails. Then the transaction is rolled back
//! whole, and its blocks are walked again.

mod at_once;
mod locked;

use std::ops::Range;
use std::time::{Duration, Instant};

use super::End;
use super::batch::{BatchError, ROW_WAIT};
use super::judge::{Bench, Verdict};
use super::lane::Lane;
use super::runner::Runner;
use super::tally::Taken;
use super::walk::Walk;
use super::watch::{Job, Point};
use crate::database::{Error, ErrorClass, Session};
use crate::model::{Access, Table, Target, Value};
use crate::plan::Fate;
use crate::sql::Instants;
use crate::sql::postgres::{self, Blocks};

/// How many rows are taken to lie in a block before any was read: nearly as many as can.
pub(super) const DENSE: f64 = 250.0;
/// Read by one statement.
const MOST_BLOCKS: u64 = 256;

/// What is taken of some blocks, and by what.
struct Taking<'a> {
    bench: &'a Bench<'a>,
    lane: &'a Lane,
    blocks: Range<u64>,
    /// With more rows than this nothing goes.
    most: usize,
    job: &'a Job<'a>,
}

/// What became of the blocks' rows.
struct Outcome {
    taken: Vec<Taken>,
    dependents: Vec<u64>,
    /// Below their cutoffs.
    due: u64,
    gone: u64,
}

/// Rows that can never go, with the columns of a walk; what became of the others, in which time.
type Finished = (Vec<Vec<Value>>, Outcome, Duration);

impl Runner<'_> {
    /// Whether whole blocks are worth trying now.
    pub(super) fn takes_blocks(&self) -> bool {
        self.lane.is_some()
            && self.access == Access::Sweep
            && !self.job.dry_run
            && self.allowance.is_none()
            && self.nearly_all_go()
    }

    /// Takes the next blocks of the walk. `false`: there are none, or not in this way.
    pub(super) async fn take_blocks(
        &mut self,
        walk: &mut Walk<'_>,
        session: &mut Session,
    ) -> Result<bool, End> {
        self.gate(session).await?;
        let Some(lane) = &self.lane else { return Ok(false) };
        let blocks = (self.pace.rows() as f64 / self.rows_in_a_block).ceil() as u64;
        let Some(blocks) = walk.next_range(blocks.clamp(1, MOST_BLOCKS), session).await? else {
            return Ok(false);
        };
        let most = self.pace.rows() * 2;
        let target = walk.target();
        let bench = Bench { target, ..self.bench };
        let taking = Taking { bench: &bench, lane, blocks: blocks.clone(), most, job: self.job };
        match taking.through(session).await {
            Ok((odd, outcome, took)) => {
                self.tally.sighted(walk.sort(&odd).sightings);
                self.tally.examined(outcome.due);
                self.tally.taken(&outcome.taken, &outcome.dependents);
                self.told();
                let due = outcome.due as f64;
                self.rows_in_a_block = (due / (blocks.end - blocks.start) as f64).max(0.01);
                // Blocks without a candidate say nothing about batches.
                if outcome.due > 0 {
                    self.went(outcome.gone as usize, outcome.due as usize);
                    self.commits += 1;
                    self.rest(outcome.due as usize, took, session).await;
                }
                Ok(true)
            }
            Err(BatchError::Database(error))
                if error.is_of_the_server() || error.class == ErrorClass::SchemaChanged =>
            {
                Err(error.into())
            }
            // Rows lie closer here than where the last ones lay.
            Err(BatchError::TooMany) if blocks.end - blocks.start > 1 => {
                let dense = most as f64 / (blocks.end - blocks.start) as f64;
                self.rows_in_a_block = dense.max(self.rows_in_a_block) * 2.0;
                walk.back_to(blocks.start);
                Ok(true)
            }
            Err(error) => {
                tracing::debug!("blocks {blocks:?} are walked row by row: {error}");
                if matches!(&error, BatchError::Database(error) if error.class == ErrorClass::Timeout)
                {
                    self.pace.hindered();
                }
                walk.back_to(blocks.start);
                self.share_going = Some(0.0);
                Ok(false)
            }
        }
    }
}

impl Taking<'_> {
    /// One transaction. If we die anywhere before the commit, the database forgets all of it.
    async fn through(&self, session: &mut Session) -> Result<Finished, BatchError> {
        self.job.watch.reached(Point::Found);
        let row_wait = if self.lane.at_once { at_once::ROW_WAIT } else { ROW_WAIT };
        session.begin(&self.bench.target.written(), row_wait).await?;
        let started = Instant::now();
        match self.within(session).await {
            Ok((odd, outcome)) => {
                self.job.watch.reached(Point::Committed);
                Ok((odd, outcome, started.elapsed()))
            }
            Err(error) => {
                session.rollback().await;
                Err(error)
            }
        }
    }

    async fn within(
        &self,
        session: &mut Session,
    ) -> Result<(Vec<Vec<Value>>, Outcome), BatchError> {
        let instants = self.bench.instants(Fate::Each);
        let (odd, outcome) = if self.lane.at_once {
            self.at_once(&instants, session).await?
        } else {
            let odd = self.odd(&instants, session).await?;
            (odd, self.locked(&instants, session).await?)
        };
        self.job.watch.reached(Point::Acted);
        self.job.commit(outcome.gone, session).await?;
        Ok((odd, outcome))
    }

    /// Rows that can never go.
    async fn odd(
        &self,
        instants: &Instants,
        session: &mut Session,
    ) -> Result<Vec<Vec<Value>>, Error> {
        let Blocks { range, earliest, .. } = self.blocks();
        let sweep = postgres::sweep_blocks(self.bench.target, instants, range, Some(earliest));
        session.rows(&sweep).await
    }

    fn blocks(&self) -> Blocks<'_> {
        let Lane { due, earliest, .. } = self.lane;
        Blocks { range: self.blocks.clone(), due, earliest }
    }

    fn dependent_tables(&self) -> Vec<&Table> {
        self.bench.target.dependents.iter().map(|dependent| &dependent.table).collect()
    }
}

/// What a statement that deletes gives.
#[derive(Default)]
struct Answer {
    by_tenant: Vec<Group>,
    in_all: Vec<Group>,
    /// Whether there are rows that can never go.
    has_odd: bool,
    /// What had gone of the dependents before.
    before: Vec<u64>,
}

struct Group {
    tenant: Value,
    rows: u64,
    youngest: Value,
    verdict: Verdict,
}

impl From<Group> for Taken {
    fn from(Group { tenant, verdict, rows, .. }: Group) -> Self {
        Self { tenant, verdict, rows }
    }
}

impl Answer {
    fn of(target: &Target, rows: Vec<Vec<Value>>) -> Result<Self, Error> {
        let mut answer = Self::default();
        for row in rows {
            let [is_of_tenant, tenant, rows, youngest, verdict, before @ ..] = &row[..] else {
                return Err(misread(row));
            };
            let verdict = match verdict {
                Value::Null => Verdict::Goes,
                Value::Integer(postgres::NEVER_GOES) => {
                    answer.has_odd = true;
                    continue;
                }
                verdict => read_verdict(target, number(verdict)?)?,
            };
            let (tenant, rows, youngest) = (tenant.clone(), count(rows)?, youngest.clone());
            let group = Group { tenant, rows, youngest, verdict };
            if is_of_tenant.is_true() {
                answer.by_tenant.push(group);
            } else {
                answer.in_all.push(group);
                answer.before = before.iter().map(count).collect::<Result<_, _>>()?;
            }
        }
        Ok(answer)
    }
}

fn read_verdict(target: &Target, verdict: i64) -> Result<Verdict, Error> {
    match verdict {
        postgres::NOT_SELECTED => Ok(Verdict::NotSelected),
        postgres::GOES => Ok(Verdict::Goes),
        beyond => match usize::try_from(beyond - 1) {
            Ok(at) if at < target.exemptions.len() => Ok(Verdict::Held(at)),
            Ok(at) if at == target.exemptions.len() => Ok(Verdict::Referenced),
            _ => Err(misread(beyond)),
        },
    }
}

fn going(taken: &[Taken]) -> u64 {
    let going = taken.iter().filter(|taken| taken.verdict == Verdict::Goes);
    going.map(|taken| taken.rows).sum()
}

fn number(value: &Value) -> Result<i64, Error> {
    value.as_integer().ok_or_else(|| misread(value))
}

fn count(value: &Value) -> Result<u64, Error> {
    Ok(number(value)?.unsigned_abs())
}

/// An answer of another shape than was asked for: nothing goes by it, and it is not shown.
fn misread<T>(_: T) -> Error {
    let message = "an answer has another shape than was asked for".to_owned();
    Error { class: ErrorClass::Invalid, message }
}

fn apart(why: &str) -> BatchError {
    BatchError::Database(Error { class: ErrorClass::Busy, message: why.to_owned() })
}
