//! Where a run stands, and the one place where that becomes conditions. Pure.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::ResourceExt;
use kube::runtime::controller::Action;
use serde::Serialize;

use super::observe::Observed;
use crate::api::{PolicyIdentity, PurgeRun, PurgeRunStatus};
use crate::controller::conditions::{self, Wanted, merged, seconds};
use crate::controller::events::Note;
use crate::controller::facts;

/// A reason in one documented word, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    pub reason: String,
    pub message: String,
}

impl Why {
    pub fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self { reason: reason.into(), message: message.into() }
    }
}

/// Stopped, or being stopped, by `spec.suspend`.
pub const SUSPENDED: &str = "Suspended";

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Something that it names is missing or wrong, and can be mended.
    Waiting(Why),
    /// Others are before it.
    Queued(Why),
    /// `spec.suspend`, and no Job is left.
    Suspended,
    /// The Job was told to end.
    Stopping(Why),
    /// The Job was made just now.
    Started,
    /// The Job is there.
    Running(Why),
    /// The Job is there and another has to be made, because this one cannot ever start.
    Restarting(Why),
    Complete(Why),
    Failed(Why),
}

/// The controller's part of a run's status; the runner owns the rest.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ours {
    #[serde(skip_serializing_if = "Option::is_none")]
    observed_generation: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<PolicyIdentity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
    conditions: Vec<Condition>,
}

/// Our part of what is there.
pub fn ours(status: Option<&PurgeRunStatus>) -> Ours {
    let status = status.cloned().unwrap_or_default();
    Ours {
        observed_generation: status.observed_generation,
        policy: status.policy,
        connection: status.connection,
        start_time: status.start_time,
        completion_time: status.completion_time,
        job: status.job,
        conditions: status.conditions,
    }
}

/// Later than all of the policy's runs that ended before: the policy remembers the last that it
/// counted, and counts what ended after it.
fn completion(run: &PurgeRun, observed: &Observed, now: Timestamp) -> Time {
    let of_policy = |other: &&PurgeRun| other.spec.policy_ref == run.spec.policy_ref;
    let there = observed.others.runs.iter().filter(of_policy).filter_map(facts::completion).max();
    let status = observed.policy.as_ref().and_then(|policy| policy.status.as_ref());
    let counted = status.and_then(|status| status.last_run.as_ref()?.completion_time.as_ref());
    let last = there.max(counted.map(|time| time.0));
    let next = last.and_then(|last| last.checked_add(Duration::from_secs(1)).ok());
    seconds(next.map_or(now, |next| next.max(now)))
}

impl Stage {
    pub fn has_ended(&self) -> bool {
        matches!(self, Self::Complete(_) | Self::Failed(_))
    }

    /// Our part of the status.
    pub fn status(&self, run: &PurgeRun, observed: &Observed, now: Timestamp) -> Ours {
        let old = ours(run.status.as_ref());
        let has_ended = self.has_ended();
        // Who is at work stays what it was when the work began. We may have died before that was
        // written, and see only the end of it.
        let is_settled = matches!(self, Self::Stopping(_) | Self::Restarting(_))
            || has_ended && old.policy.is_some();
        let (policy, connection) = match (&old.job, &observed.policy) {
            (None, Some(policy)) if !is_settled => (
                Some(PolicyIdentity {
                    name: policy.name_any(),
                    uid: policy.uid(),
                    generation: policy.metadata.generation,
                }),
                Some(policy.spec.connection_ref.name.clone()),
            ),
            _ => (old.policy.clone(), old.connection.clone()),
        };
        let job = observed.job.as_ref().filter(|_| has_ended);
        let job_began = job.and_then(|job| job.status.as_ref()?.start_time.clone());
        let generation = run.metadata.generation;
        Ours {
            observed_generation: generation,
            policy,
            connection,
            start_time: match (self, &old.start_time) {
                (Self::Started, _) => Some(seconds(now)),
                (Self::Running(_) | Self::Stopping(_), None) => Some(seconds(now)),
                (_, old) => old.clone().or(job_began),
            },
            completion_time: has_ended.then(|| completion(run, observed, now)),
            // A record of a Job says that there is one: without it a new one may be made.
            job: match self {
                Self::Started | Self::Running(_) => Some(run.name_any()),
                // Let go on before its Job is gone, it goes on afterwards.
                Self::Stopping(why) if why.reason == SUSPENDED => None,
                Self::Stopping(_) => old.job,
                Self::Complete(_) | Self::Failed(_) => old.job.or(job.map(ResourceExt::name_any)),
                Self::Waiting(_) | Self::Queued(_) | Self::Suspended | Self::Restarting(_) => None,
            },
            conditions: merged(&old.conditions, &self.conditions(), generation, now),
        }
    }

