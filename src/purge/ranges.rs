//! Whole stretches of a SQLite table in one transaction: rows are judged as they are met under the
//! writer's lock, and what hangs on them goes with them by the table's own foreign keys.
//!
//! What it does not do in one go it leaves to the batches that know what each statement did: a row that
//! fails, a table whose rows SQLite does not count. Then the transaction is rolled back whole, and the
//! stretch is walked again.

use std::time::{Duration, Instant};

use super::End;
use super::batch::ROW_WAIT;
use super::judge::{Bench, JudgedRow, Locked, Verdict};
use super::runner::Runner;
use super::walk::{Page, Walk};
use super::watch::{Job, Point};
use crate::database::{Error, ErrorClass, Session};
use crate::model::{Access, Action, Engine, Key, Value};
use crate::plan::{Fate, PlannedTarget};
use crate::sql;

/// From so much smaller a share of rows that go on, stretches are worth it, than blocks that look at
/// rows first: who stays costs no more than to be read.
const EARLIER: f64 = 0.65;
/// Rows that are read by one statement under the lock.
const MOST: f64 = 4_000.0;
/// So many stretches that had to be walked again are enough.
const MOST_LEFT: u32 = 3;

/// How a target is taken by stretches.
#[derive(Debug)]
pub(super) struct Ranges {
    serves: bool,
    /// Which share of the rows that were met last go; none were yet.
    share: Option<f64>,
    left: u32,
}

impl Ranges {
    pub(super) fn of(planned: &PlannedTarget, session: &Session) -> Self {
        let target = &planned.target;
        let follows = match session {
            Session::Sqlite(session) => session.enforces,
            Session::Postgres(_) => false,
        };
        let serves = target.table.engine == Engine::Sqlite
            && matches!(target.action, Action::Delete)
            && target.age.is_some()
            && target.keep_newest.is_none()
            && target.takes_all_cutoffs()
            && planned.cap.is_none()
            // What a trigger does is not ours to count.
            && target.table.delete_triggers.is_empty()
            && planned.notes.set_null.is_empty()
            && (target.dependents.is_empty() || follows && sql::may_cascade(target));
        Self { serves, share: None, left: 0 }
    }

    /// A page of rows was met.
    pub(super) fn met(&mut self, page: &Page) {
        self.share = Some(page.candidates() as f64 / page.sightings.examined.max(1) as f64);
    }

    /// Rows are known one by one from here on.
    pub(super) fn end(&mut self) {
        self.serves = false;
    }
}

/// Why a stretch was not taken. Whatever it is, the transaction was rolled back whole.
#[derive(Debug, thiserror::Error)]
enum Left {
    #[error("{0}")]
    Failed(#[from] Error),
    #[error("something else went than was judged")]
    Unlike,
}

impl Left {
    fn is_of(&self, class: ErrorClass) -> bool {
        matches!(self, Self::Failed(error) if error.class == class)
    }
}

/// What is taken of a stretch, and by what.
struct Taking<'a> {
    bench: &'a Bench<'a>,
    after: Option<Key>,
    /// So many rows are read at most, and so many go.
    most: usize,
    going: usize,
    job: &'a Job<'a>,
}

/// What became of a stretch.
struct Outcome {
    /// All of its rows, with the columns of a judgement.
    met: Vec<Vec<Value>>,
    judged: Vec<JudgedRow>,
    gone: usize,
    dependents: Vec<u64>,
    took: Duration,
}

