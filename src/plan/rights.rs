//! Rights that a purge needs, and the GRANTs that give them. Nothing more is ever asked for.

use std::collections::BTreeMap;

use super::obstacles;
use crate::declare::{self, SourceFrom};
use crate::model::{
    Action, Catalog, DependentAction, Expression, Obstacle, Power, Reason, Refusal, Scalar, Table,
    TableName, Target, quote,
};
use crate::sql::find_table;

/// What one table has to let the login do.
#[derive(Debug, Clone)]
struct Need {
    /// Where the manifest asks for it first.
    field: String,
    delete: bool,
    /// Columns that are set.
    update: Vec<String>,
    /// Rows are locked, for which PostgreSQL asks for UPDATE on some column.
    lock: bool,
}

impl Need {
    fn of(field: &str) -> Self {
        Self { field: field.to_owned(), delete: false, update: Vec::new(), lock: false }
    }
}

/// One refusal for each table that lacks something. A dry run needs nothing but SELECT.
pub fn check(
    declared: &declare::Target,
    target: &Target,
    catalog: &Catalog,
    dry_run: bool,
) -> Vec<Refusal> {
    let needs = needs(declared, target, catalog, dry_run);
    let tables = needs.iter().filter_map(|(name, need)| Some((catalog.table(name)?, need)));
    let points = |table: &Table| {
        target.referenced.iter().any(|reference| reference.table.name == table.name)
    };
    tables.filter_map(|(table, need)| judge(table, need, points(table), &catalog.login)).collect()
}

/// What stands against reading a target's rows at all.
pub fn unread(declared: &declare::Target, table: &Table, catalog: &Catalog) -> Vec<Refusal> {
    let need = Need::of(&format!("{}.table", declared.field));
    let leaves = table.leaves.iter().filter(|name| **name != table.name);
    let tables = std::iter::once(table).chain(leaves.filter_map(|name| catalog.table(name)));
    tables.filter_map(|table| judge(table, &need, false, &catalog.login)).collect()
}

fn needs(
    declared: &declare::Target,
    target: &Target,
    catalog: &Catalog,
    dry_run: bool,
) -> BTreeMap<TableName, Need> {
    let mut needs: BTreeMap<TableName, Need> = BTreeMap::new();
    // The newest are told, and the others taken, from a partitioned table as a whole.
    let is_whole = target.keep_newest.is_some();
    let whole = &target.table.name;
    let mut rows = vec![whole.clone()];
    rows.extend(target.table.leaves.iter().cloned());
    let field = format!("{}.table", declared.field);
    for name in rows {
        // What is only an ancestor is read and never written.
        let holds_rows = if is_whole {
            name == *whole
        } else {
            !catalog.table(&name).is_some_and(Table::is_partitioned)
        };
        let need = needs.entry(name).or_insert_with(|| Need::of(&field));
        if dry_run || !holds_rows {
            continue;
        }
        need.lock = true;
        match &target.action {
            Action::Delete => need.delete = true,
            Action::Update(set) => need.update.extend(set.iter().map(|(name, _)| name.clone())),
        }
    }
    for (at, dependent) in target.dependents.iter().enumerate() {
        let field = format!("{}.dependents[{}].table", declared.field, dependent.name);
        let need = needs.entry(dependent.table.name.clone()).or_insert_with(|| Need::of(&field));
        need.lock |= !dry_run && target.is_held_by_children(at);
        match &dependent.action {
            _ if dry_run => {}
            DependentAction::Delete => need.delete = true,
            DependentAction::Update(set) => {
                need.update.extend(set.iter().map(|(name, _)| name.clone()));
            }
            DependentAction::Keep => {}
        }
    }
    for (field, name) in reads(declared, target, catalog) {
        needs.entry(name).or_insert_with(|| Need::of(&field));
    }
    needs
}

/// Tables whose rows decide, and are not touched; each with the field that reads it.
pub fn reads(
    declared: &declare::Target,
    target: &Target,
    catalog: &Catalog,
) -> Vec<(String, TableName)> {
    let mut names = Vec::new();
    for source in declared.windows.iter().flat_map(|windows| &windows.sources) {
        if let SourceFrom::Table { field, table, tenant, value, selection } = &source.from {
            let parts = tenant.iter().chain([value]).chain(selection);
            let read = [table].into_iter().chain(parts.flat_map(|expression| &expression.tables));
            let found = read.filter_map(|name| Some(find_table(catalog, name)?.name.clone()));
            names.extend(found.map(|name| (format!("{field}.name"), name)));
        }
    }
    let field = &declared.field;
    let mut read = |part: String, expression: &Expression| {
        let tables = expression.tables.iter().cloned();
        names.extend(tables.map(|name| (format!("{field}{part}"), name)));
    };
    let age = target.age.as_ref().map(|age| &age.scalar);
    for (part, scalar) in [(".tenant", target.tenant.as_ref()), (".age", age)] {
        if let Some(Scalar::Expression(expression)) = scalar {
            read(format!("{part}.expression"), expression);
        }
    }
    if let Some(selection) = &target.selection {
        read(".where".to_owned(), selection);
    }
    for exemption in &target.exemptions {
        read(format!(".exemptions[{}].when", exemption.name), &exemption.when);
    }
    if let Action::Update(set) = &target.action {
        for (column, value) in set {
            read(format!(".set.{column}"), value);
        }
    }
    for dependent in &target.dependents {
        let part = format!(".dependents[{}]", dependent.name);
        if let Some(selection) = &dependent.selection {
            read(format!("{part}.where"), selection);
        }
        if let DependentAction::Update(set) = &dependent.action {
            for (column, value) in set {
                read(format!("{part}.set.{column}"), value);
            }
        }
    }
    let referenced = target.referenced.iter().map(|reference| reference.table.name.clone());
    names.extend(referenced.map(|name| (format!("{field}.dependents"), name)));
    names
}

