//! Whose rows are how old when they go.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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

/// The fates of a target's tenants.
#[derive(Debug)]
pub struct Cutoffs {
    collation: Collation,
    /// `None`: the target has no tenants.
    by_tenant: Option<HashMap<String, Fate>>,
    everyone: Fate,
    /// Windows and cutoffs by tenant, for the report; "" where there are no tenants.
    pub windows: BTreeMap<String, (Window, Option<Timestamp>)>,
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
            windows: BTreeMap::new(),
            unknown: Vec::new(),
            absent: Vec::new(),
        };
        let asked: Option<Vec<String>> = declaration
            .tenants
            .as_ref()
            .map(|names| names.iter().map(|name| collation.fold(name)).collect());
        if target.tenant.is_none() {
            // Rows of nobody's are not rows of the tenants that this run is narrowed to.
            if asked.is_none() {
                cutoffs.everyone = cutoffs.fate("", "", target, seen, declaration, clock);
            }
            return cutoffs;
        }
        let mut fates = HashMap::new();
        for name in seen.tenants.iter().filter_map(|tenant| tenant.name.name()) {
            let folded = collation.fold(&name);
            if fates.contains_key(&folded)
                || asked.as_ref().is_some_and(|asked| !asked.contains(&folded))
            {
                continue;
            }
            let fate = cutoffs.fate(&name, &folded, target, seen, declaration, clock);
            fates.insert(folded, fate);
        }
        cutoffs.absent = declaration.tenants.iter().flatten().cloned().collect();
        cutoffs.absent.retain(|name| !fates.contains_key(&collation.fold(name)));
        cutoffs.by_tenant = Some(fates);
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
                    self.windows.insert(name.to_owned(), (window, cutoff));
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
        let Some(name) = tenant.name() else {
            return Fate::Kept;
        };
        fates.get(&self.collation.fold(&name)).copied().unwrap_or(Fate::Kept)
    }

    /// Of these tenants those that may have a row below their cutoff. What somebody writes later, and
    /// older than all that was there, waits for the next run.
    pub fn due(&self, tenants: &[Tenant], encoding: Option<&Encoding>) -> Vec<Value> {
        // Many tenants share few cutoffs.
        let values = |encoding| self.all().into_iter().map(move |at| (at, below(at, encoding)));
        let values: HashMap<Timestamp, Value> = encoding.into_iter().flat_map(values).collect();
        let may_be_due = |tenant: &&Tenant| match (self.of(&tenant.name), &tenant.oldest) {
            (Fate::Cutoff(cutoff), Some(oldest)) => {
                values.get(&cutoff).is_none_or(|below| may_lie_below(oldest, below))
            }
            (Fate::Cutoff(_), None) => true,
            (Fate::NoWindow | Fate::Each | Fate::Kept, _) => false,
        };
        tenants.iter().filter(may_be_due).map(|tenant| tenant.name.clone()).collect()
    }

    /// Each cutoff once, in the order of time.
    pub fn all(&self) -> Vec<Timestamp> {
        let cutoff = |fate: &Fate| match fate {
            Fate::Cutoff(cutoff) => Some(*cutoff),
            Fate::NoWindow | Fate::Each | Fate::Kept => None,
        };
        let all: BTreeSet<Timestamp> = match &self.by_tenant {
            Some(fates) => fates.values().filter_map(cutoff).collect(),
            None => cutoff(&self.everyone).into_iter().collect(),
        };
        all.into_iter().collect()
    }

    /// The cutoff below which every row that may go lies; `None` when none may by its age.
    pub fn youngest(&self) -> Option<Timestamp> {
        self.all().pop()
    }
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
