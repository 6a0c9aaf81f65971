//! What is known of a policy, said in its status. Pure.

use jiff::Timestamp;
use kube::ResourceExt;

use super::act::DealtWith;
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
    dealt_with: Option<&DealtWith>,
    now: Timestamp,
) -> RetentionPolicyStatus {
    let old = policy.status.clone().unwrap_or_default();
    let ended = history::ended(policy, runs);
    let newest = ended.last().copied();
    let next = match declared {
        Ok(declaration) if policy.spec.suspend != Some(true) => {
            declaration.schedule.next_after(now).map(|next| next.to_string())
        }
        _ => None,
    };
    let checks =
        Checks { policy, connection_found, declared, ended: &ended, next: next.as_deref() };
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
        last_successful_time: last_success(&ended).or(old.last_successful_time.clone()),
        next_schedule_time: next,
        missed: match dealt_with {
            Some(DealtWith { ran: true, .. }) => Some(0),
            Some(DealtWith { ran: false, passed, .. }) => Some(missed + passed),
            None => old.missed,
        },
        active: active.map(ResourceExt::name_any).collect(),
        last_run: newest.map(last_run).or(old.last_run.clone()),
        deleted_total: deleted_total(&old, &ended),
        overdue: overdue(&old, &ended),
    }
}

/// Everything that `Ready` depends on, asked in this order; the first that is wrong is told.
struct Checks<'a> {
    policy: &'a RetentionPolicy,
    connection_found: bool,
    declared: &'a Result<Declaration, Vec<Refused>>,
    ended: &'a [(&'a PurgeRun, &'a PurgeRunStatus)],
    next: Option<&'a str>,
}

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
        if let Some(fault) = self.last_scheduled_run_was_well() {
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

    fn last_scheduled_run_was_well(&self) -> Fault {
        let scheduled = |(run, _): &&(&PurgeRun, _)| facts::slot(run).is_some();
        let (run, status) = self.ended.iter().rfind(scheduled)?;
        let failed = conditions::find(&status.conditions, "Failed")?;
        let message = format!("PurgeRun {}: {}: {}", run.name_any(), failed.reason, failed.message);
        Some(("RunFailed".to_owned(), message))
    }

    fn suspended(&self) -> Fault {
        (self.policy.spec.suspend == Some(true)).then(|| {
            let message = "no run is started by the schedule: set spec.suspend to false to go on";
            ("Suspended".to_owned(), message.to_owned())
        })
    }
}

fn last_success(
    ended: &[(&PurgeRun, &PurgeRunStatus)],
) -> Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time> {
    let well = ended
        .iter()
        .rfind(|(run, _)| facts::slot(run).is_some() && facts::ended(run) == Some(Ended::Complete));
    well.and_then(|(_, status)| status.completion_time.clone())
}

fn last_run((run, status): (&PurgeRun, &PurgeRunStatus)) -> LastRun {
    LastRun {
        name: run.name_any(),
        completion_time: status.completion_time.clone(),
        outcome: facts::outcome(status),
        totals: status.totals.clone(),
    }
}

/// Runs of a policy never overlap, so those that ended after the last one counted are the ones not
/// counted yet; the sum and that mark are written as one.
fn deleted_total(
    old: &RetentionPolicyStatus,
    ended: &[(&PurgeRun, &PurgeRunStatus)],
) -> Option<i64> {
    let counted = old
        .last_run
        .as_ref()
        .map(|run| (run.completion_time.as_ref().map(|time| time.0), run.name.clone()));
    let fresh = ended.iter().filter(|(run, _)| {
        counted.as_ref().is_none_or(|counted| (facts::completion(run), run.name_any()) > *counted)
    });
    let deleted: i64 = fresh
        .filter(|(_, status)| status.dry_run != Some(true))
        .filter_map(|(_, status)| Some(status.totals.as_ref()?.deleted))
        .sum();
    match old.deleted_total {
        None if ended.is_empty() => None,
        total => Some(total.unwrap_or(0) + deleted),
    }
}

/// By the newest run that looked at everything and changed what it found.
fn overdue(
    old: &RetentionPolicyStatus,
    ended: &[(&PurgeRun, &PurgeRunStatus)],
) -> Option<PolicyOverdue> {
    let whole = ended.iter().rfind(|(run, status)| {
        !facts::is_narrowed(run) && status.dry_run == Some(false) && status.totals.is_some()
    });
    let Some((_, status)) = whole else {
        return old.overdue.clone();
    };
    let rows = status.totals.as_ref().map_or(0, |totals| totals.overdue);
    if rows == 0 {
        return None;
    }
    let oldest = status.targets.iter().filter_map(|target| target.overdue.as_ref()?.oldest_seconds);
    let since = old.overdue.as_ref().and_then(|overdue| overdue.since.clone());
    Some(PolicyOverdue {
        rows,
        oldest_seconds: oldest.max(),
        since: since.or_else(|| status.completion_time.clone()),
    })
}
