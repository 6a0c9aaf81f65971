//! A planned target to counts: find, claim, judge, act, commit, rest; batch by batch.

mod batch;
mod bulk;
mod cap;
mod gate;
mod isolate;
mod judge;
mod lag;
mod lane;
mod lost;
mod newest;
mod pace;
mod preflight;
mod ranges;
mod runner;
mod tally;
mod throttle;
mod walk;
mod watch;

use std::collections::HashMap;

pub use lag::Lag;
pub use preflight::preflight;
pub use watch::{Job, Point, Unwatched, Watch, stopped};

use crate::database::{Error, Session};
use crate::model::{Counts, KeySet, Reason};
use crate::plan::PlannedTarget;
use judge::Bench;
use lane::Lane;
use pace::Pace;
use ranges::Ranges;
use runner::Runner;
use tally::Tally;
use throttle::Throttle;

/// Rows judged by one statement where nothing is locked.
const JUDGED_AT_ONCE: usize = 500;
/// Above this share of candidates that go, looking at them first is not worth a statement.
pub const NEARLY_ALL: f64 = 0.9;

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
    let bench = Bench { target: &planned.target, cutoffs: &planned.cutoffs, clock: job.clock };
    let mut runner = Runner {
        planned,
        job,
        bench,
        tally: Tally::new(planned),
        pace: Pace::new(planned.target.table.engine, job.duty_cycle_percent, job.batch_rows),
        throttle: Throttle::default(),
        failed: KeySet::default(),
        failures: HashMap::new(),
        allowance: None,
        access: planned.target.access.clone(),
        commits: 0,
        share_going: None,
        lane: Lane::of(planned).filter(|_| session.counts_deletes()),
        rows_in_a_block: bulk::DENSE,
        ranges: Ranges::of(planned, session),
    };
    let end = tokio::select! {
        biased; // A session that hung in the target before is not asked again.
        () = job.hangs() => End::Stopped,
        ended = runner.run_and_tend(session) => match ended {
            Ok(end) | Err(end) => end,
        },
    };
    // Also where a COMMIT was broken off because the run had to end.
    if let Some(roots) = job.unsettled.take() {
        runner.tally.unsettled(roots);
    }
    (runner.tally.finish(&end), end)
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Failed { reason: error.reason(), message: error.to_string() }
    }
}
