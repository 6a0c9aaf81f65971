//! Whole blocks of a table in one transaction: where nearly every row below the cutoffs goes, rows
//! are locked, judged and deleted where they lie, and only counts come here.
//!
//! What it does not do in one go it leaves to the batches that know each row: a row that somebody
//! has locked, one that something points at, one that fails. Then the transaction is rolled back
//! whole, and its blocks are walked again.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::End;
use super::batch::{self, BatchError};
use super::judge::{Bench, Verdict};
use super::lane::Lane;
use super::runner::Runner;
use super::tally::Taken;
use super::walk::Walk;
use super::watch::{Job, Point};
use crate::database::{Error, ErrorClass, Session};
use crate::model::{Access, Target, Value};
use crate::plan::Fate;
use crate::sql::postgres;

/// How many rows are taken to lie in a block before any was read: nearly as many as can.
pub(super) const DENSE: f64 = 250.0;
/// Read by one statement.
const MOST_BLOCKS: u64 = 256;

/// Rows of one tenant and one verdict.
struct Group {
    tenant: Value,
    verdict: Verdict,
    rows: u64,
    /// Their addresses, as the database writes an array of them.
    places: String,
}

/// What became of the blocks' rows.
struct Outcome {
    /// Rows that can never go, with the columns of a walk.
    odd: Vec<Vec<Value>>,
    taken: Vec<Taken>,
    dependents: Vec<u64>,
    locked: u64,
    gone: u64,
    took: Duration,
}

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
        match take(&bench, lane, blocks.clone(), most, self.job, session).await {
            Ok(outcome) => {
                self.tally.sighted(walk.sort(&outcome.odd).sightings);
                self.tally.examined(outcome.locked);
                self.tally.taken(&outcome.taken, &outcome.dependents);
                self.told();
                let seen = outcome.locked as f64;
                self.rows_in_a_block = (seen / (blocks.end - blocks.start) as f64).max(0.01);
                if outcome.locked > 0 {
                    self.went(outcome.gone as usize, outcome.locked as usize);
                    self.commits += 1;
                }
                // Blocks without a candidate say nothing about batches.
                if outcome.locked > 0 {
                    self.rest(outcome.locked as usize, outcome.took, session).await;
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
                walk.back_to(blocks.start);
                self.share_going = Some(0.0);
                Ok(false)
            }
        }
    }
}

/// One transaction. If we die anywhere before the commit, the database forgets all of it.
async fn take(
    bench: &Bench<'_>,
    lane: &Lane,
    blocks: Range<u64>,
    most: usize,
    job: &Job<'_>,
    session: &mut Session,
) -> Result<Outcome, BatchError> {
    job.watch.reached(Point::Found);
    session.begin(&bench.target.written()).await?;
    let started = Instant::now();
    match within(bench, lane, blocks, most, job, session).await {
        Ok(outcome) => {
            job.watch.reached(Point::Committed);
            Ok(Outcome { took: started.elapsed(), ..outcome })
        }
        Err(error) => {
            session.rollback().await;
            Err(error)
        }
    }
}

async fn within(
    bench: &Bench<'_>,
    lane: &Lane,
    blocks: Range<u64>,
    most: usize,
    job: &Job<'_>,
    session: &mut Session,
) -> Result<Outcome, BatchError> {
    let (target, instants) = (bench.target, bench.instants(Fate::Each));
    let earliest = Some(&lane.earliest);
    let odd = postgres::sweep_blocks(target, &instants, blocks.clone(), earliest);
    let odd = session.rows(&odd).await?;
    let Lane { bound, earliest, spared, .. } = lane;
    let claim =
        postgres::claim_blocks(target, &instants, blocks, bound, earliest, spared, most + 1);
    let claimed = session.rows(&claim).await?;
    job.watch.reached(Point::Locked);
    let mut locked = 0;
    let mut groups = Vec::new();
    // Addresses of those that the row itself lets go, by their cutoffs.
    let mut due: BTreeMap<usize, String> = BTreeMap::new();
    for row in claimed {
        let [tenant, reached, verdict, rows, places] = row.try_into().map_err(misread)?;
        let rows = count(&rows)?;
        locked += rows;
        let Value::Text(places) = places else { return Err(misread(places).into()) };
        let Fate::Cutoff(cutoff) = bench.cutoffs.of(&tenant) else { continue };
        let own = lane.cutoffs.partition_point(|other| *other < cutoff);
        // A row that has not reached its own cutoff is strictly older.
        if count(&reached)? > own as u64 {
            continue;
        }
        if postgres::is_judged_alone(target) {
            let verdict = read_verdict(target, number(&verdict)?)?;
            groups.push(Group { tenant, verdict, rows, places });
        } else {
            join(due.entry(own).or_default(), &places);
        }
    }
    if locked > most as u64 {
        return Err(BatchError::TooMany);
    }
    if !due.is_empty() {
        let due: Vec<(String, Value)> =
            due.into_iter().map(|(at, places)| (closed(&places), lane.bound[at].clone())).collect();
        // A second statement, with a snapshot of its own: it sees what was committed before the
        // locks were had, in other tables too.
        let own = postgres::by_row(target);
        for row in session.rows(&postgres::judge_locked(&own, &instants, &due)).await? {
            let [tenant, verdict, rows, places] = row.try_into().map_err(misread)?;
            let Value::Text(places) = places else { return Err(misread(places).into()) };
            let verdict = read_verdict(target, number(&verdict)?)?;
            groups.push(Group { tenant, verdict, rows: count(&rows)?, places });
        }
    }
    if groups.iter().any(|group| group.verdict == Verdict::Referenced) {
        return Err(apart("something points at a row"));
    }
    job.watch.reached(Point::Judged);
    let going = groups.iter().filter(|group| group.verdict == Verdict::Goes);
    let gone = going.clone().map(|group| group.rows).sum();
    let mut places = String::new();
    for group in going {
        join(&mut places, &group.places);
    }
    let mut dependents = vec![0; target.dependents.len()];
    if gone > 0 {
        if lane.sets_off {
            session.act().await?;
        }
        let delete = postgres::delete_at(target, &closed(&places));
        dependents = batch::delete_counted(target, &delete, gone, session).await?;
    }
    job.watch.reached(Point::Acted);
    job.commit(gone, session).await?;
    let taken = groups.into_iter().map(|Group { tenant, verdict, rows, .. }| Taken {
        tenant,
        verdict,
        rows,
    });
    Ok(Outcome { odd, taken: taken.collect(), dependents, locked, gone, took: Duration::ZERO })
}

/// Appends one array's elements to those of others.
fn join(all: &mut String, places: &str) {
    if !all.is_empty() {
        all.push(',');
    }
    all.push_str(places.trim_start_matches('{').trim_end_matches('}'));
}

fn closed(places: &str) -> String {
    format!("{{{}}}", places.trim_start_matches('{').trim_end_matches('}'))
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
