//! Rights that a purge needs, and the GRANTs that give them. Nothing more is ever asked for.

use std::collections::BTreeMap;

use crate::declare::{self, SourceFrom};
use crate::model::{
    Action, Catalog, DependentAction, Reason, Refusal, Scalar, Table, TableName, Target, quote,
};
use crate::sql::find_table;

/// What one table has to let the login do.
#[derive(Debug, Clone, Default)]
struct Need {
    delete: bool,
    /// Columns that are set.
    update: Vec<String>,
    /// Rows are locked, for which PostgreSQL asks for UPDATE on some column.
    lock: bool,
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
    tables.filter_map(|(table, need)| judge(declared, table, need, &catalog.login)).collect()
}

fn needs(
    declared: &declare::Target,
    target: &Target,
    catalog: &Catalog,
    dry_run: bool,
) -> BTreeMap<TableName, Need> {
    let mut needs: BTreeMap<TableName, Need> = BTreeMap::new();
    for name in reads(declared, target, catalog) {
        needs.entry(name).or_default();
    }
    // The newest are told, and the others taken, from a partitioned table as a whole.
    let is_whole = target.keep_newest.is_some();
    let mut rows = vec![target.table.name.clone()];
    if !is_whole {
        rows.extend(target.table.leaves.iter().cloned());
    }
    for name in rows {
        // What is only an ancestor is read and never written.
        let holds_rows = is_whole || !catalog.table(&name).is_some_and(Table::is_partitioned);
        let need = needs.entry(name).or_default();
        if dry_run || !holds_rows {
            continue;
        }
        need.lock = true;
        match &target.action {
            Action::Delete => need.delete = true,
            Action::Update(set) => need.update.extend(set.iter().map(|(name, _)| name.clone())),
        }
    }
    for dependent in &target.dependents {
        let need = needs.entry(dependent.table.name.clone()).or_default();
        match &dependent.action {
            _ if dry_run => {}
            DependentAction::Delete => need.delete = true,
            DependentAction::Update(set) => {
                need.update.extend(set.iter().map(|(name, _)| name.clone()));
            }
            DependentAction::Keep => {}
        }
    }
    needs
}

/// Tables whose rows decide, and are not touched.
pub fn reads(declared: &declare::Target, target: &Target, catalog: &Catalog) -> Vec<TableName> {
    let mut names = Vec::new();
    for source in declared.windows.iter().flat_map(|windows| &windows.sources) {
        if let SourceFrom::Table { table, tenant, value, selection, .. } = &source.from {
            let parts = tenant.iter().chain([value]).chain(selection);
            let read = parts.flat_map(|expression| &expression.tables).chain([table]);
            names.extend(read.filter_map(|name| Some(find_table(catalog, name)?.name.clone())));
        }
    }
    let scalars = target.tenant.iter().chain(target.age.as_ref().map(|age| &age.scalar));
    let computed = scalars.filter_map(|scalar| match scalar {
        Scalar::Column(_) => None,
        Scalar::Expression(expression) => Some(expression),
    });
    let expressions = target
        .selection
        .iter()
        .chain(target.exemptions.iter().map(|exemption| &exemption.when))
        .chain(target.dependents.iter().filter_map(|dependent| dependent.selection.as_ref()))
        .chain(computed);
    names.extend(expressions.flat_map(|expression| expression.tables.iter().cloned()));
    names.extend(target.referenced.iter().map(|reference| reference.table.name.clone()));
    names
}

fn judge(declared: &declare::Target, table: &Table, need: &Need, login: &str) -> Option<Refusal> {
    let Need { delete, update, lock } = need;
    let rights = &table.rights;
    let login = quote(login);
    let schema = quote(table.name.schema.as_deref().unwrap_or_default());
    let name = format!("{schema}.{}", quote(&table.name.name));
    let mut missing = Vec::new();
    let mut grants = Vec::new();
    if !rights.usage {
        missing.push("USAGE of its schema");
        grants.push(format!("GRANT USAGE ON SCHEMA {schema} TO {login};"));
    }
    let mut whole = Vec::new();
    if !rights.select {
        missing.push("SELECT");
        whole.push("SELECT");
    }
    if *delete && !rights.delete {
        missing.push("DELETE");
        whole.push("DELETE");
    }
    if !whole.is_empty() {
        grants.push(format!("GRANT {} ON {name} TO {login};", whole.join(", ")));
    }
    if !update.is_empty() && !rights.update && !rights.lock {
        missing.push("UPDATE");
        let mut columns: Vec<String> = update.iter().map(|name| quote(name)).collect();
        columns.sort();
        columns.dedup();
        grants.push(format!("GRANT UPDATE ({}) ON {name} TO {login};", columns.join(", ")));
    } else if *lock && !rights.lock {
        missing.push("UPDATE of a column, which PostgreSQL asks for to lock a row");
        let column = table.columns.first().map(|column| quote(&column.name)).unwrap_or_default();
        grants.push(format!("GRANT UPDATE ({column}) ON {name} TO {login};"));
    }
    if missing.is_empty() {
        return None;
    }
    Some(Refusal::new(
        format!("{}.table", declared.field),
        Reason::NotPermitted,
        format!("the login {login} lacks on table {}: {}", table.name, missing.join(", ")),
        grants.join(" "),
    ))
}

/// A trigger on a purged table runs with the login's rights: of a superuser's it made its owner
/// superuser (tried on PostgreSQL 15).
pub fn login(catalog: &Catalog, allowed: bool) -> Option<Refusal> {
    if !catalog.privileged || allowed {
        return None;
    }
    Some(Refusal::new(
        "spec.connectionRef",
        Reason::NotPermitted,
        format!(
            "the login {} is a superuser, has BYPASSRLS, or may become a role that is or has: a trigger on a purged table would have its rights",
            quote(&catalog.login)
        ),
        "log in as a role of its own that has only the rights it needs, or write allowPrivilegedLogin: true in the connection",
    ))
}
