//! Properties of tables that stand against a purge, whoever asks for it.

use super::rights;
use crate::declare;
use crate::model::{
    ADDRESS, Catalog, DependentAction, Engine, Obstacle, Reason, Refusal, Table, TableKind, Target,
    quote,
};

/// Everything that does, of the target's tables, its dependents', and those that conditions read.
pub fn check(declared: &declare::Target, target: &Target, catalog: &Catalog) -> Vec<Refusal> {
    let mut refusals = of_root(declared, &target.table, catalog);
    for dependent in &target.dependents {
        let field = format!("{}.dependents[{}].table", declared.field, dependent.name);
        if matches!(dependent.action, DependentAction::Keep) {
            refusals.extend(kept(&field, target));
            continue;
        }
        for table in family(&dependent.table, catalog) {
            refusals.extend(of_written(table, &field, catalog));
        }
    }
    for (field, name) in rights::reads(declared, target, catalog) {
        let Some(table) = catalog.table(&name) else { continue };
        let told = refusals.iter().any(|told: &Refusal| told.write == unhide(table));
        if table.obstacles.contains(&Obstacle::HiddenRows) && !told {
            refusals.push(hidden(table, &field, catalog));
        }
    }
    refusals.extend(ranked_family(declared, &target.table));
    refusals.extend(inherited_parents(declared, target));
    refusals
}

/// Operators that somebody made where those of an extension are looked for.
pub fn strange_operators(operators: &[String]) -> Option<Refusal> {
    /// In one message.
    const MANY: usize = 10;
    if operators.is_empty() {
        return None;
    }
    let moved = operators.iter().take(MANY);
    let moved = moved.map(|name| format!("ALTER OPERATOR {name} SET SCHEMA operators;"));
    Some(Refusal::new(
        "spec.targets",
        Reason::Conflict,
        format!(
            "a schema that the types of an extension come from has {} that no extension brought along: conditions could mean something else by it",
            match operators.len() {
                1 => "an operator".to_owned(),
                many => format!("{many} operators"),
            }
        ),
        format!(
            "keep the extension in a schema of its own, or move what is beside it: CREATE SCHEMA operators; {}",
            moved.collect::<Vec<_>>().join(" ")
        ),
    ))
}

/// What does of the tables that hold the target's rows.
pub fn of_root(declared: &declare::Target, table: &Table, catalog: &Catalog) -> Vec<Refusal> {
    let field = format!("{}.table", declared.field);
    family(table, catalog).flat_map(|table| of_written(table, &field, catalog)).collect()
}

fn family<'c>(table: &'c Table, catalog: &'c Catalog) -> impl Iterator<Item = &'c Table> {
    let leaves = table.leaves.iter().filter(|name| **name != table.name);
    std::iter::once(table).chain(leaves.filter_map(|name| catalog.table(name)))
}

fn of_written(table: &Table, field: &str, catalog: &Catalog) -> Vec<Refusal> {
    let name = &table.name;
    let mut refusals = Vec::new();
    if table.kind == TableKind::Foreign {
        refusals.push(Refusal::new(
            field,
            Reason::NotSupported,
            format!("{name} holds rows of it and is a foreign table: they live on another server"),
            "name the tables that are here as targets of their own",
        ));
    }
    refusals.extend(table.obstacles.iter().map(|obstacle| match obstacle {
        Obstacle::Rules(rules) => {
            let drop = |rule: &String| format!("DROP RULE {} ON {};", quote(rule), spelled(table));
            Refusal::new(
                field,
                Reason::Conflict,
                format!("{name} has rules, which rewrite what a DELETE or an UPDATE does"),
                format!(
                    "write a trigger for what they do, and {}",
                    rules.iter().map(drop).collect::<Vec<_>>().join(" ")
                ),
            )
        }
        Obstacle::HiddenRows => hidden(table, field, catalog),
        Obstacle::NoReplicaIdentity => Refusal::new(
            field,
            Reason::Conflict,
            format!("{name} is published and has no replica identity: PostgreSQL refuses to delete or update its rows"),
            format!("give it a primary key, or ALTER TABLE {} REPLICA IDENTITY FULL;", spelled(table)),
        ),
    }));
    refusals
}

/// What the login does not see it cannot judge: a hold may be among it.
pub fn hidden(table: &Table, field: &str, catalog: &Catalog) -> Refusal {
    Refusal::new(
        field,
        Reason::NotPermitted,
        format!(
            "row-level security hides rows of {} from the login {}: what it does not see it cannot judge",
            table.name,
            quote(&catalog.login)
        ),
        unhide(table),
    )
}

fn unhide(table: &Table) -> String {
    format!(
        "log in as the table's owner, where it is not FORCEd; or ALTER TABLE {} DISABLE ROW LEVEL SECURITY;",
        spelled(table)
    )
}

fn spelled(table: &Table) -> String {
    let schema = table.name.schema.iter().map(|schema| quote(schema));
    schema.chain([quote(&table.name.name)]).collect::<Vec<_>>().join(".")
}

/// Only SQLite can be told to leave its foreign keys alone.
fn kept(field: &str, target: &Target) -> Option<Refusal> {
    (target.table.engine == Engine::Postgres).then(|| {
        Refusal::new(
            field,
            Reason::Conflict,
            "PostgreSQL enforces its foreign keys: none can be left alone",
            "remove the dependent: rows that something still points at are kept; or write action: Delete or Update",
        )
    })
}

/// Keys hold in one table of those that inherit from one another: rows of two of them may share
/// one, and what hangs on the one would go with the other.
fn inherited_parents(declared: &declare::Target, target: &Target) -> Vec<Refusal> {
    let inherits = |table: &Table| table.inherits || table.is_family() && !table.is_partitioned();
    let mut refusals = Vec::new();
    for dependent in &target.dependents {
        let parent = dependent.of.map_or(&target.table, |of| &target.dependents[of].table);
        if inherits(parent) {
            refusals.push(Refusal::new(
                format!("{}.dependents[{}].references", declared.field, dependent.name),
                Reason::NotSupported,
                format!(
                    "{} inherits, or is inherited from: a key holds in one of such tables alone, so it is not sure on which of their rows these hang",
                    parent.name
                ),
                "remove the dependent: rows that something still points at are kept; or make the table a partitioned one",
            ));
        }
    }
    refusals
}

/// Which rows are the newest of a family only a key over all its tables tells.
fn ranked_family(declared: &declare::Target, table: &Table) -> Option<Refusal> {
    let has_key = table.is_partitioned() && table.key != [ADDRESS];
    if declared.keep_newest.is_none() || !table.is_family() || has_key {
        return None;
    }
    Some(Refusal::new(
        format!("{}.keepNewest", declared.field),
        Reason::NotSupported,
        format!("{} holds its rows in several tables, and has no key over all of them", table.name),
        "give a partitioned table a primary key, or name each table as a target of its own",
    ))
}
