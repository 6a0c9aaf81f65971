//! A run with a record: the PurgeRun in the API is asked before anything is touched, told while the
//! run goes on, and told what it came to.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

use super::bounds::{MESSAGE, SHOWN, clip};
use super::earlier::Earlier;
use super::record::{Fault, Found, Halt, Record, insist};
use super::updates::Updates;
use super::{Options, Outcome, Watch, attempt};
use crate::api::{self, PurgeRunStatus, RefusalReport};
use crate::declare::{Manifests, Metadata, Refused};
use crate::model::{Reason, Refusal};

/// What SIGTERM means where the record does not say why.
const EVICTED: &str =
    "the pod was told to end, as when its node is drained; the Job starts another, which goes on";
const SUSPENDED: &str = "suspended: set spec.suspend to false to go on";

/// The record of a run on its way.
pub(super) struct Reporting {
    record: Record,
    pub(super) updates: Updates,
    /// It could not be told at the beginning.
    broken: Cell<bool>,
}

/// Runs the policy of the PurgeRun `name`, and reports to it.
pub async fn run_and_report(
    options: &Options,
    name: &str,
    watch: &dyn Watch,
    stop: &AtomicBool,
) -> Outcome {
    let orders = orders(options, name);
    let metadata = orders.as_ref().ok().and_then(|orders| own(orders, name)).cloned();
    let (record, earlier) = match asked(name, metadata.as_ref(), stop).await {
        Ok(answers) => answers,
        // What is wrong with the orders is told all the same.
        Err(fault) => {
            let refused = orders.err().unwrap_or_default();
            return Outcome::refused(refused, Vec::new()).untold(fault, "nothing was touched");
        }
    };
    let updates = Updates::to(record.clone(), options.tell_every);
    let reporting = Reporting { record, updates, broken: Cell::new(false) };
    let mut outcome = match orders {
        Ok(orders) => attempt(orders, options, &earlier, Some(&reporting), watch, stop).await,
        Err(refused) => Outcome::refused(refused, Vec::new()),
    };
    let Reporting { record, updates, broken } = reporting;
    if broken.get() {
        return outcome;
    }
    updates.end().await;
    explain_stop(&mut outcome, &record).await;
    for report in &mut outcome.reports {
        report.metadata.name = Some(name.to_owned());
        report.metadata.uid = metadata.as_ref().and_then(|metadata| metadata.uid.clone());
    }
    let status = last(&outcome, &earlier);
    match insist(stop, || record.write(&status)).await {
        Ok(()) => outcome,
        Err(fault) => outcome.untold(fault, "the report is in this log alone"),
    }
}

/// The record, and what it says of the run so far.
async fn asked(
    name: &str,
    metadata: Option<&Metadata>,
    stop: &AtomicBool,
) -> Result<(Record, Earlier), Fault> {
    let record = Record::of(name, metadata).await?;
    let found = insist(stop, || record.find()).await?;
    let unread = |what| Fault::Unreachable(format!("PurgeRun/{name}: {what}"));
    let ahead = insist(stop, || record.ahead()).await?;
    let mut earlier = Earlier::of(&found.status).map_err(unread)?;
    earlier.ahead = ahead;
    if found.halt.is_some() {
        stop.store(true, Ordering::Relaxed);
    }
    Ok((record, earlier))
}

impl Reporting {
    /// Before the first row goes: whoever comes after us must find the clock, or nothing touched.
    pub(super) async fn begin(
        &self,
        status: &PurgeRunStatus,
        stop: &AtomicBool,
    ) -> Result<(), Fault> {
        let told = insist(stop, || self.record.write(status)).await;
        self.broken.set(told.is_err());
        told
    }
}

