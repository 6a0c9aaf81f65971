//! Where a dry run cannot promise the run's counts: a condition reads what the policy writes.

use std::collections::BTreeSet;

use crate::model::{DependentAction, Expression, Scalar, TableName, Target};

/// The caution for the report, if there is one. `written` gathers what the targets so far write.
pub fn caution(
    target: &Target,
    set_null: &[String],
    written: &mut BTreeSet<TableName>,
) -> Option<String> {
    // An earlier target may already have taken rows of this one's table.
    let mut clash: BTreeSet<TableName> =
        written.iter().filter(|table| **table == target.table.name).cloned().collect();
    let own = writes(target, set_null);
    written.extend(own.iter().cloned());
    clash.extend(reads(target).intersection(written).cloned());
    clash.extend(shared(target));
    if clash.is_empty() {
        return None;
    }
    let names: Vec<&str> = clash.iter().map(|table| table.name.as_str()).collect();
    Some(format!(
        "depends on earlier deletions: the policy both reads and writes {}; the counts of a dry run may differ from the run's",
        names.join(", ")
    ))
}

fn writes(target: &Target, set_null: &[String]) -> BTreeSet<TableName> {
    let mut tables = BTreeSet::from([target.table.name.clone()]);
    for dependent in &target.dependents {
        if !matches!(dependent.action, DependentAction::Keep) {
            tables.insert(dependent.table.name.clone());
        }
    }
    let schema = target.table.name.schema.clone();
    tables.extend(set_null.iter().filter_map(|shown| {
        Some(TableName { schema: schema.clone(), name: shown.split('(').next()?.trim().to_owned() })
    }));
    tables
}

/// Tables that decide which rows go, other than by the row itself.
fn reads(target: &Target) -> BTreeSet<TableName> {
    let mut tables = BTreeSet::new();
    let mut add = |expression: &Expression| tables.extend(expression.tables.iter().cloned());
    target.selection.iter().for_each(&mut add);
    target.exemptions.iter().for_each(|exemption| add(&exemption.when));
    target
        .dependents
        .iter()
        .filter_map(|dependent| dependent.selection.as_ref())
        .for_each(&mut add);
    let scalars = [target.age.as_ref().map(|age| &age.scalar), target.tenant.as_ref()];
    for scalar in scalars.into_iter().flatten() {
        if let Scalar::Expression(expression) = scalar {
            add(expression);
        }
    }
    tables.extend(target.referenced.iter().map(|reference| reference.table.name.clone()));
    tables
}

/// A row that two dependents reach, or a dependent that is itself a root, is counted by whoever
/// comes first; and that depends on the batches.
fn shared(target: &Target) -> Vec<TableName> {
    let written = |at: usize| !matches!(target.dependents[at].action, DependentAction::Keep);
    let mut tables = Vec::new();
    for (at, dependent) in target.dependents.iter().enumerate().filter(|(at, _)| written(*at)) {
        let name = &dependent.table.name;
        let earlier =
            (0..at).filter(|at| written(*at)).any(|at| target.dependents[at].table.name == *name);
        let parent = dependent.of.map_or(&target.table, |of| &target.dependents[of].table);
        let referenced: Vec<&str> =
            dependent.references.iter().map(|(_, column)| column.as_str()).collect();
        let touches_root = *name == target.table.name;

        if earlier || touches_root || !parent.is_unique_on(&referenced) {
            tables.push(name.clone());
        }
    }
    tables
}
