//! What is to be done about a policy now. Pure; the clock is an argument.

use std::time::Duration;

use jiff::Timestamp;
use kube::ResourceExt;

use super::slots::{self, Due};
use crate::api::{ConcurrencyPolicy, PurgeRun, RetentionPolicy};
use crate::controller::facts;
use crate::controller::names;
use crate::declare::{Declaration, Refused};

/// What is to be done, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub slot: Option<Slot>,
    /// The next slot of a schedule that is not suspended.
    pub next: Option<Timestamp>,
}

/// A slot that has come and was not dealt with yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub at: Timestamp,
    /// How many slots have come since the last that was dealt with, this one among them.
    pub passed: i64,
    pub then: Then,
}

/// What becomes of a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// Its run is made; the runs named are told to make way first.
    Run { replaced: Vec<String> },
    /// Later than startingDeadlineSeconds allow.
    TooLate,
    /// Another run of the policy is at work, and concurrencyPolicy is Forbid.
    Forbidden { active: String },
}

pub fn decide(
    policy: &RetentionPolicy,
    declared: &Result<Declaration, Vec<Refused>>,
    runs: &[PurgeRun],
    now: Timestamp,
) -> Decision {
    // A schedule that cannot be read has no slots, and a policy that is refused would only make
    // runs that are. Once it is mended, the latest slot that was missed is made up for.
    let Ok(declaration) = declared else {
        return Decision { slot: None, next: None };
    };
    if policy.spec.suspend == Some(true) {
        return Decision { slot: None, next: None };
    }
    let schedule = &declaration.schedule;
    let deadline = policy.spec.starting_deadline_seconds;
    let deadline = deadline.map(|seconds| Duration::from_secs(seconds.unsigned_abs()));
    let next = schedule.next_after(now);
    let due = since(policy).and_then(|since| slots::due(schedule, since, deadline, now));
    let slot =
        due.map(|due| Slot { at: due.slot, passed: due.passed, then: then(policy, &due, runs) });
    Decision { slot, next }
}

/// The slot last dealt with; a new policy begins with its creation.
fn since(policy: &RetentionPolicy) -> Option<Timestamp> {
    let dealt_with = policy.status.as_ref().and_then(|status| status.last_schedule_time.as_ref());
    let created = policy.metadata.creation_timestamp.as_ref();
    Some(dealt_with.max(created)?.0)
}

fn then(policy: &RetentionPolicy, due: &Due, runs: &[PurgeRun]) -> Then {
    let own = names::run_of(&policy.name_any(), due.slot);
    // We died between making the run and saying so: it is adopted, and is no reason to skip itself.
    if runs.iter().any(|run| run.name_any() == own) {
        return Then::Run { replaced: Vec::new() };
    }
    if due.too_late {
        return Then::TooLate;
    }
    let mut active = runs.iter().filter(|run| is_active(run)).map(ResourceExt::name_any).peekable();
    match policy.spec.concurrency_policy.unwrap_or(ConcurrencyPolicy::Forbid) {
        ConcurrencyPolicy::Forbid => match active.next() {
            Some(active) => Then::Forbidden { active },
            None => Then::Run { replaced: Vec::new() },
        },
        ConcurrencyPolicy::Replace => Then::Run { replaced: active.collect() },
    }
}

/// At work or waiting for its turn. A suspended run is neither: forgotten, it would stop the
/// schedule for good.
pub fn is_active(run: &PurgeRun) -> bool {
    facts::ended(run).is_none() && !facts::is_suspended(run)
}

#[cfg(test)]
mod tests;
