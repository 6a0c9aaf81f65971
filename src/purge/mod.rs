//! A planned target to counts: find, claim, judge, act, commit, rest; batch by batch.

mod batch;
mod cap;
mod judge;
mod newest;
mod pace;
mod preflight;
mod tally;
mod walk;
mod watch;

use std::collections::HashMap;
use std::time::{Duration, Instant};

pub use preflight::preflight;
pub use watch::{Job, Point, Unwatched, Watch};

use crate::database::{Error, ErrorClass, Session};
use crate::model::{Access, Counts, Failure, Key, KeySet, Reason};
use crate::plan::{Fate, PlannedTarget};
use batch::BatchError;
use cap::{Allowance, Oldest, Rank};
use judge::{Bench, Verdict};
use pace::Pace;
use tally::Tally;
use walk::Walk;

/// Rows judged by one statement where nothing is locked.
const JUDGED_AT_ONCE: usize = 500;
/// So many rows that fail for one reason are no accident: the target is given up.
const MANY_FAILURES: u64 = 20;
/// Keys of several columns are bound value by value, and a statement takes 32,766 values.
const BINDS_AT_ONCE: usize = 30_000;
/// How often a batch is tried that finds somebody in its way.
const TRIES: u32 = 3;
/// The first pause before it is tried again; the next is twice as long.
const BACK_OFF: Duration = Duration::from_millis(25);
/// How often the next-oldest rows move up for those that could not go.
const CAP_ROUNDS: u32 = 4;
/// A target that has taken this many rows, and a twentieth of its table, is swept instead.
const SWEEP_AFTER: u64 = 10_000;

/// How a target ended.
#[derive(Debug, Clone)]
pub enum End {
    Done,
    CapReached,
    DeadlineExceeded,
    Stopped,
    Failed { reason: Reason, message: String },
}

/// Purges one target, or counts what it would purge.
pub async fn purge(planned: &PlannedTarget, job: &Job<'_>, session: &mut Session) -> (Counts, End) {
    let bench = Bench {
        target: &planned.target,
        cutoffs: &planned.cutoffs,
        clock: job.clock,
    };
    let mut runner = Runner {
        planned,
        job,
        bench,
        tally: Tally::new(planned),
        pace: Pace::new(job.duty_cycle_percent, job.batch_rows),
        failed: KeySet::default(),
        failures: HashMap::new(),
        allowance: None,
        access: planned.target.access.clone(),
        commits: 0,
    };
    let end = match runner.run(session).await {
        Ok(end) | Err(end) => end,
    };
    (runner.tally.finish(&end), end)
}

struct Runner<'a> {
    planned: &'a PlannedTarget,
    job: &'a Job<'a>,
    bench: Bench<'a>,
    tally: Tally,
    pace: Pace,
    /// Rows that could not go in this run.
    failed: KeySet,
    failures: HashMap<Reason, u64>,
    allowance: Option<Allowance>,
    access: Access,
    commits: u64,
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Failed {
            reason: error.reason(),
            message: error.to_string(),
        }
    }
}