/// The manifests, if they are those that were ordered and order this run alone.
fn orders(options: &Options, name: &str) -> Result<Manifests, Vec<Refused>> {
    let mut orders = super::orders(options)?;
    let refuse = |reason, message: String, write: &str| Refused {
        file: "command line".to_owned(),
        object: String::new(),
        refusal: Refusal::new("--report", reason, message, write),
    };
    if own(&orders, name).is_none() && orders.refused.is_empty() {
        orders.refused.push(refuse(
            Reason::NotFound,
            format!("there is no PurgeRun {name} in the manifests"),
            "add its manifest with -f",
        ));
    } else if orders.runs.len() > 1 {
        orders.refused.push(refuse(
            Reason::Conflict,
            "the manifests have several PurgeRuns, and one report tells of one".to_owned(),
            "pass one PurgeRun",
        ));
    }
    Ok(orders)
}

fn own<'a>(orders: &'a Manifests, name: &str) -> Option<&'a Metadata> {
    orders.runs.iter().map(|run| &run.metadata).find(|metadata| metadata.name == name)
}

/// Why a run was stopped is asked at that moment. Where it goes on later it is not whole, and has
/// no exit code yet; and the process must not end with 1, by which the Job would fail for good, a
/// suspended one too.
async fn explain_stop(outcome: &mut Outcome, record: &Record) {
    let is_stopped =
        |target: &&mut api::TargetReport| target.outcome == Some(api::Outcome::Stopped);
    let statuses = outcome.reports.iter_mut().filter_map(|report| report.status.as_mut());
    let stopped: Vec<_> = statuses.flat_map(|s| &mut s.targets).filter(is_stopped).collect();
    if stopped.is_empty() {
        return;
    }
    let (why, exit) = match record.find().await {
        Ok(Found { halt: None, .. }) => (EVICTED.to_owned(), 3),
        Ok(Found { halt: Some(Halt::Suspended), .. }) => (SUSPENDED.to_owned(), 3),
        Ok(Found { halt: Some(Halt::ReplacedBy(newer)), .. }) => {
            (format!("replaced by PurgeRun/{newer}, which does what is left"), 1)
        }
        Err(Fault::Gone(message)) => (message, 1),
        Err(Fault::Unreachable(_)) => (EVICTED.to_owned(), 3),
    };
    for target in stopped {
        target.message = Some(why.clone());
    }
    outcome.exit = outcome.exit.max(exit);
    outcome.stopped = Some(why);
}

/// The whole report. Without a report of this attempt, what earlier ones did stands as it was.
fn last(outcome: &Outcome, earlier: &Earlier) -> PurgeRunStatus {
    let status = match outcome.reports.first().and_then(|report| report.status.clone()) {
        Some(PurgeRunStatus { server, clock, dry_run, totals, targets, .. }) => {
            PurgeRunStatus { server, clock, dry_run, totals, targets, ..PurgeRunStatus::default() }
        }
        None => earlier.status(),
    };
    let refusals = outcome.refusals.iter().take(SHOWN).map(|refusal| {
        let mut told = RefusalReport {
            object: refusal.object.clone(),
            field: refusal.field.clone(),
            reason: refusal.reason.clone(),
            message: refusal.message.clone(),
            write: refusal.write.clone(),
        };
        let RefusalReport { object, field, reason: _, message, write } = &mut told;
        for text in [object, field, message, write] {
            clip(text, MESSAGE);
        }
        told
    });
    let mut unreachable = outcome.unreachable.clone();
    let lost = |target: &&api::TargetReport| {
        target.reason.as_deref().is_some_and(Reason::is_word_of_one_that_passes)
    };
    let reported = outcome.reports.iter().filter_map(|report| report.status.as_ref());
    unreachable.extend(reported.flat_map(|status| &status.targets).filter(lost).filter_map(
        |target| Some(format!("target {}: {}", target.name, target.message.as_ref()?)),
    ));
    let mut unreachable = unreachable.join("; ");
    clip(&mut unreachable, MESSAGE);
    PurgeRunStatus {
        // Only what is whole has an exit code: 3 is tried again.
        exit_code: (outcome.exit < 3).then_some(i32::from(outcome.exit)),
        refusals: refusals.collect(),
        server: outcome.server.clone().or(status.server),
        unreachable: Some(unreachable).filter(|message| !message.is_empty()),
        ..status
    }
}