    fn conditions(&self) -> Vec<Wanted> {
        let of = |types: &[&'static str], why: &Why| {
            let each = types.iter();
            each.map(|type_| Wanted::new(type_, true, &why.reason, &why.message)).collect()
        };
        match self {
            Self::Waiting(why) => of(&["Reconciling"], why),
            Self::Queued(why) => of(&["Queued", "Reconciling"], why),
            Self::Suspended => {
                let message = "it was stopped by spec.suspend: set it to false to let it go on";
                of(&["Suspended"], &Why::new(SUSPENDED, message))
            }
            Self::Started => of(&["Reconciling"], &Why::new("Started", "its Job was made")),
            Self::Stopping(why) | Self::Running(why) | Self::Restarting(why) => {
                of(&["Reconciling"], why)
            }
            Self::Complete(why) => of(&["Complete"], why),
            // `Stalled` is how tools that know no Jobs see that nothing more will come.
            Self::Failed(why) => of(&["Failed", "Stalled"], why),
        }
    }

    /// What is told, once, when the run comes here.
    pub fn note(&self, run: &PurgeRun) -> Option<Note> {
        let was = |type_: &str, reason: &str| {
            run.status.as_ref().is_some_and(|status| {
                conditions::find(&status.conditions, type_).is_some_and(|c| c.reason == reason)
            })
        };
        let unless_told =
            |type_: &str, why: &Why, note: Note| (!was(type_, &why.reason)).then_some(note);
        match self {
            Self::Started => Some(Note::normal("JobCreated", format!("Job {}", run.name_any()))),
            Self::Complete(why) => Some(Note::normal("Completed", why.message.clone())),
            Self::Failed(why) => {
                Some(Note::warning("RunFailed", format!("{}: {}", why.reason, why.message)))
            }
            Self::Waiting(why) => unless_told(
                "Reconciling",
                why,
                Note::warning("Waiting", format!("{}: {}", why.reason, why.message)),
            ),
            Self::Queued(why) => {
                unless_told("Queued", why, Note::normal("Queued", why.message.clone()))
            }
            Self::Restarting(why) => {
                Some(Note::warning("JobReplaced", format!("{}: {}", why.reason, why.message)))
            }
            Self::Stopping(why) => {
                unless_told("Reconciling", why, Note::normal("Stopping", why.message.clone()))
            }
            Self::Suspended => None,
            Self::Running(why) if why.reason == super::pod::AT_WORK => None,
            Self::Running(why) => unless_told(
                "Reconciling",
                why,
                Note::warning("PodTrouble", format!("{}: {}", why.reason, why.message)),
            ),
        }
    }

    /// Most changes wake us; these come from elsewhere or from the clock.
    pub fn look_again(&self) -> Action {
        let after = |seconds| Action::requeue(Duration::from_secs(seconds));
        match self {
            Self::Restarting(_) => after(1),
            Self::Queued(_) => after(5),
            Self::Started | Self::Running(_) | Self::Stopping(_) => after(30),
            Self::Waiting(_) => after(60),
            Self::Suspended | Self::Complete(_) | Self::Failed(_) => Action::await_change(),
        }
    }
}

#[cfg(test)]
mod tests;
