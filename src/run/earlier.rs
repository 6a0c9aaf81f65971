//! What an earlier pod of the same run has done. A Job replaces a pod that was killed; the new one
//! goes on under the same clock and adds to the same counts. Pure.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::report::{UNSETTLED, totals};
use crate::api::{
    DependentReport, FileReport, PurgeRunStatus, ServerReport, TargetReport, TenantReport,
    Throttled, Work,
};
use crate::declare::Refused;
use crate::model::{Reason, Refusal};

/// What a pod that is killed has not told any more.
pub const UNTOLD: &str = "an earlier pod of this run ended without its report: what it did in its last seconds is \
     not counted, so these are the least that went";

/// What the PurgeRun says of the run when this process begins.
#[derive(Debug, Default)]
pub struct Earlier {
    /// The clock under which rows may have gone already.
    pub clock: Option<Timestamp>,
    pub dry_run: Option<bool>,
    /// When the run began, by the controller.
    pub began: Option<Timestamp>,
    pub server: Option<ServerReport>,
    /// How far this machine's clock is ahead of the API server's, where that is known.
    pub ahead: Option<SignedDuration>,
    targets: Vec<TargetReport>,
}

impl Earlier {
    /// `Err`: a clock that cannot be read. Another one must not take its place.
    pub fn of(status: &PurgeRunStatus) -> Result<Self, String> {
        let clock = status.clock.as_deref().map(str::parse).transpose();
        let clock = clock.map_err(|error| format!("status.clock: {error}"))?;
        // A dry run counts everything anew.
        let targets = match status.dry_run {
            Some(true) => Vec::new(),
            Some(false) | None => status.targets.clone(),
        };
        Ok(Self {
            clock,
            dry_run: status.dry_run,
            server: status.server.clone(),
            ahead: None,
            began: status.start_time.as_ref().map(|time| time.0),
            targets,
        })
    }

    /// What was counted by a dry run cannot be added to what went, nor the other way round.
    pub fn refuse(&self, dry_run: bool) -> Option<Refused> {
        let begun_as = self.dry_run.filter(|begun| self.clock.is_some() && *begun != dry_run)?;
        let (was, write) = if begun_as {
            ("a dry run", "add --dry-run, or make a new PurgeRun")
        } else {
            ("a run that deletes", "leave --dry-run out, or make a new PurgeRun")
        };
        Some(Refused {
            file: "command line".to_owned(),
            object: String::new(),
            refusal: Refusal::new(
                "--report",
                Reason::Conflict,
                format!("the PurgeRun has begun as {was}"),
                write,
            ),
        })
    }

    /// What it told, told again.
    pub fn status(&self) -> PurgeRunStatus {
        PurgeRunStatus {
            clock: self.clock.map(|clock| clock.to_string()),
            dry_run: self.dry_run,
            server: self.server.clone(),
            totals: (!self.targets.is_empty()).then(|| totals(&self.targets)),
            targets: self.targets.clone(),
            ..PurgeRunStatus::default()
        }
    }

    /// The tenants that are told of, as they are told.
    pub fn tenants(&self, target: &str) -> BTreeSet<&str> {
        let found = self.targets.iter().filter(|earlier| earlier.name == target);
        found.flat_map(|earlier| &earlier.tenants).map(|tenant| tenant.name.as_str()).collect()
    }

    /// Roots that went already, of those that `maxRowsPerRun` lets go.
    pub fn gone(&self, target: &str) -> u64 {
        let found = self.targets.iter().find(|earlier| earlier.name == target);
        let rows = found.map_or(0, |earlier| earlier.rows.deleted + earlier.rows.updated);
        u64::try_from(rows).unwrap_or(0)
    }

    /// The targets that are not told yet: what went of them, and that they are at work. Whoever finds
    /// one so knows that it may have lost rows after it was told of.
    pub fn rest(&self, all: &[&str], told: &[TargetReport]) -> Vec<TargetReport> {
        let is_told = |name: &&&str| !told.iter().any(|told| told.name == **name);
        let at_work = |name: &&str| {
            let found = self.targets.iter().find(|earlier| earlier.name == *name);
            let earlier = found.cloned().unwrap_or_default();
            let name = (*name).to_owned();
            TargetReport { name, outcome: None, reason: None, message: None, ..earlier }
        };
        all.iter().filter(is_told).map(at_work).collect()
    }

