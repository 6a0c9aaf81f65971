//! The core, driven from manifests on disk: for each policy declare, observe, plan, purge, tell.
//!
//! Two phases. In the first nothing can change: sessions are read-only, and one refusal of any
//! policy ends the run. Only then rows go, policy by policy.

mod bounds;
mod clock;
mod earlier;
mod load;
mod login;
mod outcome;
mod perform;
mod place;
mod prepare;
mod progress;
mod record;
mod report;
mod reported;
mod table;
mod updates;

use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use jiff::Timestamp;

pub use crate::purge::{Point, Unwatched, Watch};
pub use outcome::{Outcome, RefusalLine};
pub use progress::Progress;
pub use reported::run_and_report;
pub use table::render as render_table;

use crate::declare::{self, Manifests, Narrowing, Refused};
use crate::purge::stopped;
use earlier::Earlier;
use perform::{Circumstances, perform};
use prepare::{Stopper, prepare};
use reported::Reporting;

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
    /// ConfigMaps of windows, by name, each mounted as a folder.
    pub config_maps: Vec<(String, PathBuf)>,
    /// Keys of Secrets, and the environment's variables that hold their values.
    pub secrets: Vec<SecretVariable>,
    /// The digest that the manifests must have: see `model::orders`.
    pub orders: Option<String>,
    /// A fixed number of rows in a batch, for tests and benchmarks; more than 1,000 count as 1,000.
    pub batch_rows: Option<usize>,
    /// From which share of candidates that go they are taken by whole blocks, for tests; below zero:
    /// from the first on.
    pub nearly_all: Option<f64>,
    /// How often a record is told what went so far, for tests; otherwise every five seconds.
    pub tell_every: Option<Duration>,
}

/// One key of a Secret, which a variable of the environment holds the value of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVariable {
    /// Of the Secret.
    pub name: String,
    /// In the Secret.
    pub key: String,
    /// Of the environment.
    pub variable: String,
}

/// Declares all policies and asks no database: what a team puts into its CI. The outcome has no
/// reports; its exit is 0 or 2.
pub fn validate(files: &[String]) -> Outcome {
    let mut manifests = load::read(files).parse();
    load::do_without_absent_secrets(&mut manifests);
    load::stand_in_for_absent_connections(&mut manifests);
    let notes = manifests.notes.clone();
    let unfit = |declarations: Vec<_>| match login::unfit(&declarations) {
        unfit if unfit.is_empty() => Ok(()),
        unfit => Err(unfit),
    };
    match declare::declare(&manifests, &Narrowing::default()).and_then(unfit) {
        Ok(()) => Outcome::new(notes, 0),
        Err(refused) => Outcome::refused(refused, notes),
    }
}

/// Runs policies to their reports. `stop`, set from outside, ends the batch and the run. What goes
/// wrong is told by the outcome: refusals, databases out of reach, and the reports themselves.
pub async fn run(options: &Options, watch: &dyn Watch, stop: &AtomicBool) -> Outcome {
    match orders(options) {
        Ok(orders) => attempt(orders, options, &Earlier::default(), None, watch, stop).await,
        Err(refused) => Outcome::refused(refused, Vec::new()),
    }
}

/// The manifests. Orders that are not those of the digest are not even read.
fn orders(options: &Options) -> Result<Manifests, Vec<Refused>> {
    let files = load::read(&options.files);
    if let Some(refused) = options.orders.as_ref().and_then(|digest| files.check(digest)) {
        return Err(vec![refused]);
    }
    let mut manifests = files.parse();
    load::mounted(&options.config_maps, &mut manifests);
    load::handed_over(&options.secrets, &mut manifests);
    Ok(manifests)
}

/// One process's work on a run.
async fn attempt(
    manifests: Manifests,
    options: &Options,
    earlier: &Earlier,
    reporting: Option<&Reporting>,
    watch: &dyn Watch,
    stop: &AtomicBool,
) -> Outcome {
    let started = (Instant::now(), Timestamp::now());
    let mut notes = manifests.notes.clone();
    let suspended = manifests.runs.iter().filter(|run| run.spec.suspend == Some(true));
    if reporting.is_none() {
        notes.extend(suspended.map(|run| {
            format!("PurgeRun/{}: suspend stops a Job; here it is ignored", run.metadata.name)
        }));
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
    let mut strangers = place::strangers(&manifests, &options.roots);
    strangers.extend(declarations.iter().filter_map(|ours| earlier.refuse(ours.dry_run)));
    strangers.extend(login::unfit(&declarations));
    if !strangers.is_empty() {
        return Outcome::refused(strangers, notes);
    }
    if declarations.is_empty() {
        notes.push("no policy is asked for: nothing to do".to_owned());
    }
    let mut ready = Vec::new();
    let mut refused = Vec::new();
    let mut outcome = Outcome::new(notes, 0);
    for declaration in declarations {
        let untouched = report::untouched(&declaration, earlier);
        let server = OnceCell::new();
        let prepared = tokio::select! {
            biased; // Nothing is touched yet, so nothing has to come to an end.
            () = stopped(stop) => {
                outcome.reports.push(untouched);
                outcome.exit = 1;
                continue;
            }
            prepared = prepare(declaration, options, earlier, watch, stop, &server) => prepared,
        };
        outcome.server = server.into_inner().or(outcome.server);
        match prepared {
            Ok(planned) => ready.push(planned),
            Err(Stopper::Refused(mut more)) => refused.append(&mut more),
            Err(Stopper::Unreachable(message)) => {
                outcome.unreachable.push(message);
                outcome.exit = 3;
            }
        }
    }
    if !refused.is_empty() {
        let Outcome { server, notes, .. } = outcome;
        return Outcome { server, ..Outcome::refused(refused, notes) };
    }
    if let (Some(reporting), [ready, ..]) = (reporting, &ready[..]) {
        let prepare::Ready { declaration, plan, server, .. } = ready;
        let rest = earlier.rest(&plan.names(), &[]);
        let status = report::status(Some(plan.clock), declaration.dry_run, server.clone(), rest);
        if let Err(fault) = reporting.begin(&status, stop).await {
            return outcome.untold(fault, "nothing was touched");
        }
    }
    // If we die from here on, every batch is whole or not there, and the next run goes on.
    watch.reached(Point::Planned);
    let updates = reporting.map(|reporting| &reporting.updates);
    let around = Circumstances { options, earlier, started, updates, watch, stop };
    for ready in ready {
        let (report, code, error) = perform(&ready, &around).await;
        outcome.reports.extend(report);
        outcome.unreachable.extend(error);
        outcome.exit = outcome.exit.max(code);
    }
    outcome
}
