//! Whose rows are how old when they go.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use crate::declare::{Declaration, Target, Windows};
use crate::model::{
    Answer, Collation, Encoding, Reason, Unknown, UnknownTenant, Value, Window, below,
    may_lie_below,
};
use crate::observe::{ObservedTarget, Tenant};

/// What happens to the rows of one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Strictly older rows go.
    Cutoff(Timestamp),
    /// There is no window, and so no age: keepNewest alone decides.
    NoWindow,
    /// Each row by the fate of its own tenant, where nothing that is asked names a cutoff. No
    /// tenant has this one; rows of many are taken together under it.
    Each,
    /// Kept for ever, kept because the window is unknown, not asked for in this run, or not yet
    /// there when the tenants were read.
    Kept,
}

/// What a tenant's rows are compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantWindow {
    pub name: String,
    pub window: Window,
    pub cutoff: Option<Timestamp>,
}

/// The fates of a target's tenants.
#[derive(Debug)]
pub struct Cutoffs {
    collation: Collation,
    /// `None`: the target has no tenants.
    by_tenant: Option<HashMap<String, Fate>>,
    everyone: Fate,
    /// Of the tenants that were seen, in their order.
    fates: Vec<Fate>,
    /// Each cutoff once, in the order of time.
    all: Vec<Timestamp>,
    /// For the report, in the order of the tenants' names; "" where there are no tenants.
    pub windows: Vec<TenantWindow>,
    pub unknown: Vec<UnknownTenant>,
    /// Tenants that the run is narrowed to, and that no row has.
    pub absent: Vec<String>,
}

impl Cutoffs {
    pub fn new(
        target: &Target,
        seen: &ObservedTarget,
        declaration: &Declaration,
        clock: Timestamp,
    ) -> Self {
        let collation = seen.collation.unwrap_or(Collation::Binary);
        let mut cutoffs = Self {
            collation,
            by_tenant: None,
            everyone: Fate::Kept,
            fates: Vec::new(),
            all: Vec::new(),
            windows: Vec::new(),
            unknown: Vec::new(),
            absent: Vec::new(),
        };
        let asked: Option<Vec<_>> = declaration
            .tenants
            .as_ref()
            .map(|names| names.iter().map(|name| collation.fold(name)).collect());
        if target.tenant.is_none() {
            // Rows of nobody's are not rows of the tenants that this run is narrowed to.
            if asked.is_none() {
                cutoffs.everyone = cutoffs.fate("", "", target, seen, declaration, clock);
            }
            cutoffs.all = distinct([&cutoffs.everyone]);
            return cutoffs;
        }
        let mut by_tenant: HashMap<String, Fate> = HashMap::with_capacity(seen.tenants.len());
        cutoffs.fates.reserve_exact(seen.tenants.len());
        for tenant in &seen.tenants {
            let Some(name) = tenant.name.called() else {
                cutoffs.fates.push(Fate::Kept);
                continue;
            };
            let folded = collation.fold(&name);
            if asked.as_ref().is_some_and(|asked| !asked.contains(&folded)) {
                cutoffs.fates.push(Fate::Kept);
                continue;
            }
            let fate = match by_tenant.entry(folded.into_owned()) {
                Entry::Occupied(other_spelling) => *other_spelling.get(),
                Entry::Vacant(first) => {
                    let fate = cutoffs.fate(&name, first.key(), target, seen, declaration, clock);
                    *first.insert(fate)
                }
            };
            cutoffs.fates.push(fate);
        }
        cutoffs.absent = declaration.tenants.iter().flatten().cloned().collect();
        cutoffs.absent.retain(|name| !by_tenant.contains_key(&*collation.fold(name)));
        cutoffs.all = distinct(by_tenant.values());
        cutoffs.windows.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        cutoffs.by_tenant = Some(by_tenant);
        cutoffs
    }

