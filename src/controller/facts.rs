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
    status.targets.iter().filter_map(|target| target.outcome).max()
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
