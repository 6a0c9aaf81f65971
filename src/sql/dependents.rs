//! What hangs on a root: counted, removed or changed with it, and what else points at it.

use super::render;
use super::statement::{Binds, Instants, Statement};
use super::words::{assignments, collated, column, from, joined, key_in, root_from, update};
use crate::model::{Action, AntiJoin, DependentAction, Engine, Key, OnDelete, ROW, Table, Target};

/// The rows of one dependent that hang on these roots. Roots of the batch itself go as roots.
fn reached(target: &Target, at: usize, keys: &[Key], binds: &mut Binds) -> String {
    let mut condition = hangs(target, at, keys, binds);
    if touches_roots(target, at) {
        let roots = key_in(target.rows(), ROW, keys, binds);
        condition += &format!(" AND NOT {roots}");
    }
    condition
}

fn touches_roots(target: &Target, at: usize) -> bool {
    matches!(target.action, Action::Delete) && target.dependents[at].table.name == target.table.name
}

/// Whether an earlier dependent may reach the same rows: then what a statement touches is not what
/// counts, and the rows are counted before anything is done to them.
pub fn shares_rows(target: &Target, at: usize) -> bool {
    earlier_of_same_table(target, at).next().is_some()
}

fn earlier_of_same_table(target: &Target, at: usize) -> impl Iterator<Item = usize> {
    let name = &target.dependents[at].table.name;
    let earlier = target.dependents[..at].iter().enumerate();
    earlier
        .filter(move |(_, other)| {
            !matches!(other.action, DependentAction::Keep) && other.table.name == *name
        })
        .map(|(earlier, _)| earlier)
}

/// The condition that the row ROW of the dependent's table hangs on one of the roots.
fn hangs(target: &Target, at: usize, keys: &[Key], binds: &mut Binds) -> String {
    let mut condition = pointing(target, at, keys, binds);
    if let Some(selection) = &target.dependents[at].selection {
        condition += &format!(" AND {} IS TRUE", render::expression(selection, ROW, None));
    }
    condition
}

/// The same, whether the dependent's `where` selects the row or not.
fn pointing(target: &Target, at: usize, keys: &[Key], binds: &mut Binds) -> String {
    let dependent = &target.dependents[at];
    let parent = dependent.of.map_or(&target.table, |of| &target.dependents[of].table);
    let own = dependent.references.iter().map(|(own, theirs)| {
        let value = column(&dependent.table, ROW, own);
        collated((&dependent.table, own), (parent, theirs), value)
    });
    let own: Vec<String> = own.collect();
    let theirs = |table: &Table| -> String {
        let columns = dependent.references.iter().map(|(_, theirs)| column(table, ROW, theirs));
        columns.collect::<Vec<_>>().join(", ")
    };
    // Inside, ROW is the parent: each level is closed, so a condition sees its own row alone.
    let (theirs, rows, chosen) = match dependent.of {
        None => {
            let chosen = key_in(target.rows(), ROW, keys, binds);
            (theirs(target.rows()), root_from(target, ROW), chosen)
        }
        Some(parent) => {
            let table = &target.dependents[parent].table;
            (theirs(table), from(table, ROW), hangs(target, parent, keys, binds))
        }
    };
    format!("({}) IN (SELECT {theirs} FROM {rows} WHERE {chosen})", own.join(", "))
}

/// How many rows of a dependent hang on these roots. A row that is reached twice counts under the
/// first dependent in the order written.
pub fn count_dependent(target: &Target, instants: &Instants, at: usize, keys: &[Key]) -> Statement {
    let mut binds = Binds::new(target.table.engine, instants);
    let mut conditions = vec![reached(target, at, keys, &mut binds)];
    for earlier in earlier_of_same_table(target, at) {
        conditions.push(format!("({}) IS NOT TRUE", hangs(target, earlier, keys, &mut binds)));
    }
    let table = from(&target.dependents[at].table, ROW);
    let conditions = conditions.join(" AND ");
    Statement::new(format!("SELECT count(*) FROM {table} WHERE {conditions}"), binds)
}

/// Removes them.
pub fn delete_dependent(
    target: &Target,
    instants: &Instants,
    at: usize,
    keys: &[Key],
) -> Statement {
    let mut binds = Binds::new(target.table.engine, instants);
    let reached = reached(target, at, keys, &mut binds);
    let table = from(&target.dependents[at].table, ROW);
    Statement::new(format!("DELETE FROM {table} WHERE {reached}"), binds)
}

/// Locks them, so that nothing new can come to hang on them.
pub fn lock_dependent(target: &Target, instants: &Instants, at: usize, keys: &[Key]) -> Statement {
    let mut binds = Binds::new(target.table.engine, instants);
    let reached = reached(target, at, keys, &mut binds);
    let table = from(&target.dependents[at].table, ROW);
    Statement::new(format!("SELECT 1 FROM {table} WHERE {reached} FOR UPDATE OF {ROW}"), binds)
}

/// Changes them.
pub fn update_dependent(
    target: &Target,
    instants: &Instants,
    at: usize,
    keys: &[Key],
    set: &crate::model::Assignments,
) -> Statement {
    let mut binds = Binds::new(target.table.engine, instants);
    let reached = reached(target, at, keys, &mut binds);
    let table = from(&target.dependents[at].table, ROW);
    let update = update(&target.dependents[at].table);
    let set = assignments(set, None);
    Statement::new(format!("{update} {table} SET {set} WHERE {reached}"), binds)
}

