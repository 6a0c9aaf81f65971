//! What is to be done about a run now. Pure; the clock is an argument.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::{Resource, ResourceExt};

use super::observe::Observed;
use super::stage::{SUSPENDED, Stage, Why};
use super::{adopt, job, orders, pod, queue};
use crate::api::{DatabaseConnection, Outcome, PurgeRun, PurgeRunStatus, RetentionPolicy};
use crate::controller::facts::{self, Ended};
use crate::controller::{Settings, declared};
use crate::model::Reason;

/// What is to be done.
#[derive(Debug)]
pub enum Decision {
    /// Nothing but to say where it stands.
    Tell(Stage),
    /// Make the Job, and what it needs.
    Start(Box<Start>),
    /// End the Job that is there; its pod has time to end its batch and to report.
    Stop(Stage),
}

impl Decision {
    /// What cannot be undone is decided by the run as it is now.
    pub fn changes_jobs(&self) -> bool {
        matches!(self, Self::Start(_) | Self::Stop(_))
    }

    /// Whether a run may start, and when it ended, is a question of the others too.
    pub fn depends_on_others(&self) -> bool {
        match self {
            Self::Start(_) => true,
            Self::Tell(stage) | Self::Stop(stage) => stage.has_ended(),
        }
    }
}

/// Everything that is made to start a run.
#[derive(Debug)]
pub struct Start {
    pub orders: orders::Orders,
    pub policy: RetentionPolicy,
    pub connection: DatabaseConnection,
}

pub fn decide(
    run: &PurgeRun,
    observed: &Observed,
    settings: &Settings,
    now: Timestamp,
) -> Decision {
    let status = run.status.clone().unwrap_or_default();
    match &observed.job {
        Some(job) if job.meta().deletion_timestamp.is_some() => {
            let why = wish_to_stop(run, observed)
                .unwrap_or_else(|| Why::new("Stopping", "its Job is being deleted"));
            Decision::Tell(Stage::Stopping(why))
        }
        Some(job) if !is_ours(run, job, observed, settings) => not_ours(run, job),
        Some(job) => match facts::job_ended(job) {
            Some(ended) => Decision::Tell(end(&status, ended, observed)),
            None => with_job(run, job, observed, settings, now),
        },
        None => without_job(run, &status, observed),
    }
}

/// Why it should not go on, if so.
fn wish_to_stop(run: &PurgeRun, observed: &Observed) -> Option<Why> {
    if let Some(by) = facts::replaced_by(run) {
        let message = format!(
            "PurgeRun {by} took its place, because concurrencyPolicy is Replace; what was done is \
             in the report"
        );
        return Some(Why::new("Replaced", message));
    }
    let began_with = run.status.as_ref().and_then(|status| status.policy.as_ref()?.uid.clone());
    let now_there = observed.policy.as_ref().and_then(ResourceExt::uid);
    let now_there = now_there.or_else(|| observed.unreadable_policy.clone());
    if began_with.is_some() && began_with != now_there {
        let message = "its RetentionPolicy was deleted; what was done is in the report";
        return Some(Why::new("PolicyDeleted", message));
    }
    facts::is_suspended(run)
        .then(|| Why::new(SUSPENDED, "spec.suspend is true: its pod ends its batch and reports"))
}

/// One that goes with the run is from before we died, and what it was made from has changed since:
/// another is made. Anybody else's is left alone.
fn not_ours(run: &PurgeRun, job: &Job) -> Decision {
    if is_owned(run, job) {
        let message = "it was made for an older policy or connection: another is made";
        return Decision::Stop(Stage::Restarting(Why::new("JobOutdated", message)));
    }
    let message = format!(
        "there is a Job {} that the operator did not make for this run: delete it",
        job.name_any()
    );
    Decision::Tell(Stage::Waiting(Why::new("JobCollision", message)))
}

