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

impl Stage {
    /// Our part of the status.
    pub fn status(&self, run: &PurgeRun, observed: &Observed, now: Timestamp) -> Ours {
        let old = ours(run.status.as_ref());
        let has_ended = matches!(self, Self::Complete(_) | Self::Failed(_));
        // Who is at work stays what it was when the work began. We may have died before that was
        // written, and see only the end of it.
        let begins = old.job.is_none() || matches!(self, Self::Started);
        let (policy, connection) = match &observed.policy {
            Some(policy) if begins && (!has_ended || old.policy.is_none()) => (
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
            completion_time: has_ended.then(|| seconds(now)),
            // A record of a Job says that there is one: without it a new one may be made.
            job: match self {
                Self::Started | Self::Running(_) | Self::Restarting(_) => Some(run.name_any()),
                Self::Stopping(_) => old.job,
                Self::Complete(_) | Self::Failed(_) => old.job.or(job.map(ResourceExt::name_any)),
                Self::Waiting(_) | Self::Queued(_) | Self::Suspended => None,
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
                of(&["Suspended"], &Why::new("Suspended", message))
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
            Self::Restarting(why) => unless_told(
                "Reconciling",
                why,
                Note::warning("JobReplaced", format!("{}: {}", why.reason, why.message)),
            ),
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