/// How many rows of a dependent's table still point at these roots, whether `where` selects them
/// or not. Roots of the batch itself go as roots.
pub fn count_left(target: &Target, instants: &Instants, at: usize, keys: &[Key]) -> Statement {
    let mut binds = Binds::new(target.table.engine, instants);
    let mut pointing = pointing(target, at, keys, &mut binds);
    if touches_roots(target, at) {
        let roots = key_in(target.rows(), ROW, keys, &mut binds);
        pointing += &format!(" AND NOT {roots}");
    }
    let table = from(&target.dependents[at].table, ROW);
    Statement::new(format!("SELECT count(*) FROM {table} WHERE {pointing}"), binds)
}

/// Whether a row that the policy does not name points at the root ROW, or at what hangs on it.
pub fn referenced(target: &Target, reference: &AntiJoin) -> String {
    let pointing = "ro_pointing";
    let mut tables = vec![from(&reference.table, pointing)];
    let mut conditions = Vec::new();
    let last = chain(target, &reference.at, "ro_at", &mut tables, &mut conditions);
    let pointed = reference.at.last().map_or(&target.table, |at| &target.dependents[*at].table);
    conditions.push(joined(&reference.columns, (&reference.table, pointing), (pointed, &last)));
    for except in &reference.except {
        conditions.push(format!("{} IS NOT TRUE", render::expression(except, pointing, None)));
    }
    for path in &reference.unless_going {
        conditions.push(format!("({}) IS NOT TRUE", is_going(target, path, pointing)));
    }
    format!("EXISTS (SELECT 1 FROM {} WHERE {})", tables.join(", "), conditions.join(" AND "))
}

/// Joins a path of dependents down from the root ROW; gives the alias of its end.
fn chain(
    target: &Target,
    path: &[usize],
    prefix: &str,
    tables: &mut Vec<String>,
    conditions: &mut Vec<String>,
) -> String {
    let mut above = (&target.table, ROW.to_owned());
    for (depth, at) in path.iter().enumerate() {
        let dependent = &target.dependents[*at];
        let alias = format!("{prefix}{depth}");
        tables.push(from(&dependent.table, &alias));
        conditions.push(joined(
            &dependent.references,
            (&dependent.table, &alias),
            (above.0, &above.1),
        ));
        if let Some(selection) = &dependent.selection {
            conditions.push(format!("{} IS TRUE", render::expression(selection, &alias, None)));
        }
        above = (&dependent.table, alias);
    }
    above.1
}

/// Whether the row with this alias itself goes with the root ROW, at the end of this path.
fn is_going(target: &Target, path: &[usize], alias: &str) -> String {
    let Some((last, above)) = path.split_last() else {
        let rows = target.rows();
        let same =
            |name: &String| format!("{} = {}", column(rows, alias, name), column(rows, ROW, name));
        let mut pairs: Vec<String> = rows.key.iter().map(same).collect();
        // An address says nothing across tables.
        if rows.engine == Engine::Postgres {
            pairs.push(format!("{alias}.tableoid = {ROW}.tableoid"));
        }
        return pairs.join(" AND ");
    };
    let dependent = &target.dependents[*last];
    let selection = dependent
        .selection
        .as_ref()
        .map(|selection| format!(" AND {} IS TRUE", render::expression(selection, alias, None)));
    let selection = selection.unwrap_or_default();
    let own = (&dependent.table, alias);
    if above.is_empty() {
        return joined(&dependent.references, own, (&target.table, ROW)) + &selection;
    }
    let mut tables = Vec::new();
    let mut conditions = Vec::new();
    let end = chain(target, above, "ro_going", &mut tables, &mut conditions);
    let parent = above.last().map_or(&target.table, |at| &target.dependents[*at].table);
    conditions.push(joined(&dependent.references, own, (parent, &end)));
    format!(
        "EXISTS (SELECT 1 FROM {} WHERE {}){selection}",
        tables.join(", "),
        conditions.join(" AND ")
    )
}

/// Whether the database itself takes the dependents with the roots, all of them and nothing else:
/// then no statement of ours has to. Triggers could stop its deletes without a word, and of two
/// dependents in one table it would not say which went under what name.
pub fn cascades(target: &Target) -> bool {
    target.table.engine == Engine::Postgres && may_cascade(target)
}

/// The same, where the database follows foreign keys at all.
pub fn may_cascade(target: &Target) -> bool {
    let by_key = |at: usize| {
        let dependent = &target.dependents[at];
        let parent = dependent.of.map_or(&target.table, |of| &target.dependents[of].table);
        let key = dependent.table.foreign_keys.iter().find(|key| {
            key.to == parent.name
                && key.columns.len() == dependent.references.len()
                && dependent.references.iter().all(|pair| key.columns.contains(pair))
        });
        matches!(dependent.action, DependentAction::Delete)
            && dependent.selection.is_none()
            && dependent.table.delete_triggers.is_empty()
            && !dependent.table.is_family()
            && dependent.table.name != target.table.name
            && key.is_some_and(|key| key.on_delete == OnDelete::Cascade)
            && earlier_of_same_table(target, at).next().is_none()
    };
    matches!(target.action, Action::Delete) && (0..target.dependents.len()).all(by_key)
}
