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
        // A limit that makes no sense, which the definition refuses, removes no evidence.
        let limit = usize::try_from(limit.unwrap_or(KEPT)).unwrap_or(usize::MAX);
        let mut of_this_end: Vec<&PurgeRun> = runs
            .iter()
            .filter(|run| facts::slot(run).is_some() && facts::ended(run) == Some(ended))
            .filter(|run| run.meta().deletion_timestamp.is_none() && !is_of_another(policy, run))
            .collect();
        of_this_end.sort_by_key(|run| (facts::slot(run), run.name_any()));
        let beyond = of_this_end.len().saturating_sub(limit);
        gone.extend(of_this_end.into_iter().take(beyond));
    }
    gone
}

/// Of a policy of this name that was there before: its runs are its own evidence.
pub fn is_of_another(policy: &RetentionPolicy, run: &PurgeRun) -> bool {
    let made_from = run.status.as_ref().and_then(|status| status.policy.as_ref()?.uid.as_ref());
    made_from.is_some_and(|uid| Some(uid) != policy.metadata.uid.as_ref())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::fixtures::{
        at_work, by_hand, ended as with_end, policy, scheduled, with,
    };

    const HOURS: [&str; 4] = ["00", "01", "02", "03"];

    fn hourly(type_: &str) -> Vec<PurgeRun> {
        let run = |hour: &&str| {
            let slot = format!("2026-11-21T{hour}:00:00Z");
            with_end(&scheduled(&slot), type_, &format!("2026-11-21T{hour}:00:30Z"), 1, 0)
        };
        HOURS.iter().rev().map(run).collect()
    }

    fn gone(limits: &str, runs: &[PurgeRun]) -> Vec<String> {
        let policy = with(&policy(), &format!("spec: {{{limits}}}"));
        superfluous(&policy, runs)
            .iter()
            .filter_map(|run| facts::slot(run))
            .map(|slot| slot.to_string())
            .collect()
    }

    #[test]
    fn the_oldest_beyond_the_limit_go_and_each_end_has_its_own() {
        let good = hourly("Complete");
        assert_eq!(
            gone("successfulRunsHistoryLimit: 2, failedRunsHistoryLimit: 0", &good),
            ["2026-11-21T00:00:00Z", "2026-11-21T01:00:00Z"]
        );
        assert_eq!(gone("successfulRunsHistoryLimit: 4", &good), [""; 0]);
        let bad = hourly("Failed");
        assert_eq!(
            gone("successfulRunsHistoryLimit: 0, failedRunsHistoryLimit: 3", &bad),
            ["2026-11-21T00:00:00Z"]
        );
    }

    #[test]
    fn a_limit_of_zero_keeps_none_and_no_limit_ten() {
        assert_eq!(gone("failedRunsHistoryLimit: 0", &hourly("Failed")).len(), HOURS.len());
        assert_eq!(gone("failedRunsHistoryLimit: -1", &hourly("Failed")), [""; 0]);
        for type_ in ["Complete", "Failed"] {
            let many = (0..12).map(|minute| {
                let slot = format!("2026-11-21T00:{minute:02}:00Z");
                with_end(&scheduled(&slot), type_, "2026-11-21T01:00:00Z", 1, 0)
            });
            let many: Vec<_> = many.collect();
            assert_eq!(gone("", &many), ["2026-11-21T00:00:00Z", "2026-11-21T00:01:00Z"]);
        }
    }

    #[test]
    fn runs_by_hand_at_work_going_already_or_of_an_older_policy_stay() {
        let one = scheduled("2026-11-21T00:00:00Z");
        let done = with_end(&one, "Complete", "2026-11-21T00:00:30Z", 1, 0);
        let others = [
            with_end(&by_hand("look"), "Complete", "2026-11-21T00:00:30Z", 1, 0),
            at_work(&one),
            one,
            with(&done, "metadata: {deletionTimestamp: 2026-11-21T00:01:00Z}"),
            with(&done, "status: {policy: {uid: policy-0}}"),
        ];
        assert_eq!(gone("successfulRunsHistoryLimit: 0", &others), [""; 0]);
        assert_eq!(gone("successfulRunsHistoryLimit: 0", &[done]).len(), 1);
    }

    #[test]
    fn what_ended_is_in_the_order_in_which_it_did_and_of_this_policy_alone() {
        let end = |run: PurgeRun, time: &str| with_end(&run, "Failed", time, 1, 0);
        let runs = [
            end(by_hand("b"), "2026-11-21T03:00:00Z"),
            end(by_hand("a"), "2026-11-21T03:00:00Z"),
            end(by_hand("z"), "2026-11-21T02:00:00Z"),
            with(
                &end(by_hand("older"), "2026-11-21T01:00:00Z"),
                "status: {policy: {uid: policy-0}}",
            ),
            with(&end(by_hand("nobodys"), "2026-11-21T01:00:00Z"), "status: {policy: null}"),
            at_work(&by_hand("busy")),
        ];
        let names: Vec<_> = ended(&policy(), &runs).iter().map(|(run, _)| run.name_any()).collect();
        assert_eq!(names, ["z", "a", "b"]);
    }
}
