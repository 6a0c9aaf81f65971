//! One transaction: Begun, then Judged, then Acted, then Committed. Each stage is made of the
//! one before, so nothing acts on what was not judged under the lock.

pub(super) mod act;

use std::time::{Duration, Instant};

use super::cap::Allowance;
use super::judge::{Bench, JudgedRow, Verdict};
use super::watch::{Job, Point};
use crate::database::{Error, Session};
use crate::model::{Key, KeySet, Reason, Table, Target};
use crate::plan::Fate;
use crate::sql::{self, Statement};

/// Why a batch came to nothing. Whatever it is, the transaction was rolled back whole.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    #[error("{0}")]
    Database(#[from] Error),
    #[error(
        "{judged} rows were to go and {acted} went: a trigger or a rule of the table prevents it"
    )]
    NotActed { judged: u64, acted: u64 },
    #[error(
        "{rows} rows of the dependent {name} did not go or change with their roots: a trigger prevents it, or its `set` leaves them pointing there"
    )]
    LeftBehind { name: String, rows: u64 },
    #[error("a row that was updated is selected again")]
    StaysSelected,
    #[error("more rows lie in these blocks than a batch takes")]
    TooMany,
}

impl BatchError {
    pub fn reason(&self) -> Reason {
        match self {
            Self::Database(error) => error.reason(),
            Self::NotActed { .. } | Self::LeftBehind { .. } => Reason::NotActed,
            Self::StaysSelected => Reason::StaysSelected,
            // Such blocks are taken by smaller batches; nobody is told.
            Self::TooMany => Reason::LockTimeout,
        }
    }
}

/// While roots are locked nobody waits longer for us.
pub(super) const ROW_WAIT: Duration = Duration::from_millis(100);

/// The transaction has begun, and nobody can change the schema any more.
struct Begun<'k> {
    keys: &'k [Key],
}

/// The rows are locked, so that only we can change them, and every condition was read after that.
struct Judged {
    rows: Vec<JudgedRow>,
    going: Vec<Key>,
}

/// Gone inside of the transaction, and counted.
struct Acted {
    rows: Vec<JudgedRow>,
    dependents: Vec<u64>,
}

/// Gone for good.
#[derive(Debug)]
pub struct Committed {
    pub rows: Vec<JudgedRow>,
    /// Rows that are gone, or that someone else had locked.
    pub missed: Vec<Key>,
    /// By dependent, in the manifest's order.
    pub dependents: Vec<u64>,
    pub took: Duration,
}

/// Takes one batch through. If we die anywhere before the commit, the database forgets all of it;
/// after it, all of it is gone: the next run finds the rest by the same rules.
pub async fn run(
    bench: &Bench<'_>,
    keys: &[Key],
    fate: Fate,
    allowance: Option<&Allowance>,
    job: &Job<'_>,
    session: &mut Session,
) -> Result<Committed, BatchError> {
    let begun = Begun::begin(bench, keys, session).await?;
    let started = Instant::now();
    match begun.finish(bench, fate, allowance, job, session).await {
        Ok(acted) => {
            job.watch.reached(Point::Committed);
            let missed = missed(keys, &acted.rows);
            Ok(Committed {
                rows: acted.rows,
                missed,
                dependents: acted.dependents,
                took: started.elapsed(),
            })
        }
        Err(error) => {
            // Any error is a rollback of the batch, never a next statement.
            session.rollback().await;
            Err(error)
        }
    }
}

/// Deletes so many roots, and gives how many rows of each dependent the database took with them.
pub(super) async fn delete_counted(
    target: &Target,
    statement: &Statement,
    judged: u64,
    session: &mut Session,
) -> Result<Vec<u64>, BatchError> {
    let tables: Vec<&Table> = target.dependents.iter().map(|d| &d.table).collect();
    let before = deleted(&tables, session).await?;
    let acted = session.execute(statement).await?;
    if acted != judged {
        return Err(BatchError::NotActed { judged, acted });
    }
    Ok(deleted_since(&before, &tables, session).await?)
}

/// How many rows of each of these tables went since so many had gone.
pub(super) async fn deleted_since(
    before: &[u64],
    tables: &[&Table],
    session: &mut Session,
) -> Result<Vec<u64>, Error> {
    let after = deleted(tables, session).await?;
    Ok(before.iter().zip(after).map(|(before, after)| after.saturating_sub(*before)).collect())
}

/// Rows of these tables that the transaction has deleted so far, by whichever statement.
async fn deleted(tables: &[&Table], session: &mut Session) -> Result<Vec<u64>, Error> {
    if tables.is_empty() {
        return Ok(Vec::new());
    }
    let rows = session.rows(&sql::postgres::deleted_so_far(tables)).await?;
    let counts = rows.into_iter().flatten();
    Ok(counts.map(|count| count.as_integer().map_or(0, i64::unsigned_abs)).collect())
}

fn missed(keys: &[Key], judged: &[JudgedRow]) -> Vec<Key> {
    if keys.len() == judged.len() {
        return Vec::new();
    }
    let mut met = KeySet::default();
    for row in judged {
        met.insert(&row.key);
    }
    keys.iter().filter(|key| !met.contains(key)).cloned().collect()
}

impl<'k> Begun<'k> {
    async fn begin(
        bench: &Bench<'_>,
        keys: &'k [Key],
        session: &mut Session,
    ) -> Result<Self, Error> {
        session.begin(&bench.target.written(), ROW_WAIT).await?;
        Ok(Self { keys })
    }

    async fn finish(
        self,
        bench: &Bench<'_>,
        fate: Fate,
        allowance: Option<&Allowance>,
        job: &Job<'_>,
        session: &mut Session,
    ) -> Result<Acted, BatchError> {
        let judged = self.judge(bench, fate, allowance, job, session).await?;
        job.watch.reached(Point::Judged);
        let going = judged.going.len() as u64;
        let acted = judged.act(bench, fate, session).await?;
        job.watch.reached(Point::Acted);
        // A round trip of its own, after the counts were seen.
        job.commit(going, session).await?;
        Ok(acted)
    }

    async fn judge(
        self,
        bench: &Bench<'_>,
        fate: Fate,
        allowance: Option<&Allowance>,
        job: &Job<'_>,
        session: &mut Session,
    ) -> Result<Judged, Error> {
        let locked = bench.lock(self.keys, fate, session).await?;
        job.watch.reached(Point::Locked);
        let mut rows = bench.judge_locked(locked, fate, session).await?;
        if let Some(allowance) = allowance {
            allowance.apply(&mut rows);
        }
        let going =
            rows.iter().filter(|row| row.verdict == Verdict::Goes).map(|row| row.key.clone());
        Ok(Judged { going: going.collect(), rows })
    }
}

impl Judged {
    async fn act(
        self,
        bench: &Bench<'_>,
        fate: Fate,
        session: &mut Session,
    ) -> Result<Acted, BatchError> {
        let dependents = if self.going.is_empty() {
            vec![0; bench.target.dependents.len()]
        } else {
            session.act().await?;
            act::on(bench, &self.going, fate, session).await?
        };
        Ok(Acted { rows: self.rows, dependents })
    }
}
