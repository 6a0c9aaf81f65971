//! What the runs of a policy have come to. Pure.

use kube::{Resource, ResourceExt};

use crate::api::{PurgeRun, PurgeRunStatus, RetentionPolicy};
use crate::controller::facts::{self, Ended};

/// Kept as evidence, of either kind, where the policy says nothing.
const KEPT: i32 = 10;

/// Scheduled runs beyond the limits, oldest first. Runs by hand are never among them.
pub fn superfluous<'a>(policy: &RetentionPolicy, runs: &'a [PurgeRun]) -> Vec<&'a PurgeRun> {
    let limits = [
        (Ended::Complete, policy.spec.successful_runs_history_limit),
        (Ended::Failed, policy.spec.failed_runs_history_limit),
    ];
    let mut gone = Vec::new();
    for (ended, limit) in limits {
        let limit = usize::try_from(limit.unwrap_or(KEPT)).unwrap_or(0);
        let mut of_this_end: Vec<&PurgeRun> = runs
            .iter()
            .filter(|run| facts::slot(run).is_some() && facts::ended(run) == Some(ended))
            .filter(|run| run.meta().deletion_timestamp.is_none())
            .collect();
        of_this_end.sort_by_key(|run| (facts::slot(run), run.name_any()));
        let beyond = of_this_end.len().saturating_sub(limit);
        gone.extend(of_this_end.into_iter().take(beyond));
    }
    gone
}

/// Runs of this policy, and not of one of its name that was there before, that have ended, in the
/// order in which they did.
pub fn ended<'a>(
    policy: &RetentionPolicy,
    runs: &'a [PurgeRun],
) -> Vec<(&'a PurgeRun, &'a PurgeRunStatus)> {
    let uid = policy.uid();
    let mut ended: Vec<_> = runs
        .iter()
        .filter(|run| facts::ended(run).is_some())
        .filter_map(|run| Some((run, run.status.as_ref()?)))
        .filter(|(_, status)| {
            status.policy.as_ref().is_some_and(|policy| policy.uid.is_some() && policy.uid == uid)
        })
        .collect();
    ended.sort_by_key(|(run, _)| (facts::completion(run), run.name_any()));
    ended
}