    /// What went is added up; what stayed is as it was met last.
    pub fn add_to(&self, ours: TargetReport) -> TargetReport {
        let earlier = self.targets.iter().find(|earlier| earlier.name == ours.name);
        let untold = earlier.is_some_and(|earlier| earlier.outcome.is_none());
        let mut sum = match earlier {
            // Nothing was looked at this time.
            Some(earlier) if ours.access.is_none() => {
                let TargetReport { outcome, reason, message, .. } = ours;
                TargetReport { outcome, reason, message, ..earlier.clone() }
            }
            Some(earlier) => add(earlier, ours),
            None => ours,
        };
        let mut least: Vec<String> = earlier.map(why_least).unwrap_or_default();
        if untold {
            sum.rows.at_least = Some(true);
            least.retain(|note| note != UNTOLD);
            least.insert(0, UNTOLD.to_owned());
        }
        if let Some(access) = &mut sum.access {
            access.notes.retain(|note| !least.contains(note));
            access.notes.splice(0..0, least);
        }
        sum
    }

    /// When the run's time is up: it counts from the run's beginning, not from this process's.
    pub fn deadline(&self, allowed: Duration, started: Instant, now: Timestamp) -> Option<Instant> {
        let spent = self.began.map(|began| now.duration_since(began));
        // A controller whose clock is ahead of ours takes no time away.
        let spent = spent.and_then(|spent| Duration::try_from(spent).ok()).unwrap_or_default();
        started.checked_add(allowed.saturating_sub(spent))
    }
}

/// Why a pod before us knew only the least that went.
fn why_least(target: &TargetReport) -> Vec<String> {
    let notes = target.access.iter().flat_map(|access| &access.notes);
    notes.filter(|note| *note == UNTOLD || note.starts_with(UNSETTLED)).cloned().collect()
}

fn add(earlier: &TargetReport, ours: TargetReport) -> TargetReport {
    let mut sum = ours;
    let went = earlier.rows.deleted + earlier.rows.updated;
    sum.rows.examined += earlier.rows.examined;
    // What stayed is selected again by whoever comes next; what went is not.
    sum.rows.selected += went;
    sum.rows.deleted += earlier.rows.deleted;
    sum.rows.updated += earlier.rows.updated;
    sum.rows.at_least = sum.rows.at_least.or(earlier.rows.at_least);
    merge(&mut sum.dependents, &earlier.dependents, |one, other| one.name == other.name, {
        |sum: &mut DependentReport, earlier| {
            sum.deleted += earlier.deleted;
            sum.updated += earlier.updated;
        }
    });
    merge(&mut sum.files, &earlier.files, |one, other| one.name == other.name, {
        |sum: &mut FileReport, earlier| {
            sum.removed += earlier.removed;
            sum.missing += earlier.missing;
        }
    });
    let gone = |tenant: &TenantReport| TenantReport { overdue: 0, ..tenant.clone() };
    let tenants: Vec<TenantReport> = earlier.tenants.iter().map(gone).collect();
    merge(&mut sum.tenants, &tenants, |one, other| one.name == other.name, {
        |sum: &mut TenantReport, earlier| {
            sum.deleted += earlier.deleted;
            sum.updated += earlier.updated;
        }
    });
    sum.tenants_omitted = sum.tenants_omitted.max(earlier.tenants_omitted);
    sum.work = match (sum.work, &earlier.work) {
        (Some(ours), Some(earlier)) => Some(add_work(&ours, earlier)),
        (ours, earlier) => ours.or_else(|| earlier.clone()),
    };
    sum
}

/// Adds each of the others to its like, or behind them all where there is none.
fn merge<T: Clone>(
    sums: &mut Vec<T>,
    others: &[T],
    alike: impl Fn(&T, &T) -> bool,
    add: impl Fn(&mut T, &T),
) {
    for other in others {
        match sums.iter_mut().find(|sum| alike(sum, other)) {
            Some(sum) => add(sum, other),
            None => sums.push(other.clone()),
        }
    }
}

fn add_work(ours: &Work, earlier: &Work) -> Work {
    let seconds = |one: Option<f64>, other: Option<f64>| match (one, other) {
        (Some(one), Some(other)) => Some(one + other),
        (one, other) => one.or(other),
    };
    let throttled = |work: &Work| work.throttled_seconds.clone().unwrap_or_default();
    let (one, other) = (throttled(ours), throttled(earlier));
    Work {
        batches: ours.batches + earlier.batches,
        longest_batch_millis: ours.longest_batch_millis.max(earlier.longest_batch_millis),
        throttled_seconds: Some(Throttled {
            duty_cycle: seconds(one.duty_cycle, other.duty_cycle),
            replica_lag: seconds(one.replica_lag, other.replica_lag),
            lock_waiters: seconds(one.lock_waiters, other.lock_waiters),
            wal_size: seconds(one.wal_size, other.wal_size),
        }),
    }
}

#[cfg(test)]
mod tests;
