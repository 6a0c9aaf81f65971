//! What must happen, worked out row by row in memory from rules 1-19 and what the case was made of: no SQL, no catalog, no parser.

use super::clock::{Nanos, SECOND, Window};
use super::condition::Term;
use super::engine::is_real;
use super::meaning::{Answer, Asked, cutoff, equal, plain, tenant, window};
use super::newest::surplus;
use super::policy::{Policy, Target, Treatment};
use super::schema::{OnDelete, Reference, Table, Value};
use super::shape::{Shape, TARGET, Tenancy};
use std::collections::{BTreeMap, HashSet};

/// One target's share of a run, or of a dry run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    pub selected: usize,
    pub held: BTreeMap<&'static str, usize>,
    pub referenced: usize,
    pub gone: usize,
    /// What triggers kept.
    pub failed: usize,
    /// Deleted and updated rows of each dependent.
    pub dependents: Vec<(usize, usize)>,
    /// Tenants whose window nobody could tell; those that surely have something to lose under any window.
    pub unknown: HashSet<String>,
    pub unknown_and_old: HashSet<String>,
}

/// The rows that rules 7-13 let go, before anything that still points at them is looked at; counts what is held and unknown.
pub fn released(
    shape: &Shape,
    policy: &Policy,
    target: &Target,
    tables: &[Table],
    volatile: bool,
) -> (Vec<usize>, Outcome) {
    let mut outcome =
        Outcome { dependents: vec![(0, 0); target.dependents.len()], ..Outcome::default() };
    outcome.held.extend(target.exemptions.iter().map(|(name, _)| (*name, 0)));
    let asked =
        |at: usize| Asked::of(shape, policy, target, tables, &tables[TARGET].rows[at].values);
    let chosen = |at: usize| {
        target.condition.as_ref().is_none_or(|condition| asked(at).truth(condition) == Some(true))
    };
    let mut eligible = Vec::new();
    for at in 0..tables[TARGET].rows.len() {
        let row = &tables[TARGET].rows[at];
        let tenant = tenant(shape, &row.values);
        if shape.tenancy != Tenancy::None && tenant == Value::Null {
            continue;
        }
        match target.windows.as_ref().map(|windows| window(shape, windows, tables, &tenant)) {
            Some(Answer::Unknown) => {
                outcome.unknown.insert(plain(&tenant));
                if target.age.is_some()
                    && row.age.is_some_and(|age| age < Nanos::from(policy.now - 2) * SECOND)
                    && target.condition.is_none()
                    && target.keep.is_none()
                {
                    outcome.unknown_and_old.insert(plain(&tenant));
                }
            }
            Some(Answer::Window(Window::Forever)) => (),
            _ if chosen(at) => eligible.push(at),
            _ => (),
        }
    }
    let surplus = surplus(shape, target, tables, &eligible);
    let old = |at: &usize| {
        let cutoff = cutoff(shape, policy, tables, target, &tables[TARGET].rows[*at].values);
        target.age.is_none()
            || matches!((tables[TARGET].rows[*at].age, cutoff), (Some(age), Some(cutoff)) if age < Nanos::from(cutoff) * SECOND)
    };
    let mut released = Vec::new();
    for at in eligible.into_iter().filter(|at| surplus.contains(at) && old(at)) {
        outcome.selected += 1;
        let asked = asked(at);
        let counted = target
            .exemptions
            .iter()
            .enumerate()
            .filter(|(number, _)| volatile || target.volatile != Some(*number));
        match counted
            .map(|(_, exemption)| exemption)
            .find(|(_, when)| asked.truth(when) != Some(false))
        {
            Some((name, _)) => *outcome.held.get_mut(name).unwrap() += 1,
            None => released.push(at),
        }
    }
    (released, outcome)
}

/// A root with everything that goes or changes with it: rows by table and place, with the dependent they are counted under.
#[derive(Clone, Debug, Default)]
pub struct Family {
    pub deleted: Vec<(usize, usize, Option<usize>)>,
    pub updated: Vec<(usize, usize, usize)>,
}

pub fn family(target: &Target, tables: &[Table], root: usize) -> Family {
    let mut family = Family::default();
    family.deleted.extend(target.set.is_none().then_some((TARGET, root, None)));
    let mut reached: Vec<Vec<usize>> = Vec::new();
    for (number, dependent) in target.dependents.iter().enumerate() {
        let (parent, parents) = dependent
            .of
            .map_or((TARGET, vec![root]), |of| (target.dependents[of].table, reached[of].clone()));
        let key = Reference {
            columns: dependent.columns.clone(),
            table: parent,
            parents: dependent.parents.clone(),
            on_delete: OnDelete::NoAction,
        };
        let mut rows = Vec::new();
        for (at, row) in tables[dependent.table].rows.iter().enumerate() {
            let asked = Asked::plain(tables, &row.values, Value::Null);
            let chosen = dependent
                .condition
                .as_ref()
                .is_none_or(|condition| asked.truth(condition) == Some(true));
            let counted = family
                .deleted
                .iter()
                .any(|(table, other, _)| (*table, *other) == (dependent.table, at));
            if chosen
                && !counted
                && parents.iter().any(|parent| points(tables, &key, &row.values, *parent))
            {
                rows.push(at);
            }
        }
        if dependent.treatment == Treatment::Update {
            family.updated.extend(rows.iter().map(|at| (dependent.table, *at, number)));
        } else {
            family.deleted.extend(rows.iter().map(|at| (dependent.table, *at, Some(number))));
        }
        reached.push(rows);
    }
    family
}