fn with_job(
    run: &PurgeRun,
    job: &Job,
    observed: &Observed,
    settings: &Settings,
    now: Timestamp,
) -> Decision {
    if let Some(why) = wish_to_stop(run, observed) {
        return Decision::Stop(Stage::Stopping(why));
    }
    let why = pod::told(job, &observed.pods, now);
    // A pod that never began holds no data, and its Job may name what has been corrected since.
    let can_be_replaced = why.reason != pod::AT_WORK && !pod::has_begun(&observed.pods);
    if can_be_replaced
        && let Ok(start) = fresh(run, observed)
        && !job::are_made_alike(job, &job::job(run, &start, settings))
    {
        let message =
            format!("{}; what it was made from has changed: another is made", why.message);
        // The record goes first: a Job that is recorded and gone is a run that failed. Should we die
        // now, the Job is no longer ours, has not begun, and is ended as that.
        return Decision::Tell(Stage::Restarting(Why::new("JobOutdated", message)));
    }
    Decision::Tell(Stage::Running(why))
}

/// Recorded as made, or has reported, or is exactly what we would make.
fn is_ours(run: &PurgeRun, job: &Job, observed: &Observed, settings: &Settings) -> bool {
    let known = |status: &PurgeRunStatus| status.job.is_some() || status.exit_code.is_some();
    run.status.as_ref().is_some_and(known) && is_owned(run, job)
        || fresh(run, observed)
            .is_ok_and(|start| adopt::is_what_we_would_make(job, &job::job(run, &start, settings)))
}

fn is_owned(run: &PurgeRun, job: &Job) -> bool {
    job.owner_references().iter().any(|owner| Some(&owner.uid) == run.meta().uid.as_ref())
}

fn without_job(run: &PurgeRun, status: &PurgeRunStatus, observed: &Observed) -> Decision {
    let stop = wish_to_stop(run, observed);
    let is_suspended = stop.as_ref().is_some_and(|why| why.reason == SUSPENDED);
    match (status.exit_code, stop) {
        (Some(0), _) => return Decision::Tell(end(status, Ended::Complete, observed)),
        // It was finished and removed, by hand or by its time to live, before we looked. A runner
        // that is suspended leaves no exit code.
        (Some(_), stop) if stop.is_none() || is_suspended => {
            return Decision::Tell(end(status, Ended::Failed, observed));
        }
        (_, Some(_)) if is_suspended => return Decision::Tell(Stage::Suspended),
        (_, Some(why)) => return Decision::Tell(Stage::Failed(why)),
        (_, None) => {}
    }
    if status.job.is_some() {
        let message = "its Job was deleted before it ended; what was done is in the report, and \
                       the next run goes on";
        return Decision::Tell(Stage::Failed(Why::new("JobDeleted", message)));
    }
    let start = match fresh(run, observed) {
        Ok(start) => start,
        Err(stage) => return Decision::Tell(*stage),
    };
    if let Some((reason, message)) = queue::blocked(run, &start.connection, &observed.others) {
        return Decision::Tell(Stage::Queued(Why::new(reason, message)));
    }
    Decision::Start(Box::new(start))
}

/// What would be made from things as they are now, or why nothing can be.
fn fresh(run: &PurgeRun, observed: &Observed) -> Result<Start, Box<Stage>> {
    let waiting =
        |reason: &str, message: String| Box::new(Stage::Waiting(Why::new(reason, message)));
    let Some(policy) = observed.policy.clone() else {
        let name = &run.spec.policy_ref.name;
        return Err(waiting(
            "PolicyNotFound",
            format!(
                "there is no RetentionPolicy {name} in this namespace: create it, or delete this run"
            ),
        ));
    };
    let Some(connection) = observed.connection.clone() else {
        let name = &policy.spec.connection_ref.name;
        return Err(waiting(
            "ConnectionNotFound",
            format!(
                "there is no DatabaseConnection {name} in this namespace: create it, or correct \
                 spec.connectionRef.name of RetentionPolicy {}",
                policy.name_any()
            ),
        ));
    };
    if let Err(refused) = declared::policy(&policy, Some(&connection), Some(run)) {
        let (reason, message) = declared::told(&refused);
        // A run's spec cannot be mended.
        let of_run = refused.iter().any(|refused| refused.object.starts_with("PurgeRun/"));
        return Err(if of_run {
            Box::new(Stage::Failed(Why::new(reason, message)))
        } else {
            waiting(&reason, message)
        });
    }
    let orders = match orders::freeze(run, &policy, &connection) {
        Ok(orders) => orders,
        Err(error) => return Err(waiting("OrdersNotWritten", error.to_string())),
    };
    Ok(Start { orders, policy, connection })
}

