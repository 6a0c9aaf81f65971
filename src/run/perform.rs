//! The targets of one policy, in order, under one clock.

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::earlier::Earlier;
use super::prepare::{Ready, unreachable};
use super::updates::Updates;
use super::{Options, report};
use crate::api::{PurgeRun, PurgeRunStatus, TargetReport};
use crate::database::{Mode, Session};
use crate::model::Counts;
use crate::purge::{self, End, Job, Lag, Point, Watch};

/// A session whose statement hangs does not close; it ends with the process.
const CLOSING: Duration = Duration::from_secs(1);

/// What all policies of a run share.
pub(super) struct Circumstances<'a> {
    pub(super) options: &'a Options,
    pub(super) earlier: &'a Earlier,
    /// When the process began.
    pub(super) started: (Instant, Timestamp),
    pub(super) updates: Option<&'a Updates>,
    pub(super) watch: &'a dyn Watch,
    pub(super) stop: &'a AtomicBool,
}

/// The report, if the database was reached, the exit code, and why it was not.
pub(super) async fn perform(
    ready: &Ready,
    around: &Circumstances<'_>,
) -> (Option<PurgeRun>, u8, Option<String>) {
    let declaration = &ready.declaration;
    let opened = if declaration.dry_run {
        ready.place.open_to_read(declaration).await
    } else {
        ready.place.open(declaration, Mode::Write).await
    };
    let mut session = match opened {
        Ok(session) => session,
        Err(error) => return (None, 3, Some(unreachable(declaration, &error))),
    };
    session.expect_schema(&ready.schema.tables, ready.schema.version.clone());
    if let Session::Postgres(session) = &mut session {
        session.look_through(ready.extensions.clone());
    }
    let onlooker = Onlooker { ready, around, done: RefCell::default() };
    let (started, now) = around.started;
    let job = Job {
        clock: ready.plan.clock,
        dry_run: declaration.dry_run,
        duty_cycle_percent: declaration.connection.limits.duty_cycle_percent,
        lag: RefCell::new(Lag::new(declaration.connection.limits.max_replica_lag)),
        batch_rows: around.options.batch_rows,
        nearly_all: around.options.nearly_all.unwrap_or(purge::NEARLY_ALL),
        deadline: declaration
            .deadline
            .and_then(|allowed| around.earlier.deadline(allowed, started, now)),
        stop: around.stop,
        stopped: OnceCell::new(),
        unsettled: Cell::new(None),
        unreached: OnceCell::new(),
        watch: &onlooker,
    };
    let mut exit = 0;
    for target in &ready.plan.targets {
        // A target that fails stops only itself.
        let (counts, end) = purge::purge(target, &job, &mut session).await;
        exit = exit.max(exit_code(&counts, &end));
        let told = report::target(target, &counts, Some(&end), around.earlier);
        onlooker.done.borrow_mut().push(told);
    }
    close(session).await;
    let report = report::of(
        declaration,
        Some(ready.plan.clock),
        ready.server.clone(),
        onlooker.done.into_inner(),
    );
    (Some(report), exit, None)
}

fn exit_code(counts: &Counts, end: &End) -> u8 {
    match end {
        End::Failed { reason, .. } if reason.passes() => 3,
        End::Failed { .. } | End::DeadlineExceeded | End::Stopped => 1,
        End::Done | End::CapReached => u8::from(counts.failed > 0 || !counts.unknown.is_empty()),
    }
}

async fn close(session: Session) {
    if tokio::time::timeout(CLOSING, session.close()).await.is_err() {
        tracing::warn!("a statement still runs: it ends with this process, and is undone");
    }
}

/// Hands on what is reached and counted, with what the targets before have come to.
struct Onlooker<'a> {
    ready: &'a Ready,
    around: &'a Circumstances<'a>,
    done: RefCell<Vec<TargetReport>>,
}

impl Onlooker<'_> {
    fn so_far(&self, counts: &Counts) -> PurgeRunStatus {
        let mut targets = self.done.borrow().clone();
        let earlier = self.around.earlier;
        if let Some(at_work) = self.ready.plan.targets.get(targets.len()) {
            targets.push(report::target(at_work, counts, None, earlier));
        }
        let Ready { declaration, plan, server, .. } = self.ready;
        targets.extend(earlier.rest(&plan.names(), &targets));
        report::status(Some(plan.clock), declaration.dry_run, server.clone(), targets)
    }
}

impl Watch for Onlooker<'_> {
    fn reached(&self, point: Point) {
        self.around.watch.reached(point);
    }

    fn gone(&self, target: &str, rows: u64) {
        self.around.watch.gone(target, rows);
    }

    fn waits(&self, target: &str, why: &str) {
        self.around.watch.waits(target, why);
    }

    fn counted(&self, counts: &dyn Fn() -> Counts) {
        self.around.watch.counted(counts);
        if let Some(updates) = self.around.updates {
            updates.offer(|| self.so_far(&counts()));
        }
    }
}