fn points(tables: &[Table], key: &Reference, values: &[Value], parent: usize) -> bool {
    let theirs = &tables[key.table].rows[parent].values;
    key.columns.iter().zip(&key.parents).all(|(own, other)| equal(&values[*own], &theirs[*other]))
}

/// Whether a row outside the family still points at one that would go, by a key that forbids it (rule 18).
pub fn referenced(target: &Target, tables: &[Table], family: &Family) -> bool {
    tables.iter().enumerate().any(|(table, child)| {
        child
            .references
            .iter()
            .filter(|key| key.on_delete != OnDelete::Cascade && !key.on_delete.lets_go())
            .any(|key| {
                let parents: Vec<_> =
                    family.deleted.iter().filter(|(parent, _, _)| *parent == key.table).collect();
                child.rows.iter().enumerate().any(|(at, row)| {
                    let goes =
                        family.deleted.iter().any(|(other, row, _)| (*other, *row) == (table, at));
                    let cleared = |number: usize| {
                        key.columns.iter().any(|column| {
                            target.dependents[number].set.iter().any(|(set, to)| {
                                set == column && matches!(to, Term::Literal(Value::Null))
                            })
                        })
                    };
                    let lets_go = family.updated.iter().any(|(other, row, number)| {
                        (*other, *row) == (table, at) && cleared(*number)
                    });
                    !goes
                        && !lets_go
                        && parents
                            .iter()
                            .any(|(_, parent, _)| points(tables, key, &row.values, *parent))
                })
            })
    })
}

/// One target, to its end or its cap. The tables are as the run leaves them. What triggers do shows when it `acts`.
pub fn purge(
    shape: &Shape,
    policy: &Policy,
    target: &Target,
    tables: &mut [Table],
    acts: bool,
) -> Outcome {
    let (released, mut outcome) = released(shape, policy, target, tables, true);
    let families: Vec<_> =
        released.into_iter().map(|root| (root, family(target, tables, root))).collect();
    let (kept, mut going): (Vec<_>, Vec<_>) =
        families.into_iter().partition(|(_, family)| referenced(target, tables, family));
    outcome.referenced = kept.len();
    if acts {
        let before = going.len();
        going.retain(|(root, _)| !tables[TARGET].rows[*root].stays);
        outcome.failed = before - going.len();
    }
    if let Some(cap) = target.cap {
        going.sort_by_key(|(root, _)| tables[TARGET].rows[*root].age);
        going.truncate(cap);
    }
    outcome.gone = going.len();
    apply(shape, policy, target, tables, &going, &mut outcome);
    outcome
}

/// Takes roots and what belongs to them out of the tables.
pub fn apply(
    shape: &Shape,
    policy: &Policy,
    target: &Target,
    tables: &mut [Table],
    going: &[(usize, Family)],
    outcome: &mut Outcome,
) {
    let now = shape.encoding.instant(policy.now);
    let before = tables.to_vec();
    let mut gone: HashSet<(usize, usize)> = HashSet::new();
    let mut changed: HashSet<(usize, usize)> = HashSet::new();
    for (root, family) in going {
        for (table, at, dependent) in &family.deleted {
            // A row that two roots share goes once.
            let first = gone.insert((*table, *at));
            if let Some(dependent) = dependent.filter(|_| first) {
                outcome.dependents[dependent].0 += 1;
            }
        }
        for (table, at, dependent) in &family.updated {
            outcome.dependents[*dependent].1 += usize::from(changed.insert((*table, *at)));
            assign(&before, tables, (*table, *at), &target.dependents[*dependent].set, &now);
        }
        if let Some(set) = &target.set {
            assign(&before, tables, (TARGET, *root), set, &now);
            if set.iter().any(|(column, _)| *column == shape.roles.age) {
                tables[TARGET].rows[*root].age = Some(Nanos::from(policy.now) * SECOND);
            }
        }
    }
    for table in 0..tables.len() {
        for key in tables[table].references.clone().iter().filter(|key| key.on_delete.lets_go()) {
            for at in 0..tables[table].rows.len() {
                if gone.iter().any(|(parent, row)| {
                    *parent == key.table
                        && points(&before, key, &before[table].rows[at].values, *row)
                }) {
                    key.columns
                        .iter()
                        .for_each(|column| tables[table].rows[at].values[*column] = Value::Null);
                }
            }
        }
    }
    for (number, table) in tables.iter_mut().enumerate() {
        let mut at = 0;
        table.rows.retain(|_| (at += 1, !gone.contains(&(number, at - 1))).1);
    }
}

/// `set` sees the row as it was (rule 19).
fn assign(
    before: &[Table],
    tables: &mut [Table],
    (table, at): (usize, usize),
    set: &[(usize, Term)],
    now: &Value,
) {
    let asked = Asked::plain(before, &before[table].rows[at].values, now.clone());
    for (column, term) in set {
        tables[table].rows[at].values[*column] = match asked.term(term) {
            Value::Int(number) if is_real(before[table].kind(*column)) => {
                Value::Real(number as f64)
            }
            value => value,
        };
    }
}