impl Runner<'_> {
    /// Whether a stretch is worth trying now.
    pub(super) fn takes_ranges(&self) -> bool {
        self.ranges.serves
            && self.access == Access::Sweep
            && !self.job.dry_run
            && self.ranges.share.unwrap_or(0.0) > self.job.nearly_all - EARLIER
    }

    /// Takes the next stretch of the walk. `false`: there is none, or not in this way.
    pub(super) async fn take_range(
        &mut self,
        walk: &mut Walk<'_>,
        session: &mut Session,
    ) -> Result<bool, End> {
        self.gate(session).await?;
        let Some(after) = walk.after() else { return Ok(false) };
        let share = self.ranges.share.unwrap_or(1.0).max(0.01);
        let most = (self.pace.rows() as f64 / share).ceil().clamp(1.0, MOST) as usize;
        let going = self.pace.rows();
        let taking = Taking { bench: &self.bench, after, most, going, job: self.job };
        match taking.through(session).await {
            Ok(outcome) => {
                let page = walk.sort(&outcome.met);
                walk.pass_over(&outcome.met);
                self.tally.sighted(page.sightings);
                self.ranges.met(&page);
                self.committed(&outcome.judged, &outcome.dependents);
                if outcome.gone > 0 {
                    self.commits += 1;
                    self.rest(outcome.gone, outcome.took, session).await;
                }
                Ok(true)
            }
            Err(Left::Failed(error))
                if error.is_of_the_server() || error.class == ErrorClass::SchemaChanged =>
            {
                Err(error.into())
            }
            Err(why) => {
                tracing::debug!("rows after {:?} are walked one by one: {why}", taking.after);
                if why.is_of(ErrorClass::Timeout) {
                    self.pace.hindered();
                }
                // Somebody who is in the way for a while is no reason to give up.
                self.ranges.left += u32::from(!why.is_of(ErrorClass::Busy));
                if self.ranges.left >= MOST_LEFT {
                    self.ranges.end();
                }
                Ok(false)
            }
        }
    }
}

impl Taking<'_> {
    /// One transaction. If we die anywhere before the commit, the database forgets all of it.
    async fn through(&self, session: &mut Session) -> Result<Outcome, Left> {
        let Self { bench, job, .. } = self;
        job.watch.reached(Point::Found);
        session.begin(&bench.target.written(), ROW_WAIT).await?;
        let started = Instant::now();
        match self.within(session).await {
            Ok(outcome) => {
                job.watch.reached(Point::Committed);
                Ok(Outcome { took: started.elapsed(), ..outcome })
            }
            Err(left) => {
                session.rollback().await;
                Err(left)
            }
        }
    }

    async fn within(&self, session: &mut Session) -> Result<Outcome, Left> {
        let Self { bench, after, most, going, job } = self;
        let (target, instants) = (bench.target, bench.instants(Fate::Each));
        job.watch.reached(Point::Locked);
        let mut met =
            session.rows(&sql::sqlite::range(target, &instants, after.as_ref(), *most)).await?;
        let mut judged = bench.judge_locked(Locked::Rows(met.clone()), Fate::Each, session).await?;
        // Where rows that go lie closer than before, the batch is none the larger.
        let goes = |row: &&JudgedRow| row.verdict == Verdict::Goes;
        let last = judged.iter().enumerate().filter(|(_, row)| goes(row)).nth(*going);
        if let Some(end) = last.map(|(at, _)| at) {
            judged.truncate(end);
            met.truncate(end);
        }
        job.watch.reached(Point::Judged);
        let keys: Vec<Key> = judged.iter().filter(goes).map(|row| row.key.clone()).collect();
        let mut dependents = vec![0; target.dependents.len()];
        if !keys.is_empty() {
            let gone = session.delete_counted(&sql::act(target, &instants, &keys)).await?;
            let Some(mut gone) = gone else { return Err(Left::Unlike) };
            for (dependent, rows) in target.dependents.iter().zip(&mut dependents) {
                *rows = gone.remove(&dependent.table.name.name).unwrap_or(0);
            }
            let roots = gone.remove(&target.table.name.name).unwrap_or(0);
            if roots != keys.len() as u64 || !gone.is_empty() {
                return Err(Left::Unlike);
            }
        }
        job.watch.reached(Point::Acted);
        job.commit(keys.len() as u64, session).await?;
        Ok(Outcome { met, judged, gone: keys.len(), dependents, took: Duration::ZERO })
    }
}
