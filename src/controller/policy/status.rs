//! What is known of a policy, said in its status. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::act::{Acted, DealtWith};
use super::history;
use crate::api::{
    LastRun, PolicyOverdue, PurgeRun, PurgeRunStatus, RetentionPolicy, RetentionPolicyStatus,
};
use crate::controller::conditions::{self, Wanted, merged, seconds};
use crate::controller::declared;
use crate::controller::facts::{self, Ended};
use crate::declare::{Declaration, Refused};

/// The whole status.
pub fn of(
    policy: &RetentionPolicy,
    connection_found: bool,
    declared: &Result<Declaration, Vec<Refused>>,
    runs: &[PurgeRun],
    acted: &Acted,
    now: Timestamp,
) -> RetentionPolicyStatus {
    let old = policy.status.clone().unwrap_or_default();
    let ended = history::ended(policy, runs);
    let fresh = uncounted(&old, &ended);
    let next = match declared {
        Ok(declaration) if policy.spec.suspend != Some(true) => {
            declaration.schedule.next_after(now).map(|next| next.to_string())
        }
        _ => None,
    };
    let Acted { dealt_with, refused } = acted;
    let checks = Checks {
        policy,
        connection_found,
        declared,
        refused: refused.as_deref(),
        runs,
        ended: &ended,
        fresh,
        next: next.as_deref(),
    };
    let wanted = checks.conditions();
    let generation = policy.metadata.generation;
    let missed = old.missed.unwrap_or_default();
    let active = runs.iter().filter(|run| facts::ended(run).is_none());
    RetentionPolicyStatus {
        observed_generation: generation,
        conditions: merged(&old.conditions, &wanted, generation, now),
        last_schedule_time: match dealt_with {
            Some(dealt_with) => Some(seconds(dealt_with.slot)),
            None => old.last_schedule_time.clone(),
        },
        last_successful_time: last_success(fresh).or(old.last_successful_time.clone()),
        next_schedule_time: next,
        missed: match dealt_with {
            Some(DealtWith { ran: true, .. }) => Some(0),
            Some(DealtWith { ran: false, passed, .. }) => Some(missed + passed),
            None => old.missed,
        },
        active: active.map(ResourceExt::name_any).collect(),
        last_run: fresh.last().map(last_run).or(old.last_run.clone()),
        deleted_total: deleted_total(&old, fresh),
        overdue: overdue(&old, fresh),
    }
}

type EndedRun<'a> = (&'a PurgeRun, &'a PurgeRunStatus);

/// No two runs of a policy end at one time, and what ends later is seen later: those that ended
/// after the last one counted are the ones not counted yet. What they come to and that mark are
/// written as one. Older ones are never asked again, since others of their time may be gone.
fn uncounted<'a, 'b>(old: &RetentionPolicyStatus, ended: &'b [EndedRun<'a>]) -> &'b [EndedRun<'a>] {
    let Some(last) = &old.last_run else { return ended };
    let counted = (last.completion_time.as_ref().map(|time| time.0), last.name.clone());
    let seen =
        ended.partition_point(|(run, _)| (facts::completion(run), run.name_any()) <= counted);
    &ended[seen..]
}

/// Everything that `Ready` depends on, asked in this order; the first that is wrong is told.
struct Checks<'a> {
    policy: &'a RetentionPolicy,
    connection_found: bool,
    declared: &'a Result<Declaration, Vec<Refused>>,
    refused: Option<&'a str>,
    runs: &'a [PurgeRun],
    ended: &'a [EndedRun<'a>],
    fresh: &'a [EndedRun<'a>],
    next: Option<&'a str>,
}

const RUN_FAILED: &str = "RunFailed";

/// A reason and a message.
type Fault = Option<(String, String)>;

