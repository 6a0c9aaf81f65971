//! Counting what was seen and done.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use super::End;
use super::judge::{JudgedRow, Verdict};
use super::walk::Sightings;
use crate::model::{Action, Cause, Counts, DependentAction, Failure, TenantCounts, Value};
use crate::plan::PlannedTarget;

/// Counts in the making. A batch is added only after its commit.
#[derive(Clone)]
pub struct Tally {
    counts: Counts,
    updates: bool,
    dependent_updates: Vec<bool>,
    sightings: Sightings,
    /// Whether what can never go was met on a whole sweep.
    whole: bool,
    has_age: bool,
    has_tenants: bool,
    /// Of nobody's rows.
    has_window: bool,
    /// Roots that may go, counted by the look at all candidates that a cap asks for.
    eligible: Option<u64>,
}

/// Rows of one tenant with one verdict, in a batch that is committed.
pub struct Taken {
    pub tenant: Value,
    pub verdict: Verdict,
    pub rows: u64,
}

impl Tally {
    pub fn new(planned: &PlannedTarget) -> Self {
        let target = &planned.target;
        let mut counts = Counts {
            held: target.exemptions.iter().map(|exemption| (exemption.name.clone(), 0)).collect(),
            unknown: planned.cutoffs.unknown.clone(),
            ..Counts::default()
        };
        let followed = target.dependents.iter();
        counts.dependents = followed.map(|dependent| (dependent.name.clone(), 0, 0)).collect();
        let dependent_updates = target.dependents.iter();
        Self {
            counts,
            updates: matches!(target.action, Action::Update(_)),
            dependent_updates: dependent_updates
                .map(|d| matches!(d.action, DependentAction::Update(_)))
                .collect(),
            sightings: Sightings::default(),
            whole: false,
            has_age: target.age.is_some(),
            has_tenants: target.tenant.is_some(),
            has_window: planned.cutoffs.window("").is_some(),
            eligible: None,
        }
    }

    pub fn gone(&self) -> u64 {
        self.counts.gone()
    }

    pub fn sighted(&mut self, sightings: Sightings) {
        self.counts.examined += sightings.examined;
        self.sightings.undatable += sightings.undatable;
        self.sightings.unreadable += sightings.unreadable;
        self.sightings.future += sightings.future;
        self.sightings.no_tenant += sightings.no_tenant;
        self.sightings.blurred |= sightings.blurred;
    }

    /// The look at all candidates of a capped target, before the first batch: every row is met
    /// here and perhaps nowhere else.
    pub fn ranked(&mut self, rows: &[JudgedRow]) {
        let mut eligible = 0;
        for row in rows {
            if row.verdict == Verdict::Goes {
                eligible += 1;
                // Until it is gone.
                if let Some(tenant) = self.tenant(&row.tenant) {
                    tenant.overdue += 1;
                }
            }
            self.kept(row);
            self.counts.selected += u64::from(row.verdict != Verdict::NotSelected);
        }
        *self.eligible.get_or_insert(0) += eligible;
    }

    /// A batch that is committed, or that a dry run has counted; gives how many roots went.
    /// `ranked`: the look before the first batch has counted what is kept.
    pub fn committed(&mut self, rows: &[JudgedRow], dependents: &[u64], ranked: bool) -> u64 {
        let mut going = 0;
        for row in rows {
            if row.verdict == Verdict::Goes {
                going += 1;
                if let Some(tenant) = self.tenant(&row.tenant) {
                    tenant.gone += 1;
                    if ranked {
                        tenant.overdue = tenant.overdue.saturating_sub(1);
                    }
                }
            }
            if !ranked {
                self.counts.selected += u64::from(row.verdict != Verdict::NotSelected);
                self.kept(row);
            }
        }
        self.went(going, dependents);
        going
    }

    /// A batch of whole blocks that is committed. Nothing in it is overdue.
    pub fn taken(&mut self, taken: &[Taken], dependents: &[u64]) {
        let mut going = 0;
        for Taken { tenant, verdict, rows } in taken {
            match verdict {
                Verdict::Goes => {
                    going += rows;
                    if let Some(tenant) = self.tenant(tenant) {
                        tenant.gone += rows;
                    }
                }
                Verdict::Held(at) => self.counts.held[*at].1 += rows,
                Verdict::NotSelected => continue,
                Verdict::Referenced | Verdict::Locked | Verdict::Capped => {}
            }
            self.counts.selected += rows;
        }
        self.went(going, dependents);
    }

    pub fn examined(&mut self, rows: u64) {
        self.counts.examined += rows;
    }

