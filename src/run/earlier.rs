//! What an earlier pod of the same run has done. A Job replaces a pod that was killed; the new one
//! goes on under the same clock and adds to the same counts. Pure.

use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::report::totals;
use crate::api::{
    DependentReport, FileReport, PurgeRunStatus, TargetReport, TenantReport, Throttled, Work,
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
    /// It gave up by itself, and left nothing untold.
    gave_up: bool,
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
            began: status.start_time.as_ref().map(|time| time.0),
            gave_up: status.unreachable.is_some(),
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
            totals: (!self.targets.is_empty()).then(|| totals(&self.targets)),
            targets: self.targets.clone(),
            ..PurgeRunStatus::default()
        }
    }

    /// Roots that went already, of those that `maxRowsPerRun` lets go.
    pub fn gone(&self, target: &str) -> u64 {
        let found = self.targets.iter().find(|earlier| earlier.name == target);
        let rows = found.map_or(0, |earlier| earlier.rows.deleted + earlier.rows.updated);
        u64::try_from(rows).unwrap_or(0)
    }

    /// The targets that are not told yet, as they were left.
    pub fn rest(&self, told: &[TargetReport]) -> Vec<TargetReport> {
        let is_told = |earlier: &&TargetReport| !told.iter().any(|told| told.name == earlier.name);
        self.targets.iter().filter(is_told).cloned().collect()
    }

    /// What went is added up; what stayed is as it was met last.
    pub fn add_to(&self, ours: TargetReport) -> TargetReport {
        let earlier = self.targets.iter().find(|earlier| earlier.name == ours.name);
        let untold = match earlier {
            None => self.clock.is_some() && self.dry_run == Some(false) && !self.gave_up,
            Some(earlier) => earlier.outcome.is_none() || has_untold(earlier),
        };
        let mut sum = match earlier {
            // Nothing was looked at this time.
            Some(earlier) if ours.access.is_none() => {
                let TargetReport { outcome, reason, message, .. } = ours;
                TargetReport { outcome, reason, message, ..earlier.clone() }
            }
            Some(earlier) => add(earlier, ours),
            None => ours,
        };
        if untold
            && !has_untold(&sum)
            && let Some(access) = &mut sum.access
        {
            access.notes.push(UNTOLD.to_owned());
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

fn has_untold(target: &TargetReport) -> bool {
    target.access.as_ref().is_some_and(|access| access.notes.iter().any(|note| note == UNTOLD))
}

fn add(earlier: &TargetReport, ours: TargetReport) -> TargetReport {
    let mut sum = ours;
    let went = earlier.rows.deleted + earlier.rows.updated;
    sum.rows.examined += earlier.rows.examined;
    // What stayed is selected again by whoever comes next; what went is not.
    sum.rows.selected += went;
    sum.rows.deleted += earlier.rows.deleted;
    sum.rows.updated += earlier.rows.updated;
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
        }),
    }
}
