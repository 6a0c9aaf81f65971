//! Whose turn it is on a database. Pure.

use k8s_openapi::api::batch::v1::Job;
use kube::{Resource, ResourceExt};

use super::observe::Others;
use crate::api::{DatabaseConnection, PurgeRun};
use crate::controller::conditions::find;
use crate::controller::facts;
use crate::controller::names;

/// Waiting for `limits.maxConcurrentRuns`.
pub const LIMIT: &str = "MaxConcurrentRuns";
/// Waiting for another run of the same policy.
pub const POLICY: &str = "PolicyActive";

/// Why a run has to wait; `None`: it may start.
pub fn blocked(
    run: &PurgeRun,
    connection: &DatabaseConnection,
    others: &Others,
) -> Option<(&'static str, String)> {
    let connection_name = connection.name_any();
    let at_work: Vec<&Job> =
        others.jobs.iter().filter(|job| facts::job_ended(job).is_none()).collect();
    let policy = &run.spec.policy_ref.name;
    if let Some(job) = at_work.iter().find(|job| job.labels().get(names::POLICY) == Some(policy)) {
        let message = format!("PurgeRun {} of the same policy is at work", job.name_any());
        return Some((POLICY, message));
    }
    let on_it = |other: &&PurgeRun| {
        let status = other.status.as_ref();
        status.is_some_and(|status| status.connection.as_ref() == Some(&connection_name))
    };
    // A run without a record of its Job was started a moment ago by somebody who died, or is being
    // stopped: it counts, wherever it works.
    let busy = at_work.iter().filter(|job| {
        let name = job.name_any();
        let run = others.runs.iter().find(|other| other.name_any() == name);
        run.is_none_or(|run| {
            on_it(&run) || run.status.as_ref().is_none_or(|status| status.job.is_none())
        })
    });
    let busy: Vec<String> = busy.map(|job| job.name_any()).collect();
    // First come, first served, among those that wait for this.
    let earlier = others.runs.iter().filter(on_it).filter(|other| {
        facts::ended(other).is_none()
            && other.meta().deletion_timestamp.is_none()
            && !facts::is_suspended(other)
            && facts::replaced_by(other).is_none()
            && other.status.as_ref().is_some_and(|status| {
                find(&status.conditions, "Queued").is_some_and(|queued| queued.reason == LIMIT)
            })
            && rank(other) < rank(run)
    });
    let most = connection.spec.limits.as_ref().and_then(|limits| limits.max_concurrent_runs);
    let most = usize::try_from(most.unwrap_or(1)).unwrap_or(0);
    if busy.len() + earlier.count() < most {
        return None;
    }
    let who = match &busy[..] {
        [] => "runs that came before".to_owned(),
        busy => format!("PurgeRun {}", busy.join(", ")),
    };
    let message = format!(
        "DatabaseConnection {connection_name} lets {most} work at a time \
         (spec.limits.maxConcurrentRuns), and waits for {who}"
    );
    Some((LIMIT, message))
}

fn rank(run: &PurgeRun) -> (Option<jiff::Timestamp>, String) {
    (run.meta().creation_timestamp.as_ref().map(|time| time.0), run.name_any())
}

#[cfg(test)]
mod tests;