/// The one function that says how a run ended: by its report if that is whole, whatever became of
/// the pod afterwards; otherwise by its Job and its pods.
fn end(status: &PurgeRunStatus, job: Ended, observed: &Observed) -> Stage {
    match (status.exit_code, job) {
        (Some(0), _) => Stage::Complete(complete(status)),
        (Some(2), _) => Stage::Failed(refused(status)),
        (code, Ended::Failed)
            if let Some(message) = &status.unreachable
                && code != Some(1) =>
        {
            Stage::Failed(Why::new(Reason::Unreachable.word(), message))
        }
        (Some(_), _) => Stage::Failed(fell_short(status)),
        (None, Ended::Failed) => {
            Stage::Failed(pod::last_words(observed.job.as_ref(), &observed.pods))
        }
        // Nothing is known of what it did, and that is no success.
        (None, Ended::Complete) => {
            let message = "its Job succeeded and left no report: see the log of its pod; the next \
                           run goes on";
            Stage::Failed(Why::new("NoReport", message))
        }
    }
}

fn complete(status: &PurgeRunStatus) -> Why {
    let outcome = facts::outcome(status).unwrap_or(Outcome::Done);
    let reason = match outcome {
        Outcome::CapReached => Reason::CapReached.word(),
        _ => "Done",
    };
    Why::new(reason, summary(status))
}

fn refused(status: &PurgeRunStatus) -> Why {
    match status.refusals.first() {
        Some(first) => {
            let more = match status.refusals.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more in status.refusals)"),
            };
            let message = format!(
                "refused, nothing was touched: {}: {}: {}: {}{more}",
                first.object, first.field, first.message, first.write
            );
            Why::new(first.reason.clone(), message)
        }
        None => Why::new("Refused", "refused, nothing was touched: see the log of its pod"),
    }
}

/// Something that should have gone did not: the first target that has something to explain.
fn fell_short(status: &PurgeRunStatus) -> Why {
    let summary = summary(status);
    let bad = status.targets.iter().find(|target| {
        !matches!(target.outcome, Some(Outcome::Done | Outcome::CapReached))
            || !target.unknown_tenants.is_empty()
            || !target.failures.is_empty()
    });
    let Some(target) = bad else {
        return Why::new("Failed", format!("{summary}; see status.targets"));
    };
    let name = &target.name;
    let unknown = target.unknown_tenants.first().map(|tenant| {
        let who = if tenant.name.is_empty() { "all tenants" } else { &tenant.name };
        let message = format!("{name}: {who} kept whole: {}: {}", tenant.source, tenant.message);
        (tenant.reason.clone(), message)
    });
    let failure = target.failures.first().map(|failure| {
        (failure.reason.clone(), format!("{name}: row {}: {}", failure.key, failure.message))
    });
    let of_target = target.message.as_ref().or(target.reason.as_ref()).map(|message| {
        (target.reason.clone().unwrap_or_else(|| "Failed".to_owned()), format!("{name}: {message}"))
    });
    let is_done = matches!(target.outcome, Some(Outcome::Done | Outcome::CapReached));
    let first = if is_done { unknown.or(failure) } else { of_target };
    let (reason, message) = first.unwrap_or_else(|| ("Failed".to_owned(), name.clone()));
    Why::new(reason, format!("{message}; {summary}"))
}

fn summary(status: &PurgeRunStatus) -> String {
    let Some(totals) = status.totals.clone() else {
        return "nothing was counted".to_owned();
    };
    let dry = if status.dry_run == Some(true) { "a dry run, would have " } else { "" };
    let mut parts = vec![format!("{dry}deleted {} rows", totals.deleted)];
    for (count, what) in [
        (totals.updated, "updated"),
        (totals.dependents, "dependents"),
        (totals.files, "files"),
        (totals.held, "held"),
        (totals.overdue, "overdue"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests;