    fn fate(
        &mut self,
        name: &str,
        folded: &str,
        target: &Target,
        seen: &ObservedTarget,
        declaration: &Declaration,
        clock: Timestamp,
    ) -> Fate {
        let Some(windows) = &target.windows else {
            return Fate::NoWindow;
        };
        let unknown = match window(name, folded, self.collation, windows, seen) {
            Ok(window) => match window.cutoff(clock, windows.rule, &declaration.zone) {
                Ok(cutoff) => {
                    self.windows.push(TenantWindow { name: name.to_owned(), window, cutoff });
                    return cutoff.map_or(Fate::Kept, Fate::Cutoff);
                }
                Err(error) => Unknown {
                    source: windows.field.clone(),
                    reason: Reason::NotAWindow,
                    message: error.to_string(),
                },
            },
            Err(unknown) => unknown,
        };
        self.unknown.push(UnknownTenant { name: name.to_owned(), unknown });
        Fate::Kept
    }

    /// NULL is nobody's, and kept.
    pub fn of(&self, tenant: &Value) -> Fate {
        let Some(fates) = &self.by_tenant else {
            return self.everyone;
        };
        let Some(name) = tenant.called() else {
            return Fate::Kept;
        };
        fates.get(&*self.collation.fold(&name)).copied().unwrap_or(Fate::Kept)
    }

    /// What the rows of the tenant of this name are compared with, where it has a window.
    pub fn window(&self, name: &str) -> Option<&TenantWindow> {
        let at = self.windows.binary_search_by(|window| window.name.as_str().cmp(name)).ok()?;
        self.windows.get(at)
    }

    /// Of the tenants that were seen those that may have a row below their cutoff. What somebody writes
    /// later, and older than all that was there, waits for the next run.
    pub fn due(&self, seen: &[Tenant], encoding: Option<&Encoding>) -> Vec<Value> {
        // Many tenants share few cutoffs.
        let value = |encoding| self.all.iter().map(move |at| below(*at, encoding));
        let values: Option<Vec<Value>> = encoding.map(|encoding| value(encoding).collect());
        let may_be_due = |(tenant, fate): &(&Tenant, &Fate)| match (fate, &tenant.oldest, &values) {
            (Fate::Cutoff(cutoff), Some(oldest), Some(values)) => {
                let value = self.all.binary_search(cutoff).ok().and_then(|at| values.get(at));
                value.is_none_or(|below| may_lie_below(oldest, below))
            }
            (Fate::Cutoff(_), _, _) => true,
            (Fate::NoWindow | Fate::Each | Fate::Kept, _, _) => false,
        };
        let due = seen.iter().zip(&self.fates).filter(may_be_due);
        due.map(|(tenant, _)| tenant.name.clone()).collect()
    }

    /// Each cutoff once, in the order of time.
    pub fn all(&self) -> &[Timestamp] {
        &self.all
    }

    /// The cutoff below which every row that may go lies; `None` when none may by its age.
    pub fn youngest(&self) -> Option<Timestamp> {
        self.all.last().copied()
    }
}

fn distinct<'f>(fates: impl IntoIterator<Item = &'f Fate>) -> Vec<Timestamp> {
    let cutoff = |fate: &Fate| match fate {
        Fate::Cutoff(cutoff) => Some(*cutoff),
        Fate::NoWindow | Fate::Each | Fate::Kept => None,
    };
    let all: BTreeSet<Timestamp> = fates.into_iter().filter_map(cutoff).collect();
    all.into_iter().collect()
}

/// `tenants`, then the sources in order, then the default. Asking stops at the first answer, and
/// at the first that is unknown: unknown never falls through to a default.
fn window(
    name: &str,
    folded: &str,
    collation: Collation,
    windows: &Windows,
    seen: &ObservedTarget,
) -> Result<Window, Unknown> {
    let mut own = windows.tenants.iter().filter(|(listed, _)| collation.fold(listed) == folded);
    if let Some((_, first)) = own.next() {
        return if own.all(|(_, other)| other == first) {
            Ok(*first)
        } else {
            Err(Unknown {
                source: format!("{}.tenants", windows.field),
                reason: Reason::AmbiguousTenant,
                message: format!(
                    "two entries are equal to {name} for the column, with different windows"
                ),
            })
        };
    }
    for answers in &seen.answers {
        match answers.of(folded) {
            Answer::Set(window) => return Ok(window),
            Answer::Silent => {}
            Answer::Unknown(unknown) => return Err(unknown),
        }
    }
    Ok(windows.default)
}

#[cfg(test)]
mod tests;
