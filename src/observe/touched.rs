//! The tables that a declaration reads or writes, by whatever of its parts.

use crate::declare::{Declaration, RowValue, SourceFrom, Target};
use crate::model::{Catalog, DependentAction, Expression, Table, TableName};
use crate::sql::find_table;

/// All that are there, each once.
pub fn tables<'c>(declaration: &Declaration, catalog: &'c Catalog) -> Vec<&'c Table> {
    let mut found: Vec<&Table> = Vec::new();
    for name in declaration.targets.iter().flat_map(names) {
        if let Some(table) = find_table(catalog, &name)
            && !found.iter().any(|other| other.name == table.name)
        {
            found.push(table);
        }
    }
    found
}

/// Schemas of the extensions whose types these tables have.
pub fn extensions(tables: &[&Table]) -> Vec<String> {
    let columns = tables.iter().flat_map(|table| &table.columns);
    let mut schemas: Vec<String> = columns.filter_map(|column| column.extension.clone()).collect();
    schemas.retain(|schema| schema != "pg_catalog");
    schemas.sort();
    schemas.dedup();
    schemas
}

fn names(target: &Target) -> Vec<TableName> {
    let mut names = vec![target.table.clone()];
    let mut read = |expression: &Expression| names.extend(expression.tables.iter().cloned());
    for value in target.tenant.iter().chain(target.age.as_ref().map(|age| &age.value)) {
        if let RowValue::Expression(expression) = value {
            read(expression);
        }
    }
    target.selection.iter().for_each(&mut read);
    target.exemptions.iter().for_each(|(_, when)| read(when));
    for dependent in &target.dependents {
        dependent.selection.iter().for_each(&mut read);
        if let DependentAction::Update(set) = &dependent.action {
            for (_, value) in set {
                read(value);
            }
        }
    }
    target.update.iter().flatten().for_each(|(_, value)| read(value));
    let windows = target.windows.iter().flat_map(|windows| &windows.sources);
    let mut sources = Vec::new();
    for source in windows {
        if let SourceFrom::Table { table, tenant, value, selection, .. } = &source.from {
            sources.push(table.clone());
            tenant.iter().chain([value]).chain(selection).for_each(&mut read);
        }
    }
    names.extend(sources);
    names.extend(target.dependents.iter().map(|dependent| dependent.table.clone()));
    names
}