/// What stands against reading these tables by the expression of an age: until it is gone nobody
/// knows the age's type.
pub fn to_read<'n>(
    tables: impl IntoIterator<Item = &'n TableName>,
    declared: &declare::Target,
    catalog: &Catalog,
) -> Vec<Refusal> {
    let field = format!("{}.age.expression", declared.field);
    let tables = tables.into_iter().filter_map(|name| catalog.table(name));
    tables
        .filter_map(|table| {
            let lacks = judge(table, &Need::of(&field), false, &catalog.login);
            let is_hidden = table.obstacles.contains(&Obstacle::HiddenRows);
            lacks.or_else(|| is_hidden.then(|| obstacles::hidden(table, &field, catalog)))
        })
        .collect()
}

fn judge(table: &Table, need: &Need, points: bool, login: &str) -> Option<Refusal> {
    let Need { field, delete, update, lock } = need;
    let rights = &table.rights;
    let login = quote(login);
    let schema = quote(table.name.schema.as_deref().unwrap_or_default());
    let name = format!("{schema}.{}", quote(&table.name.name));
    let mut missing: Vec<String> = Vec::new();
    let mut grants = Vec::new();
    let unusable = table.columns.iter().filter(|column| !column.usable);
    let mut types: Vec<&String> = unusable.filter_map(|column| column.extension.as_ref()).collect();
    types.sort();
    types.dedup();
    for schema in types {
        missing.push(format!("USAGE of schema {schema}, which the type of a column comes from"));
        grants.push(format!("GRANT USAGE ON SCHEMA {} TO {login};", quote(schema)));
    }
    if !rights.usage {
        missing.push("USAGE of its schema".to_owned());
        grants.push(format!("GRANT USAGE ON SCHEMA {schema} TO {login};"));
    }
    let mut whole = Vec::new();
    if !rights.select {
        whole.push("SELECT");
    }
    if *delete && !rights.delete {
        whole.push("DELETE");
    }
    missing.extend(whole.iter().map(ToString::to_string));
    if !whole.is_empty() {
        grants.push(format!("GRANT {} ON {name} TO {login};", whole.join(", ")));
    }
    let may_set = |name: &String| table.column(name).is_none_or(|column| !column.denied);
    let mut columns: Vec<String> =
        update.iter().filter(|name| !may_set(name)).map(|name| quote(name)).collect();
    columns.sort();
    columns.dedup();
    if !columns.is_empty() {
        missing.push(format!("UPDATE of {}", columns.join(", ")));
        grants.push(format!("GRANT UPDATE ({}) ON {name} TO {login};", columns.join(", ")));
    } else if *lock && !rights.lock {
        missing.push("UPDATE of a column, which PostgreSQL asks for to lock a row".to_owned());
        let column = table.columns.first().map(|column| quote(&column.name)).unwrap_or_default();
        grants.push(format!("GRANT UPDATE ({column}) ON {name} TO {login};"));
    }
    if missing.is_empty() {
        return None;
    }
    Some(Refusal::new(
        field,
        Reason::NotPermitted,
        format!(
            "the login {login} lacks on table {}{}: {}",
            table.name,
            if points { ", whose rows may point at some that would go" } else { "" },
            missing.join(", ")
        ),
        grants.join(" "),
    ))
}

/// A trigger on a purged table runs with the login's rights: of a superuser's it made its owner
/// superuser (tried on PostgreSQL 15).
pub fn login(catalog: &Catalog, allowed: bool) -> Option<Refusal> {
    let Power { role, is_superuser } = catalog.power.as_ref().filter(|_| !allowed)?;
    let becomes = if *role == catalog.login {
        String::new()
    } else {
        format!("may become {}, which ", quote(role))
    };
    let has = if *is_superuser { "is a superuser" } else { "has BYPASSRLS" };
    Some(Refusal::new(
        "spec.connectionRef",
        Reason::NotPermitted,
        format!(
            "the login {} {becomes}{has}: a trigger on a purged table would have its rights",
            quote(&catalog.login)
        ),
        "log in as a role of its own that has only the rights it needs, or write allowPrivilegedLogin: true in the connection",
    ))
}
