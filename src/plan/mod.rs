//! Declaration and observation to a plan that is safe to act on, or to refusals. Pure.

mod access;
mod cutoffs;
mod dependencies;
mod obstacles;
mod references;
mod rights;
mod substitute;
mod target;
mod understood;
mod unseen;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

pub use cutoffs::{Cutoffs, Fate, TenantWindow};

use crate::declare::{Database, Declaration};
use crate::model::{DependentAction, Refusal, TableName, Target, Value};
use crate::observe::Observed;

/// What a run does, target by target.
#[derive(Debug)]
pub struct Plan {
    pub clock: Timestamp,
    pub targets: Vec<PlannedTarget>,
}

impl Plan {
    /// Of its targets.
    pub fn names(&self) -> Vec<&str> {
        self.targets.iter().map(|planned| planned.target.name.as_str()).collect()
    }
}

#[derive(Debug)]
pub struct PlannedTarget {
    pub target: Target,
    /// The target as its rows are walked and taken: once for each table that holds them.
    pub leaves: Vec<Target>,
    /// The manifest's path of the target, for refusals that rows give.
    pub field: String,
    pub cutoffs: Cutoffs,
    /// The tenants that had a row below their cutoff when the plan was made, or may have had one.
    pub due: Vec<Value>,
    /// At most so many roots.
    pub cap: Option<u64>,
    /// For an Update: the target as its rows would be judged afterwards. `None` where the
    /// predicate cannot be computed without doing it.
    pub afterwards: Option<Target>,
    pub notes: Notes,
}

/// What the report tells of a target beyond its counts.
#[derive(Debug, Default)]
pub struct Notes {
    /// Why rows are found the way they are.
    pub why: String,
    /// The index that would help.
    pub index: Option<String>,
    pub triggers: Vec<String>,
    pub set_null: Vec<String>,
    /// What makes a dry run's counts differ from the run's, and other things worth knowing.
    pub cautions: Vec<String>,
    /// What the run understood of the manifest.
    pub understood: BTreeMap<String, String>,
}

/// SQLite enforces foreign keys unless the policy asks that one be left alone.
pub fn enforces_foreign_keys(declaration: &Declaration) -> bool {
    let keep = |action: &DependentAction| matches!(action, DependentAction::Keep);
    !declaration.targets.iter().any(|target| target.dependents.iter().any(|d| keep(&d.action)))
}

/// The plan, or all that stands against it.
pub fn plan(declaration: &Declaration, observed: &Observed) -> Result<Plan, Vec<Refusal>> {
    let enforced = enforces_foreign_keys(declaration);
    let allowed = match &declaration.connection.database {
        Database::Sqlite { .. } => true,
        Database::Postgres(login) => login.allow_privileged,
    };
    let mut refusals: Vec<Refusal> =
        rights::login(&observed.catalog, allowed).into_iter().collect();
    refusals.extend(obstacles::strange_operators(&observed.strange_operators));
    let mut targets = Vec::new();
    let mut written: BTreeSet<TableName> = BTreeSet::new();
    for (declared, seen) in declaration.targets.iter().zip(&observed.targets) {
        let dry_run = declaration.dry_run;
        let context = target::Context { observed, seen, enforced, dry_run };
        match target::resolve(declared, &context) {
            Ok((target, mut notes)) => {
                let cutoffs = Cutoffs::new(declared, seen, declaration, observed.clock);
                // What an earlier target sets may be older than all that is there yet.
                let is_settled = !written.contains(&target.table.name);
                let absent = cutoffs.absent.iter();
                notes.cautions.extend(absent.map(|name| format!("no row has the tenant {name}")));
                notes.cautions.extend(dependencies::caution(
                    &target,
                    &notes.set_null,
                    &mut written,
                ));
                notes.cautions.extend(unseen::caution(&target, &observed.catalog));
                notes.understood = understood::of(declared);
                let encoding = target.age.as_ref().map(|age| &age.encoding);
                targets.push(PlannedTarget {
                    due: cutoffs.due(&seen.tenants, encoding.filter(|_| is_settled)),
                    cutoffs,
                    field: declared.field.clone(),
                    cap: declared.cap,
                    afterwards: substitute::afterwards(&target),
                    leaves: target::leaves(&target, &observed.catalog),
                    target,
                    notes,
                });
            }
            Err(mut wrong) => refusals.append(&mut wrong),
        }
    }
    if refusals.is_empty() { Ok(Plan { clock: observed.clock, targets }) } else { Err(refusals) }
}
