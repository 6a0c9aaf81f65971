//! What is changed with a root, and what may not be: assignments and dependents.

use super::{Context, Resolver, find};
use crate::model::{
    Assignments, Dependent, DependentAction, Engine, Expression, KeepNewest, Reason, Scalar, Table,
};
use crate::plan::references;
use crate::sql::{Surroundings, check_assigned};

/// Columns that say in which partition a row lies.
fn places(table: &Table) -> impl Iterator<Item = String> {
    table.columns.iter().filter(|column| column.places).map(|column| column.name.clone())
}

impl Resolver<'_> {
    /// Columns that a `set` may not touch: they say which row it is and whose.
    pub(super) fn fixed_columns(
        &self,
        tenant: Option<&Scalar>,
        keep: Option<&KeepNewest>,
    ) -> Vec<String> {
        let mut fixed = self.table.primary_key();
        fixed.extend(self.table.key.iter().cloned());
        match tenant {
            Some(Scalar::Column(column)) => fixed.push(column.clone()),
            Some(Scalar::Expression(expression)) => {
                fixed.extend(expression.columns.iter().cloned());
            }
            None => {}
        }
        fixed.extend(keep.iter().flat_map(|keep| keep.partition_by.iter().cloned()));
        fixed.extend(self.pointed_at(self.table));
        fixed.extend(places(self.table));
        fixed
    }

    /// The database would carry a change of these into the tables that point here.
    fn pointed_at(&self, table: &Table) -> Vec<String> {
        let pointed = self.catalog.references_to(table);
        pointed.flat_map(|(_, key)| key.columns.iter().map(|(_, column)| column.clone())).collect()
    }

    pub(super) fn assignments(
        &mut self,
        set: &[(String, Expression)],
        part: &str,
        table: &Table,
        fixed: &[String],
    ) -> Assignments {
        if table.replaces && !table.update_triggers.is_empty() {
            self.refuse(
                &format!("{part}.set"),
                Reason::Conflict,
                format!(
                    "a constraint of table {} is declared ON CONFLICT REPLACE, and triggers fire on its updates: rows in the update's way could be deleted",
                    table.name.name
                ),
                "declare the constraint without ON CONFLICT REPLACE, or remove the trigger",
            );
        }
        let mut assignments = Vec::new();
        for (column, value) in set {
            let part = format!("{part}.set.{column}");
            let Some(name) = self.column(table, column, &part) else {
                continue;
            };
            if fixed.contains(&name) {
                self.refuse(
                    &part,
                    Reason::Conflict,
                    "the column says which row it is, whose it is, where it lies, or is pointed at",
                    format!("remove {column} from set"),
                );
            } else if table.column(&name).is_some_and(|column| column.generated) {
                self.refuse(
                    &part,
                    Reason::InvalidValue,
                    "the database computes this column",
                    format!("remove {column} from set, and set what it is computed from"),
                );
            } else if let Some(resolved) = self.expression(value, &part, table)
                && self.is_assignable(value, &part, table, &name)
            {
                assignments.push((name, resolved));
            }
        }
        assignments
    }

    /// SQLite's columns take anything.
    fn is_assignable(&mut self, value: &Expression, part: &str, table: &Table, name: &str) -> bool {
        let (Engine::Postgres, Some(column)) = (table.engine, table.column(name)) else {
            return true;
        };
        let field = format!("{}{part}", self.declared.field);
        let encoding = self.encoding.clone();
        let around = Surroundings {
            field: &field,
            catalog: self.catalog,
            own: table,
            encoding: encoding.as_ref(),
        };
        let checked = check_assigned(&value.tree, column, &around);
        checked.map_err(|refusal| self.refusals.push(refusal)).is_ok()
    }

    pub(super) fn dependents(&mut self, context: &Context<'_>) -> Option<Vec<Dependent>> {
        let mut resolved: Vec<Dependent> = Vec::new();
        for dependent in &self.declared.dependents {
            let part = dependent.field[self.declared.field.len()..].to_owned();
            let table =
                match find(self.catalog, &dependent.table, &format!("{}.table", dependent.field)) {
                    Ok(table) => table,
                    Err(refusal) => {
                        self.refusals.push(refusal);
                        return None;
                    }
                };
            let parent = match dependent.of {
                Some(of) => resolved[of].table.clone(),
                None => self.table.clone(),
            };
            let mut references = Vec::new();
            for (own, theirs) in &dependent.references {
                let part = format!("{part}.references");
                let pair = (self.column(table, own, &part), self.column(&parent, theirs, &part));
                if let (Some(own), Some(theirs)) = pair {
                    references.push((own, theirs));
                }
            }
            let own: Vec<&str> = references.iter().map(|(own, _)| own.as_str()).collect();
            let followed = !matches!(dependent.action, DependentAction::Keep);
            if followed
                && !own.is_empty()
                && !table.has_index_on(&own)
                && context.observed.crowded.contains(&table.name)
            {
                self.refusals.push(references::missing_index(
                    &format!("{}.references", dependent.field),
                    table,
                    &own,
                ));
            }
            let selection = match &dependent.selection {
                Some(selection) => self.expression(selection, &format!("{part}.where"), table),
                None => None,
            };
            let action = match &dependent.action {
                DependentAction::Delete => DependentAction::Delete,
                DependentAction::Keep => DependentAction::Keep,
                DependentAction::Update(set) => {
                    let mut fixed = table.primary_key();
                    fixed.extend(table.key.iter().cloned());
                    fixed.extend(self.pointed_at(table));
                    fixed.extend(places(table));
                    DependentAction::Update(self.assignments(set, &part, table, &fixed))
                }
            };
            resolved.push(Dependent {
                name: dependent.name.clone(),
                of: dependent.of,
                table: table.clone(),
                references,
                selection,
                action,
            });
        }
        Some(resolved)
    }

    /// A `where` that reads what another dependent has taken by then would be asked of other rows
    /// than the plan's: it might take rows that it was written to leave.
    pub(super) fn read_after_acting(&mut self, dependents: &[Dependent], order: &[usize]) {
        for (place, at) in order.iter().enumerate() {
            let dependent = &dependents[*at];
            let earlier = order[..place].iter().map(|at| &dependents[*at]);
            let taken = earlier
                .filter(|other| !matches!(other.action, DependentAction::Keep))
                .find(|other| {
                    other.table.name != dependent.table.name && dependent.reads(&other.table.name)
                });
            if let Some(other) = taken {
                self.refuse(
                    &format!(".dependents[{}].where", dependent.name),
                    Reason::Conflict,
                    format!(
                        "it reads table {}, whose rows go or change before it is asked, as the dependent {}",
                        other.table.name.name, other.name
                    ),
                    "write a condition on the dependent's own columns, or on tables that stay",
                );
            }
        }
    }
}