impl Runner<'_> {
    async fn run(&mut self, session: &mut Session) -> Result<End, End> {
        // A dry run counts what can never go, which only a sweep meets.
        if self.job.dry_run && self.access != Access::Partitions {
            self.access = Access::Sweep;
        }
        let Some(cap) = self.planned.cap else {
            self.pass(session).await?;
            return Ok(End::Done);
        };
        for round in 0..CAP_ROUNDS {
            let left = cap - self.tally.gone();
            let mut oldest = Oldest::new(left);
            self.rank(&mut oldest, round == 0, session).await?;
            let edge = oldest.edge();
            let (threshold, next_past) = match edge {
                Some(edge) => (Some(edge.threshold), edge.next_past),
                None => (None, None),
            };
            let capped = threshold.is_some();
            self.tally.overdue_past(next_past);
            self.allowance = Some(Allowance {
                rows: left,
                threshold,
            });
            self.pass(session).await?;
            if self.tally.gone() >= cap || !capped || self.job.dry_run {
                return Ok(if capped { End::CapReached } else { End::Done });
            }
        }
        Ok(End::CapReached)
    }

    fn is_over(&self) -> Result<(), End> {
        if self.job.is_stopped() {
            return Err(End::Stopped);
        }
        if self.job.is_late() {
            return Err(End::DeadlineExceeded);
        }
        Ok(())
    }

    /// Looks at all candidates once, for the age of the last that may go. What is held is counted
    /// here, where every row is met.
    async fn rank(
        &mut self,
        oldest: &mut Oldest,
        count: bool,
        session: &mut Session,
    ) -> Result<(), End> {
        let bench = self.bench;
        let mut walk = Walk::new(
            bench.target,
            bench.cutoffs,
            &self.planned.tenants,
            self.job.clock,
            &self.access,
        );
        while let Some(page) = walk.next(session).await? {
            self.is_over()?;
            if count {
                self.tally.sighted(page.sightings);
            }
            for (fate, keys) in page.groups {
                for keys in keys.chunks(JUDGED_AT_ONCE) {
                    let rows = bench.judge(keys, fate, session).await?;
                    for row in rows.iter().filter(|row| {
                        row.verdict == Verdict::Goes && !self.failed.contains(&row.key)
                    }) {
                        oldest.offer(Rank::of(row), tally::past(row, fate));
                    }
                    if count {
                        self.tally.planned(&rows, fate);
                    }
                }
            }
        }
        if self.access == Access::Sweep {
            self.tally.swept();
        }
        Ok(())
    }

    /// One walk over the candidates, counting or acting.
    async fn pass(&mut self, session: &mut Session) -> Result<(), End> {
        let planned = self.planned;
        let rows_at_most = self.rows_at_most(session).await?;
        let mut walk = Walk::new(
            &planned.target,
            &planned.cutoffs,
            &planned.tenants,
            self.job.clock,
            &self.access,
        );
        while let Some(page) = walk.next(session).await? {
            if self.allowance.is_none() {
                self.tally.sighted(page.sightings);
            }
            self.job.watch.reached(Point::Found);
            for (fate, keys) in page.groups {
                if self.job.dry_run {
                    self.count(&keys, fate, session).await?;
                } else {
                    self.act(&keys, fate, session).await?;
                }
                if self
                    .allowance
                    .as_ref()
                    .is_some_and(|allowance| allowance.rows == 0)
                {
                    return Ok(());
                }
            }
            self.is_over()?;
            let gone = self.tally.gone();
            let on_index = matches!(self.access, Access::AgeIndex | Access::TenantIndex);
            if on_index && gone >= SWEEP_AFTER && gone * 20 >= rows_at_most {
                // Rows that are kept will be met again: only what is gone stays counted. Under a
                // cap a look at all candidates has counted them, and nothing is counted twice.
                if self.allowance.is_none() {
                    self.tally.begin_again();
                }
                self.access = Access::Sweep;
                self.tally.access_changed();
                walk = Walk::new(
                    &planned.target,
                    &planned.cutoffs,
                    &planned.tenants,
                    self.job.clock,
                    &self.access,
                );
            }
        }
        if self.access == Access::Sweep && self.allowance.is_none() {
            self.tally.swept();
        }
        Ok(())
    }

    async fn rows_at_most(&self, session: &mut Session) -> Result<u64, End> {
        let rows = session
            .rows(&crate::sql::sqlite::key_span(&self.planned.target.table))
            .await?;
        let span = rows
            .first()
            .and_then(|row| Some(row[1].as_integer()?.saturating_sub(row[0].as_integer()?)));
        Ok(span.map_or(0, |span| span.unsigned_abs().saturating_add(1)))
    }

    /// A dry run: the same judgement, and nothing else.
    async fn count(&mut self, keys: &[Key], fate: Fate, session: &mut Session) -> Result<(), End> {
        for keys in keys.chunks(JUDGED_AT_ONCE) {
            self.is_over()?;
            let mut rows = self.bench.judge(keys, fate, session).await?;
            if let Some(allowance) = &self.allowance {
                allowance.apply(&mut rows);
            }
            let going: Vec<Key> = rows
                .iter()
                .filter(|row| row.verdict == Verdict::Goes)
                .map(|row| row.key.clone())
                .collect();
            let mut dependents = vec![0; self.bench.target.dependents.len()];
            if !going.is_empty() {
                for at in self.bench.target.order.iter().copied() {
                    dependents[at] = self
                        .bench
                        .count_dependent(at, &going, fate, session)
                        .await?;
                }
            }
            self.committed(&rows, &dependents, fate);
        }
        Ok(())
    }

    /// Batch after batch, each in a transaction of its own, with a rest after each.
    async fn act(&mut self, keys: &[Key], fate: Fate, session: &mut Session) -> Result<(), End> {
        let mut rest = keys;
        while !rest.is_empty() {
            self.is_over()?;
            let most = BINDS_AT_ONCE / self.bench.target.table.key.len().max(1);
            let (now, later) = rest.split_at(self.pace.rows().min(most.max(1)).min(rest.len()));
            rest = later;
            self.isolate(now, fate, session).await?;
            if self
                .allowance
                .as_ref()
                .is_some_and(|allowance| allowance.rows == 0)
            {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes a batch through; one that fails for a row's sake is halved until the row is alone.
    async fn isolate(
        &mut self,
        keys: &[Key],
        fate: Fate,
        session: &mut Session,
    ) -> Result<(), End> {
        let gone_before = self.tally.gone();
        let mut work: Vec<&[Key]> = vec![keys];
        let mut tries = 0;
        while let Some(keys) = work.pop() {
            let keys_left: Vec<Key> = keys
                .iter()
                .filter(|key| !self.failed.contains(key))
                .cloned()
                .collect();
            if keys_left.is_empty() {
                continue;
            }
            match batch::run(
                &self.bench,
                &keys_left,
                fate,
                self.allowance.as_ref(),
                self.job.watch,
                session,
            )
            .await
            {
                Ok(committed) => {
                    tries = 0;
                    self.committed(&committed.rows, &committed.dependents, fate);
                    self.rest(keys_left.len(), committed.took, session).await;
                }
                Err(BatchError::Database(error)) if error.class == ErrorClass::Busy => {
                    // The whole batch again: never a single statement of it.
                    self.pace.hindered();
                    tries += 1;
                    if tries >= TRIES {
                        return Err(error.into());
                    }
                    tokio::time::sleep(BACK_OFF * 2_u32.pow(tries)).await;
                    work.push(keys);
                }
                Err(BatchError::Database(error))
                    if error.class == ErrorClass::Timeout && keys.len() > 1 =>
                {
                    self.pace.hindered();
                    let (one, other) = keys.split_at(keys.len() / 2);
                    work.extend([other, one]);
                }
                Err(BatchError::Database(error)) if error.class != ErrorClass::Constraint => {
                    return Err(error.into());
                }
                Err(error) if keys.len() == 1 => {
                    self.give_up(&keys[0], &error, fate, session).await?;
                }
                Err(_) => {
                    let (one, other) = keys.split_at(keys.len() / 2);
                    work.extend([other, one]);
                }
            }
        }
        let all_failed =
            self.commits == 0 && self.failed.len() > 1 && self.tally.gone() == gone_before;
        if all_failed {
            return Err(self.too_many("every row of the first batch failed"));
        }
        self.commits += 1;
        Ok(())
    }

    async fn give_up(
        &mut self,
        key: &Key,
        error: &BatchError,
        fate: Fate,
        session: &mut Session,
    ) -> Result<(), End> {
        self.failed.insert(key);
        let rows = self
            .bench
            .judge(std::slice::from_ref(key), fate, session)
            .await?;
        self.tally.failed(
            &rows,
            fate,
            Failure {
                key: key.hash(),
                reason: error.reason(),
                message: error.to_string(),
            },
        );
        let count = self.failures.entry(error.reason()).or_default();
        *count += 1;
        if *count >= MANY_FAILURES {
            let what = format!(
                "{MANY_FAILURES} rows failed for one reason, {}",
                error.reason()
            );
            return Err(self.too_many(&what));
        }
        Ok(())
    }

    fn too_many(&self, what: &str) -> End {
        let last = self.tally.last_failure().unwrap_or_default();
        End::Failed {
            reason: Reason::TooManyFailures,
            message: format!("{what}: {last}"),
        }
    }

    fn committed(&mut self, rows: &[judge::JudgedRow], dependents: &[u64], fate: Fate) {
        let going = self
            .tally
            .committed(rows, dependents, fate, self.allowance.is_some());
        if let Some(allowance) = &mut self.allowance {
            allowance.rows = allowance.rows.saturating_sub(going);
        }
        self.job
            .watch
            .gone(&self.planned.target.name, self.tally.gone());
    }

    /// Outside of any transaction, so that the application goes first.
    async fn rest(&mut self, rows: usize, took: Duration, session: &mut Session) {
        let rest = self.pace.batch(rows, took);
        self.tally.batch(took, rest);
        if self.tally.batches().is_multiple_of(64) {
            session.checkpoint().await;
        }
        let started = Instant::now();
        while started.elapsed() < rest && !self.job.is_stopped() && !self.job.is_late() {
            let left = rest.saturating_sub(started.elapsed());
            tokio::time::sleep(left.min(Duration::from_millis(200))).await;
        }
    }
}
