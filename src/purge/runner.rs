//! One target from its first page to its last: rank, count or act.

use std::collections::HashMap;

use super::cap::{Allowance, Oldest, Rank};
use super::judge::{Bench, Verdict};
use super::lane::Lane;
use super::pace::Pace;
use super::ranges::Ranges;
use super::tally::{self, Tally};
use super::throttle::Throttle;
use super::walk::Walk;
use super::watch::{Job, Point};
use super::{End, JUDGED_AT_ONCE};
use crate::database::Session;
use crate::model::{Access, Engine, Key, KeySet, Reason};
use crate::plan::{Fate, PlannedTarget};
use crate::sql::{self, sqlite};

/// How often the next-oldest rows move up for those that could not go.
const CAP_ROUNDS: u32 = 4;
/// A target that has taken this many rows, and this share of its table, is swept instead.
const SWEEP_AFTER: u64 = 10_000;
const SWEEP_SHARE: f64 = 0.05;

/// One target on its way.
pub(super) struct Runner<'a> {
    pub(super) planned: &'a PlannedTarget,
    pub(super) job: &'a Job<'a>,
    pub(super) bench: Bench<'a>,
    pub(super) tally: Tally,
    pub(super) pace: Pace,
    pub(super) throttle: Throttle,
    /// Rows that could not go in this run.
    pub(super) failed: KeySet,
    pub(super) failures: HashMap<Reason, u64>,
    pub(super) allowance: Option<Allowance>,
    pub(super) access: Access,
    pub(super) commits: u64,
    /// Which share of the last candidates went, when they were judged; none was yet.
    pub(super) share_going: Option<f64>,
    /// How whole blocks are taken, where that is possible at all.
    pub(super) lane: Option<Lane>,
    /// Below the cutoffs, in the blocks that were taken last.
    pub(super) rows_in_a_block: f64,
    pub(super) ranges: Ranges,
}

