//! Whose turn it is on a database. Pure.

use std::collections::BTreeMap;

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
    let at_work = at_work(others);
    let policy = &run.spec.policy_ref.name;
    if let Some((name, _)) = at_work.iter().find(|(_, its)| its.as_ref() == Some(policy)) {
        return Some((POLICY, format!("PurgeRun {name} of the same policy is at work")));
    }
    let on_it = |other: &&PurgeRun| {
        let status = other.status.as_ref();
        status.is_some_and(|status| status.connection.as_ref() == Some(&connection_name))
    };
    // A run without a record of its Job was started a moment ago by somebody who died, or is being
    // stopped: it counts, wherever it works.
    let busy = at_work.keys().filter(|name| {
        let run = others.runs.iter().find(|other| other.name_any() == **name);
        run.is_none_or(|run| {
            on_it(&run) || run.status.as_ref().is_none_or(|status| status.job.is_none())
        })
    });
    let busy: Vec<&str> = busy.map(String::as_str).collect();
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

/// The runs at work, each with its policy: those with a Job, and those whose pod is still there.
fn at_work(others: &Others) -> BTreeMap<String, Option<String>> {
    let policy = |labels: &BTreeMap<String, String>| labels.get(names::POLICY).cloned();
    let jobs = others.jobs.iter().filter(|job| facts::job_ended(job).is_none());
    let jobs = jobs.map(|job| (job.name_any(), policy(job.labels())));
    let pods = others
        .pods
        .iter()
        .filter_map(|pod| Some((pod.labels().get(names::RUN)?.clone(), policy(pod.labels()))));
    jobs.chain(pods).collect()
}

fn rank(run: &PurgeRun) -> (Option<jiff::Timestamp>, String) {
    (run.meta().creation_timestamp.as_ref().map(|time| time.0), run.name_any())
}

#[cfg(test)]
mod tests;
