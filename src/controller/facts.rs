//! What an object says of itself, read in one place.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;

use super::conditions::is_true;
use super::names::{REPLACED_BY, SLOT};
use crate::api::{Outcome, PurgeRun, PurgeRunStatus};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Complete,
    Failed,
}

/// `None`: it has not ended.
pub fn ended(run: &PurgeRun) -> Option<Ended> {
    let conditions = &run.status.as_ref()?.conditions;
    if is_true(conditions, "Complete") {
        return Some(Ended::Complete);
    }
    is_true(conditions, "Failed").then_some(Ended::Failed)
}

/// When it ended.
pub fn completion(run: &PurgeRun) -> Option<Timestamp> {
    Some(run.status.as_ref()?.completion_time.as_ref()?.0)
}

/// Its slot; `None`: made by hand.
pub fn slot(run: &PurgeRun) -> Option<Timestamp> {
    run.annotations().get(SLOT)?.parse().ok()
}

/// The run that takes its place.
pub fn replaced_by(run: &PurgeRun) -> Option<&str> {
    run.annotations().get(REPLACED_BY).map(String::as_str)
}

/// It waits for somebody to let it go on, and keeps nobody from working.
pub fn is_suspended(run: &PurgeRun) -> bool {
    run.spec.suspend == Some(true)
}

/// It is done for only some of what the policy says.
pub fn is_narrowed(run: &PurgeRun) -> bool {
    !run.spec.tenants.is_empty() || !run.spec.targets.is_empty()
}

/// The worst of its targets' outcomes; `None`: there is no report.
pub fn outcome(status: &PurgeRunStatus) -> Option<Outcome> {
    if !status.refusals.is_empty() || status.unreachable.is_some() {
        return Some(Outcome::Failed);
    }
    let worst = status.targets.iter().filter_map(|target| target.outcome).max();
    // What failed did not end well for all that its targets say.
    let failed = is_true(&status.conditions, "Failed");
    if failed && worst.is_none_or(|worst| worst <= Outcome::CapReached) {
        return Some(Outcome::Failed);
    }
    worst
}

/// A Job's end: whether it succeeded.
pub fn job_ended(job: &Job) -> Option<Ended> {
    let conditions = job.status.as_ref()?.conditions.as_deref().unwrap_or_default();
    let is = |type_: &str| conditions.iter().any(|c| c.type_ == type_ && c.status == "True");
    if is("Complete") {
        return Some(Ended::Complete);
    }
    is("Failed").then_some(Ended::Failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::fixtures::{at, at_work, by_hand, scheduled, with, with_end, yaml};

    #[test]
    fn a_run_has_ended_only_by_a_condition_that_is_true() {
        assert_eq!(ended(&by_hand("look")), None);
        assert_eq!(ended(&at_work(&by_hand("look"))), None);
        let with_condition = |type_: &str, status: &str| {
            let text = format!(
                "status: {{conditions: [{{type: {type_}, status: '{status}', reason: R, message: m, lastTransitionTime: 2026-11-21T02:00:02Z}}]}}"
            );
            ended(&with(&by_hand("look"), &text))
        };
        assert_eq!(with_condition("Complete", "True"), Some(Ended::Complete));
        assert_eq!(with_condition("Failed", "True"), Some(Ended::Failed));
        assert_eq!(with_condition("Failed", "False"), None);
        assert_eq!(with_condition("Stalled", "True"), None);
    }

    #[test]
    fn a_job_has_ended_only_by_its_last_condition() {
        let job: Job = yaml("metadata: {name: look}");
        assert_eq!(job_ended(&job), None);
        for (type_, end) in [
            ("Complete", Some(Ended::Complete)),
            ("Failed", Some(Ended::Failed)),
            // Its pods are still at work.
            ("FailureTarget", None),
            ("SuccessCriteriaMet", None),
            ("Suspended", None),
        ] {
            assert_eq!(job_ended(&with_end(&job, type_, "R")), end, "{type_}");
        }
        let not = with(&job, "status: {conditions: [{type: Complete, status: 'False'}]}");
        assert_eq!(job_ended(&not), None);
    }

    #[test]
    fn only_a_slot_that_can_be_read_is_one() {
        assert_eq!(slot(&scheduled("2026-11-21T02:00:00Z")), Some(at("2026-11-21T02:00:00Z")));
        assert_eq!(slot(&by_hand("look")), None);
        let odd =
            with(&by_hand("look"), &format!("metadata: {{annotations: {{{SLOT}: yesterday}}}}"));
        assert_eq!(slot(&odd), None);
    }

    #[test]
    fn the_worst_target_is_the_outcome_and_what_failed_is_not_done() {
        let of = |text: &str| outcome(&yaml(text));
        assert_eq!(of("{}"), None);
        let targets = "targets: [{name: a, outcome: Done}, {name: b, outcome: Stopped}, {name: c, outcome: CapReached}, {name: d}]";
        assert_eq!(of(&format!("{{{targets}}}")), Some(Outcome::Stopped));
        assert_eq!(of("{unreachable: x}"), Some(Outcome::Failed));
        let refused = "{refusals: [{object: o, field: f, reason: R, message: m, write: w}]}";
        assert_eq!(of(refused), Some(Outcome::Failed));
        let failed = crate::controller::fixtures::condition("Failed", "OOMKilled");
        let done = "targets: [{name: a, outcome: Done}, {name: b}]";
        assert_eq!(of(&format!("{{conditions: [{failed}], {done}}}")), Some(Outcome::Failed));
        assert_eq!(of(&format!("{{conditions: [{failed}]}}")), Some(Outcome::Failed));
        assert_eq!(of(&format!("{{conditions: [{failed}], {targets}}}")), Some(Outcome::Stopped));
        assert_eq!(of(&format!("{{{done}}}")), Some(Outcome::Done));
    }

    #[test]
    fn a_run_for_some_tenants_or_targets_is_narrowed() {
        let run = by_hand("look");
        assert!(!is_narrowed(&with(&run, "spec: {dryRun: true}")));
        assert!(is_narrowed(&with(&run, "spec: {tenants: [acme]}")));
        assert!(is_narrowed(&with(&run, "spec: {targets: [chats]}")));
    }
}
