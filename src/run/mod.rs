//! The core, driven from manifests on disk: for each policy declare, observe, plan, purge, tell.
//!
//! Two phases. In the first nothing can change: sessions are read-only, and one refusal of any
//! policy ends the run. Only then rows go, policy by policy.

mod load;
mod outcome;
mod place;
mod prepare;
mod progress;
mod report;
mod table;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use jiff::Timestamp;

pub use crate::purge::{Point, Unwatched, Watch};
pub use outcome::{Outcome, RefusalLine};
pub use progress::Progress;
pub use table::render as render_table;

use crate::api::PurgeRun;
use crate::database::Mode;
use crate::declare::{self, Manifests, Narrowing};
use crate::model::Reason;
use crate::purge::{self, End, Job};
use prepare::{Ready, Stopper, open, open_to_read, prepare};

/// What a run is asked for beyond its manifests.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Files, folders, or `-` for standard input.
    pub files: Vec<String>,
    /// Only these policies; empty: all.
    pub policies: Vec<String>,
    /// Only these tenants; empty: all.
    pub tenants: Vec<String>,
    /// Only these targets; empty: all.
    pub targets: Vec<String>,
    /// Count, and change nothing.
    pub dry_run: bool,
    /// The clock instead of this machine's.
    pub now: Option<Timestamp>,
    /// Lets `now` lie after this machine's clock in a run that is not dry.
    pub allow_future_now: bool,
    /// Folders that stand for volumes: of one connection, or of all (`None`).
    pub roots: Vec<(Option<String>, PathBuf)>,
    /// A fixed number of rows in a batch, for tests and benchmarks; more than 1,000 count as 1,000.
    pub batch_rows: Option<usize>,
}

/// Declares all policies and asks no database: what a team puts into its CI. The outcome has no
/// reports; its exit is 0 or 2.
pub fn validate(files: &[String]) -> Outcome {
    let mut manifests = load::load(files);
    load::stand_in_for_absent_connections(&mut manifests);
    let notes = manifests.notes.clone();
    match declare::declare(&manifests, &Narrowing::default()) {
        Ok(_) => Outcome {
            reports: Vec::new(),
            refusals: Vec::new(),
            unreachable: Vec::new(),
            notes,
            exit: 0,
        },
        Err(refused) => Outcome::refused(refused, notes),
    }
}

/// Runs policies to their reports. `stop`, set from outside, ends the batch and the run. What goes
/// wrong is told by the outcome: refusals, databases out of reach, and the reports themselves.
pub async fn run(options: &Options, watch: &dyn Watch, stop: &AtomicBool) -> Outcome {
    let started = Instant::now();
    let manifests: Manifests = load::load(&options.files);
    let mut notes = manifests.notes.clone();
    for run in manifests.runs.iter().filter(|run| run.spec.suspend == Some(true)) {
        notes.push(format!(
            "PurgeRun/{}: suspend stops a Job; here it is ignored",
            run.metadata.name
        ));
    }
    let narrowing = Narrowing {
        policies: options.policies.clone(),
        tenants: options.tenants.clone(),
        targets: options.targets.clone(),
        dry_run: options.dry_run,
    };
    let declarations = match declare::declare(&manifests, &narrowing) {
        Ok(declarations) => declarations,
        Err(refused) => return Outcome::refused(refused, notes),
    };
    let strangers = place::strangers(&manifests, &options.roots);
    if !strangers.is_empty() {
        return Outcome::refused(strangers, notes);
    }
    if declarations.is_empty() {
        notes.push("no policy is asked for: nothing to do".to_owned());
    }
    let mut ready = Vec::new();
    let mut refused = Vec::new();
    let mut unreachable = Vec::new();
    for declaration in declarations {
        match prepare(declaration, options, watch, stop).await {
            Ok(planned) => ready.push(planned),
            Err(Stopper::Refused(mut more)) => refused.append(&mut more),
            Err(Stopper::Unreachable(message)) => unreachable.push(message),
        }
    }
    if !refused.is_empty() {
        return Outcome::refused(refused, notes);
    }
    // If we die from here on, every batch is whole or not there, and the next run goes on.
    watch.reached(Point::Planned);
    let mut reports = Vec::new();
    let mut exit = if unreachable.is_empty() { 0 } else { 3 };
    for ready in ready {
        let (report, code, error) = perform(&ready, options, started, watch, stop).await;
        reports.extend(report);
        unreachable.extend(error);
        exit = exit.max(code);
    }
    Outcome { reports, refusals: Vec::new(), unreachable, notes, exit }
}

/// The targets of one policy, in order, under one clock.
async fn perform(
    ready: &Ready,
    options: &Options,
    started: Instant,
    watch: &dyn Watch,
    stop: &AtomicBool,
) -> (Option<PurgeRun>, u8, Option<String>) {
    let declaration = &ready.declaration;
    let opened = if declaration.dry_run {
        open_to_read(declaration, &ready.path).await
    } else {
        open(declaration, &ready.path, Mode::Write).await
    };
    let mut session = match opened {
        Ok(session) => session,
        Err(error) => {
            return (None, 3, Some(format!("RetentionPolicy/{}: {error}", declaration.policy)));
        }
    };
    session.expect_schema(ready.schema.clone());
    let job = Job {
        clock: ready.plan.clock,
        dry_run: declaration.dry_run,
        duty_cycle_percent: declaration.connection.limits.duty_cycle_percent,
        batch_rows: options.batch_rows,
        deadline: declaration.deadline.and_then(|deadline: Duration| started.checked_add(deadline)),
        stop,
        watch,
    };
    let mut ended = Vec::new();
    let mut exit = 0;
    for target in &ready.plan.targets {
        // A target that fails stops only itself.
        let (counts, end) = purge::purge(target, &job, &mut session).await;
        exit = exit.max(match &end {
            End::Failed { reason: Reason::Unreachable, .. } => 3,
            End::Failed { .. } | End::DeadlineExceeded | End::Stopped => 1,
            End::Done | End::CapReached => {
                u8::from(counts.failed > 0 || !counts.unknown.is_empty())
            }
        });
        ended.push((target, counts, end));
    }
    session.close().await;
    (Some(report::of(declaration, &ready.plan, &ended)), exit, None)
}