    fn went(&mut self, going: u64, dependents: &[u64]) {
        if self.updates {
            self.counts.updated += going;
        } else {
            self.counts.deleted += going;
        }
        for (at, count) in dependents.iter().enumerate() {
            let (_, deleted, updated) = &mut self.counts.dependents[at];
            *(if self.dependent_updates[at] { updated } else { deleted }) += count;
        }
    }

    /// Rows that someone else had locked; a look before the first batch has counted them overdue.
    pub fn locked(&mut self, rows: &[JudgedRow], ranked: bool) {
        if ranked {
            self.counts.locked += rows.len() as u64;
            return;
        }
        for row in rows {
            self.counts.selected += 1;
            self.kept(row);
        }
    }

    fn kept(&mut self, row: &JudgedRow) {
        match row.verdict {
            Verdict::Held(at) => self.counts.held[at].1 += 1,
            Verdict::Referenced => {
                self.counts.referenced += 1;
                self.overdue(row);
            }
            Verdict::Locked => {
                self.counts.locked += 1;
                self.overdue(row);
            }
            Verdict::Goes | Verdict::Capped | Verdict::NotSelected => {}
        }
    }

    fn overdue(&mut self, row: &JudgedRow) {
        self.counts.overdue.rows += 1;
        self.overdue_past(past(row));
        if let Some(tenant) = self.tenant(&row.tenant) {
            tenant.overdue += 1;
        }
    }

    pub fn overdue_past(&mut self, past: Option<Duration>) {
        self.counts.overdue.oldest = self.counts.overdue.oldest.max(past);
    }

    fn tenant(&mut self, tenant: &Value) -> Option<&mut TenantCounts> {
        let name = if self.has_tenants {
            tenant.called()?
        } else {
            self.has_window.then_some(Cow::Borrowed(""))?
        };
        if !self.counts.tenants.contains_key(&*name) {
            self.counts.tenants.insert(name.clone().into_owned(), TenantCounts::default());
        }
        self.counts.tenants.get_mut(&*name)
    }

    pub fn failed(&mut self, rows: &[JudgedRow], failure: Failure) {
        self.counts.failed += 1;
        self.counts.failures.push(failure);
        for row in rows.iter().filter(|row| row.verdict == Verdict::Goes) {
            if self.eligible.is_none() {
                self.counts.selected += 1;
                self.overdue(row);
            }
        }
    }

    pub fn last_failure(&self) -> Option<String> {
        self.counts.failures.last().map(|failure| failure.message.clone())
    }

    pub fn batch(&mut self, took: Duration) {
        let work = &mut self.counts.work;
        work.batches += 1;
        work.longest_batch = work.longest_batch.max(took);
    }

    /// How long it paused so far, by cause, and what it waits for now.
    pub fn throttled(&mut self, throttled: BTreeMap<Cause, Duration>, waits: Option<String>) {
        self.counts.work.throttled = throttled;
        self.counts.work.waits = waits;
    }

    /// The table is walked again from its beginning.
    pub fn begin_again(&mut self) {
        let counts = &mut self.counts;
        counts.selected = counts.gone() + counts.failed;
        counts.referenced = 0;
        counts.locked = 0;
        counts.overdue.rows = counts.failed;
        counts.held.iter_mut().for_each(|(_, rows)| *rows = 0);
        counts.tenants.values_mut().for_each(|tenant| tenant.overdue = 0);
        self.sightings = Sightings::default();
        // Those that are gone are not met again.
        self.eligible = self.eligible.map(|_| self.counts.gone());
    }

    /// Of so many roots, taken by one batch, nobody knows whether they went.
    pub fn unsettled(&mut self, roots: u64) {
        self.counts.unsettled = roots;
    }

    pub fn access_changed(&mut self) {
        self.counts.work.swept_after_index = true;
    }

    /// A sweep came to its end.
    pub fn swept(&mut self) {
        self.whole = true;
    }

    /// As if it ended here.
    pub fn so_far(&self) -> Counts {
        self.clone().finish(&End::Stopped)
    }

    pub fn finish(mut self, end: &End) -> Counts {
        if let Some(eligible) = self.eligible {
            self.counts.overdue.rows += eligible.saturating_sub(self.counts.gone());
        }
        self.counts.overdue.at_least = !matches!(end, End::Done | End::CapReached);
        if self.whole && !self.sightings.blurred && matches!(end, End::Done | End::CapReached) {
            if self.has_age {
                self.counts.undatable = Some(self.sightings.undatable);
                self.counts.unreadable = Some(self.sightings.unreadable);
                self.counts.future = Some(self.sightings.future);
            }
            if self.has_tenants {
                self.counts.no_tenant = Some(self.sightings.no_tenant);
            }
        }
        self.counts
    }
}

/// How long a row is past its cutoff.
pub fn past(row: &JudgedRow) -> Option<Duration> {
    Duration::try_from(row.cutoff?.duration_since(row.age?)).ok()
}
