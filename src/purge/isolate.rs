//! Batches that act: tried again when somebody is in the way, halved when a row is at fault.

use std::borrow::Cow;
use std::time::Duration;

use super::End;
use super::batch::{self, BatchError};
use super::judge::{JudgedRow, Verdict};
use super::runner::Runner;
use crate::database::{Error, ErrorClass, Session};
use crate::model::{Cause, Engine, Failure, Key, Reason};
use crate::plan::Fate;

/// So many rows that fail for one reason are no accident: the target is given up.
const MANY_FAILURES: u64 = 20;
/// Keys of several columns are bound value by value, and a statement takes 32,766 values.
const BINDS_AT_ONCE: usize = 30_000;
/// How often a batch is tried that finds somebody in its way.
const TRIES: u32 = 3;
/// Doubled before each pause: the first is twice this, the next four times.
const BACK_OFF: Duration = Duration::from_millis(25);

impl Runner<'_> {
    /// Batch after batch, each in a transaction of its own, with a rest after each.
    pub(super) async fn act(
        &mut self,
        keys: &[Key],
        fate: Fate,
        session: &mut Session,
    ) -> Result<(), End> {
        let mut rest = keys;
        while !rest.is_empty() {
            self.is_over()?;
            let most = BINDS_AT_ONCE / self.bench.target.table.key.len().max(1);
            let (now, later) = rest.split_at(self.pace.rows().min(most.max(1)).min(rest.len()));
            rest = later;
            let going = self.look_first(now, fate, session).await?;
            if !going.is_empty() {
                self.isolate(&going, fate, session).await?;
            }
            if self.allowance.as_ref().is_some_and(|allowance| allowance.rows == 0) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Locking a row that is held writes to it, and holds up its writers, run after run: unless
    /// nearly all candidates go, they are judged first without a lock, and those that stay are
    /// counted and left alone. Those that go are judged again under the lock.
    async fn look_first<'k>(
        &mut self,
        keys: &'k [Key],
        fate: Fate,
        session: &mut Session,
    ) -> Result<Cow<'k, [Key]>, End> {
        let target = self.bench.target;
        let decided = target.exemptions.is_empty()
            && target.referenced.is_empty()
            && target.keep_newest.is_none()
            && self.allowance.is_none();
        if session.engine() == Engine::Sqlite || decided || self.nearly_all_go() {
            return Ok(Cow::Borrowed(keys));
        }
        let mut rows = self.judge_apart(keys, fate, session).await?;
        if let Some(allowance) = &self.allowance {
            allowance.apply(&mut rows);
        }
        let (going, staying): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|row| row.verdict == Verdict::Goes);
        self.tally.committed(&staying, &[], self.allowance.is_some());
        self.went(going.len(), keys.len());
        Ok(Cow::Owned(going.into_iter().map(|row| row.key).collect()))
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
            let keys_left: Vec<Key> =
                keys.iter().filter(|key| !self.failed.contains(key)).cloned().collect();
            if keys_left.is_empty() {
                continue;
            }
            self.gate(session).await?;
            match batch::run(
                &self.bench,
                &keys_left,
                fate,
                self.allowance.as_ref(),
                self.job,
                session,
            )
            .await
            {
                Ok(committed) => {
                    tries = 0;
                    let going = committed.rows.iter().filter(|row| row.verdict == Verdict::Goes);
                    self.went(going.count(), keys_left.len());
                    self.committed(&committed.rows, &committed.dependents);
                    self.look_after(&committed.missed, fate, session).await?;
                    self.rest(keys_left.len(), committed.took, session).await;
                }
                // Of many rows some may be free: smaller batches find out. In SQLite it is never a
                // row that is in the way.
                Err(BatchError::Database(error))
                    if error.class == ErrorClass::Busy
                        && keys.len() > 1
                        && session.engine() == Engine::Postgres =>
                {
                    self.pace.hindered();
                    let (one, other) = keys.split_at(keys.len() / 2);
                    work.extend([other, one]);
                }
                Err(BatchError::Database(error))
                    if matches!(error.class, ErrorClass::Busy | ErrorClass::Blocked) =>
                {
                    // The whole batch again: never a single statement of it.
                    self.pace.hindered();
                    tries += 1;
                    if tries < TRIES {
                        tokio::time::sleep(BACK_OFF * 2_u32.pow(tries)).await;
                        work.push(keys);
                        continue;
                    }
                    if error.class == ErrorClass::Blocked || session.engine() == Engine::Sqlite {
                        return Err(error.into());
                    }
                    // Something that hangs on this row is locked by someone else.
                    tries = 0;
                    self.look_after(keys, fate, session).await?;
                }
                Err(BatchError::Database(error))
                    if error.class == ErrorClass::Timeout && keys.len() > 1 =>
                {
                    self.pace.hindered();
                    let (one, other) = keys.split_at(keys.len() / 2);
                    work.extend([other, one]);
                }
                // A condition that cannot be computed for a row, such as JSON that is none, is that
                // row's fault: the statement itself was compiled before anything began. And one with
                // so much hanging on it that it takes too long alone must not keep all others.
                Err(BatchError::Database(error)) if !is_of_a_row(&error) => {
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

    /// Rows that a batch did not get: those that are there and would go are locked by someone else.
    async fn look_after(
        &mut self,
        missed: &[Key],
        fate: Fate,
        session: &mut Session,
    ) -> Result<(), End> {
        if missed.is_empty() {
            return Ok(());
        }
        let mut rows = self.judge_apart(missed, fate, session).await?;
        rows.retain(|row| row.verdict == Verdict::Goes);
        for row in &mut rows {
            row.verdict = Verdict::Locked;
        }
        self.tally.locked(&rows, self.allowance.is_some());
        Ok(())
    }

    /// Judges without a lock, as a dry run does; a row that cannot be judged is set apart.
    pub(super) async fn judge_apart(
        &mut self,
        keys: &[Key],
        fate: Fate,
        session: &mut Session,
    ) -> Result<Vec<JudgedRow>, End> {
        let mut judged = Vec::new();
        let mut work: Vec<&[Key]> = vec![keys];
        while let Some(keys) = work.pop() {
            let left: Vec<Key> =
                keys.iter().filter(|key| !self.failed.contains(key)).cloned().collect();
            match self.bench.judge(&left, fate, session).await {
                Ok(mut rows) => judged.append(&mut rows),
                Err(error) if !is_of_a_row(&error) => return Err(error.into()),
                Err(error) if keys.len() == 1 => {
                    self.give_up(&keys[0], &BatchError::Database(error), fate, session).await?;
                }
                Err(_) => {
                    let (one, other) = keys.split_at(keys.len() / 2);
                    work.extend([other, one]);
                }
            }
        }
        Ok(judged)
    }

    async fn give_up(
        &mut self,
        key: &Key,
        error: &BatchError,
        fate: Fate,
        session: &mut Session,
    ) -> Result<(), End> {
        self.failed.insert(key);
        // A row that cannot be judged at all is nobody's: it is counted as failed, and no more.
        let judged = self.bench.judge(std::slice::from_ref(key), fate, session).await;
        let rows = judged.unwrap_or_default();
        self.tally.failed(
            &rows,
            Failure { key: key.hash(), reason: error.reason(), message: error.to_string() },
        );
        let count = self.failures.entry(error.reason()).or_default();
        *count += 1;
        if *count >= MANY_FAILURES {
            let what = format!("{MANY_FAILURES} rows failed for one reason, {}", error.reason());
            return Err(self.too_many(&what));
        }
        Ok(())
    }

    fn too_many(&self, what: &str) -> End {
        let last = self.tally.last_failure().unwrap_or_default();
        End::Failed { reason: Reason::TooManyFailures, message: format!("{what}: {last}") }
    }

    pub(super) fn committed(&mut self, rows: &[JudgedRow], dependents: &[u64]) {
        let going = self.tally.committed(rows, dependents, self.allowance.is_some());
        if let Some(allowance) = &mut self.allowance {
            allowance.rows = allowance.rows.saturating_sub(going);
        }
        self.told();
    }

    pub(super) fn told(&self) {
        self.job.watch.gone(&self.planned.target.name, self.tally.gone());
        self.job.watch.counted(&|| self.tally.so_far());
    }

    /// Outside of any transaction, so that the application goes first.
    pub(super) async fn rest(&mut self, rows: usize, took: Duration, session: &mut Session) {
        let rest = self.pace.batch(rows, took);
        let rest = rest + self.pace.rest_after(session.tend(took).await);
        if session.was_waited_for() {
            self.pace.hindered();
        }
        self.tally.batch(took);
        self.pause(Cause::DutyCycle, rest, None, session).await;
    }
}

/// Whether some row of many may be what an error comes from.
fn is_of_a_row(error: &Error) -> bool {
    matches!(error.class, ErrorClass::Constraint | ErrorClass::Statement | ErrorClass::Timeout)
}