impl<'a> Runner<'a> {
    /// From its first page to its last.
    pub(super) async fn through(&mut self, session: &mut Session) -> Result<End, End> {
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
            let capped = edge.is_some();
            if let Some(edge) = &edge {
                self.tally.overdue_past(edge.next_past);
            }
            let threshold = edge.and_then(|edge| edge.threshold);
            self.allowance = Some(Allowance { rows: left, threshold });
            // An earlier attempt of the same run may have used up the cap.
            if left > 0 {
                self.pass(session).await?;
            }
            if self.tally.gone() >= cap || !capped || self.job.dry_run {
                return Ok(if capped { End::CapReached } else { End::Done });
            }
        }
        Ok(End::CapReached)
    }

    pub(super) fn is_over(&self) -> Result<(), End> {
        if self.job.is_stopped() {
            return Err(End::Stopped);
        }
        if self.job.is_late() {
            return Err(End::DeadlineExceeded);
        }
        Ok(())
    }

    /// Rows are locked, judged and taken in the table that holds them.
    fn turn_to(&mut self, leaf: usize) {
        if let Some(target) = self.planned.leaves.get(leaf) {
            self.bench.target = target;
        }
    }

    /// Looks at all candidates once, for the age of the last that may go. What is held is counted
    /// here, where every row is met.
    async fn rank(
        &mut self,
        oldest: &mut Oldest,
        count: bool,
        session: &mut Session,
    ) -> Result<(), End> {
        let mut walk = Walk::new(self.planned, self.job.clock, &self.access);
        while let Some(page) = walk.next(session).await? {
            self.is_over()?;
            self.turn_to(page.leaf);
            if count {
                self.tally.sighted(page.sightings);
            }
            for (fate, keys) in page.groups {
                for keys in keys.chunks(JUDGED_AT_ONCE) {
                    let rows = self.judge_apart(keys, fate, session).await?;
                    for row in rows.iter().filter(|row| {
                        row.verdict == Verdict::Goes && !self.failed.contains(&row.key)
                    }) {
                        oldest.offer(Rank::of(row), tally::past(row));
                    }
                    if count {
                        self.tally.ranked(&rows);
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
        let youngest = self.allowance.as_ref().and_then(Allowance::youngest);
        let mut walk = Walk::new(planned, self.job.clock, &self.access).up_to(youngest);
        let mut is_first = true;
        loop {
            self.is_over()?;
            if self.takes_blocks() && self.take_blocks(&mut walk, session).await? {
                continue;
            }
            if self.takes_ranges() && self.take_range(&mut walk, session).await? {
                continue;
            }
            let Some(page) = walk.next(session).await? else { break };
            self.is_over()?;
            self.turn_to(page.leaf);
            self.ranges.met(&page);
            // A backlog is seen at once: its rows lie everywhere along an index.
            if std::mem::take(&mut is_first)
                && self.is_on_index()
                && planned.leaves.len() == 1
                && page.sightings.examined as usize >= walk.page()
                && walk.share_due(rows_at_most, session).await? >= SWEEP_SHARE
            {
                walk = self.sweep().up_to(youngest);
                continue;
            }
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
                if self.allowance.as_ref().is_some_and(|allowance| allowance.rows == 0) {
                    return Ok(());
                }
            }
            let gone = self.tally.gone();
            let many = gone >= SWEEP_AFTER && gone as f64 >= rows_at_most as f64 * SWEEP_SHARE;
            if self.is_on_index() && (many || page.crowded) {
                walk = self.sweep().up_to(youngest);
            }
        }
        if self.access == Access::Sweep && self.allowance.is_none() {
            self.tally.swept();
        }
        Ok(())
    }

    /// Whether so many of the last candidates went that looking at them first is not worth a statement.
    pub(super) fn nearly_all_go(&self) -> bool {
        self.share_going.unwrap_or(0.0) > self.job.nearly_all
    }

    pub(super) fn went(&mut self, gone: usize, of: usize) {
        let share = gone as f64 / of.max(1) as f64;
        self.share_going = Some(self.share_going.map_or(share, |before| 0.5 * (before + share)));
    }

    fn is_on_index(&self) -> bool {
        matches!(self.access, Access::AgeIndex | Access::TenantIndex)
    }

    /// Leaves the index, and walks the table from its beginning.
    fn sweep(&mut self) -> Walk<'a> {
        // Rows that are kept will be met again: only what is gone stays counted. Under a cap a look at
        // all candidates has counted them, and nothing is counted twice.
        if self.allowance.is_none() {
            self.tally.begin_again();
        }
        self.access = Access::Sweep;
        self.keep_off_failed_rows();
        self.tally.access_changed();
        Walk::new(self.planned, self.job.clock, &self.access)
    }

    /// A walk that begins anew meets the rows again that could not go. They are known by their keys, and
    /// blocks know none: taken now, one would be told both as failed and as gone.
    pub(super) fn keep_off_failed_rows(&mut self) {
        if self.failed.len() > 0 {
            self.lane = None;
            self.ranges.end();
        }
    }

    async fn rows_at_most(&self, session: &mut Session) -> Result<u64, End> {
        if session.engine() == Engine::Postgres {
            let mut most = 0;
            for leaf in &self.planned.leaves {
                let rows = session.rows(&sql::postgres::rows_at_most(leaf.rows())).await?;
                let rows = rows.first().and_then(|row| row[0].as_integer());
                most += rows.map_or(0, i64::unsigned_abs);
            }
            return Ok(most);
        }
        let rows = session.rows(&sqlite::key_span(&self.planned.target.table)).await?;
        let span = rows
            .first()
            .and_then(|row| Some(row[1].as_integer()?.saturating_sub(row[0].as_integer()?)));
        Ok(span.map_or(0, |span| span.unsigned_abs().saturating_add(1)))
    }

    /// A dry run: the same judgement, and nothing else.
    async fn count(&mut self, keys: &[Key], fate: Fate, session: &mut Session) -> Result<(), End> {
        for keys in keys.chunks(JUDGED_AT_ONCE) {
            self.is_over()?;
            let mut rows = self.judge_apart(keys, fate, session).await?;
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
                    dependents[at] = self.bench.count_dependent(at, &going, fate, session).await?;
                }
            }
            self.committed(&rows, &dependents);
        }
        Ok(())
    }
}