impl Checks<'_> {
    fn conditions(&self) -> Vec<Wanted> {
        if let Some((reason, message)) = self.connection_is_there().or_else(|| self.is_valid()) {
            // Nothing will change by itself.
            return vec![
                Wanted::new("Ready", false, &reason, &message),
                Wanted::new("Stalled", true, reason, message),
            ];
        }
        let ready = |status, (reason, message)| vec![Wanted::new("Ready", status, reason, message)];
        let fault = self.the_slots_run_is_made().or_else(|| self.no_run_waits());
        if let Some(fault) = fault.or_else(|| self.last_scheduled_run_was_well()) {
            return ready(false, fault);
        }
        if let Some(why) = self.suspended() {
            return ready(true, why);
        }
        let next = self.next.unwrap_or("never");
        ready(true, ("Scheduled".to_owned(), format!("the next run is due at {next}")))
    }

    fn connection_is_there(&self) -> Fault {
        let name = &self.policy.spec.connection_ref.name;
        (!self.connection_found).then(|| {
            let message = format!(
                "there is no DatabaseConnection {name} in this namespace: create it, or correct \
                 spec.connectionRef.name"
            );
            ("ConnectionNotFound".to_owned(), message)
        })
    }

    fn is_valid(&self) -> Fault {
        self.declared.as_ref().err().map(|refused| declared::told(refused))
    }

    fn the_slots_run_is_made(&self) -> Fault {
        let message = format!("the PurgeRun of a slot cannot be made: {}", self.refused?);
        Some(("RunNotCreated".to_owned(), message))
    }

    /// For something that somebody has to mend; the schedule waits behind it.
    fn no_run_waits(&self) -> Fault {
        let waits = |run: &&PurgeRun| {
            let status = run.status.as_ref();
            facts::ended(run).is_none()
                && !facts::is_suspended(run)
                && status.is_some_and(|status| {
                    status.job.is_none() && !conditions::is_true(&status.conditions, "Queued")
                })
        };
        let run = self.runs.iter().find(waits)?;
        let why = conditions::find(&run.status.as_ref()?.conditions, "Reconciling")?;
        let message = format!("PurgeRun {} waits: {}: {}", run.name_any(), why.reason, why.message);
        Some(("RunWaiting".to_owned(), message))
    }

    fn last_scheduled_run_was_well(&self) -> Fault {
        let scheduled = |(run, _): &&EndedRun| facts::slot(run).is_some();
        let newest = self.ended.iter().rfind(scheduled);
        let failed = newest.and_then(|(_, status)| conditions::find(&status.conditions, "Failed"));
        let (Some((run, _)), Some(failed)) = (newest, failed) else {
            return self.what_was_told().filter(|_| !self.fresh.iter().any(|run| scheduled(&run)));
        };
        let message = format!("PurgeRun {}: {}: {}", run.name_any(), failed.reason, failed.message);
        Some((RUN_FAILED.to_owned(), message))
    }

    /// The run that failed may have been removed since, and nothing ran after it.
    fn what_was_told(&self) -> Fault {
        let old = self.policy.status.as_ref()?;
        let ready = conditions::find(&old.conditions, "Ready")?;
        (ready.reason == RUN_FAILED).then(|| (ready.reason.clone(), ready.message.clone()))
    }

    fn suspended(&self) -> Fault {
        (self.policy.spec.suspend == Some(true)).then(|| {
            let message = "no run is started by the schedule: set spec.suspend to false to go on";
            ("Suspended".to_owned(), message.to_owned())
        })
    }
}

fn last_success(fresh: &[EndedRun]) -> Option<Time> {
    let well = fresh
        .iter()
        .rfind(|(run, _)| facts::slot(run).is_some() && facts::ended(run) == Some(Ended::Complete));
    well.and_then(|(_, status)| status.completion_time.clone())
}

fn last_run((run, status): &EndedRun) -> LastRun {
    LastRun {
        name: run.name_any(),
        completion_time: status.completion_time.clone(),
        outcome: facts::outcome(status),
        totals: status.totals.clone(),
    }
}

fn deleted_total(old: &RetentionPolicyStatus, fresh: &[EndedRun]) -> Option<i64> {
    let deleted = fresh
        .iter()
        .filter(|(_, status)| status.dry_run != Some(true))
        .filter_map(|(_, status)| Some(status.totals.as_ref()?.deleted))
        .sum::<i64>();
    match old.deleted_total {
        None if fresh.is_empty() => None,
        total => Some(total.unwrap_or(0) + deleted),
    }
}

/// By the runs that looked at everything, changed what they found and could tell what they left.
fn overdue(old: &RetentionPolicyStatus, fresh: &[EndedRun]) -> Option<PolicyOverdue> {
    let whole = fresh.iter().filter(|(run, status)| {
        !facts::is_narrowed(run)
            && status.dry_run == Some(false)
            && matches!(status.exit_code, Some(0 | 1))
    });
    let told = whole.filter_map(|(_, status)| Some((status, status.totals.as_ref()?.overdue)));
    told.fold(old.overdue.clone(), |before, (status, rows)| {
        let oldest = status.targets.iter().filter_map(|target| target.overdue.as_ref());
        if rows == 0 {
            return Some(PolicyOverdue::default());
        }
        Some(PolicyOverdue {
            rows,
            oldest_seconds: oldest.filter_map(|overdue| overdue.oldest_seconds).max(),
            since: before
                .and_then(|before| before.since)
                .or_else(|| status.completion_time.clone()),
        })
    })
}

#[cfg(test)]
mod tests;
