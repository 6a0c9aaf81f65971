//! What goes or changes with a root.

use super::Reader;
use crate::api::{self, AllowedAction};
use crate::declare::Dependent;
use crate::declare::fields::part_names;
use crate::declare::names::parse_table;
use crate::model::{DependentAction, Parameter, Reason};

impl Reader<'_> {
    pub(super) fn dependents(
        &mut self,
        specs: &[api::Dependent],
        parameters: &[Parameter],
    ) -> Vec<Dependent> {
        part_names(
            specs.iter().map(|d| d.name.as_str()),
            &format!("{}.dependents", self.field),
            &mut self.refusals,
        );
        // The tenant of a dependent's row is its root's; a dependent has no tenant of its own.
        let parameters: Vec<Parameter> =
            parameters.iter().copied().filter(|p| *p != Parameter::Tenant).collect();
        let read = specs
            .iter()
            .enumerate()
            .filter_map(|(at, spec)| self.dependent(spec, &specs[..at], &parameters));
        read.collect()
    }

    fn dependent(
        &mut self,
        spec: &api::Dependent,
        above: &[api::Dependent],
        parameters: &[Parameter],
    ) -> Option<Dependent> {
        let part = format!(".dependents[{}]", spec.name);
        let of = match &spec.of {
            None => None,
            Some(parent) => {
                let place = above.iter().position(|dependent| dependent.name == *parent);
                if place.is_none() {
                    self.refuse(
                        &format!("{part}.of"),
                        Reason::NotFound,
                        format!("no dependent above this one is called {parent}"),
                        "name a dependent that stands above it: they go from the root outwards",
                    );
                }
                place
            }
        };
        if let Some(place) = of
            && above[place].action.is_some_and(|action| action != api::DependentAction::Delete)
        {
            self.refuse(
                &format!("{part}.of"),
                Reason::Conflict,
                format!("{} is not deleted, so nothing goes with it", above[place].name),
                "hang it on a dependent with action Delete, or on the root",
            );
        }
        let table = parse_table(&spec.table, &format!("{}{part}.table", self.field));
        let table = self.keep(table)?;
        if spec.references.is_empty() {
            self.refuse(
                &format!("{part}.references"),
                Reason::Required,
                "nothing says which rows hang on the root",
                "write references: {OWN_COLUMN: PARENT_COLUMN}",
            );
        }
        let action = match spec.action.unwrap_or(api::DependentAction::Delete) {
            api::DependentAction::Delete => {
                self.check_allowed(&format!("{part}.table"), AllowedAction::Delete, &table);
                DependentAction::Delete
            }
            api::DependentAction::Update => {
                self.check_allowed(&format!("{part}.table"), AllowedAction::Update, &table);
                DependentAction::Update(self.assignments(&spec.set, &part, &table, parameters))
            }
            api::DependentAction::Keep => {
                if spec.r#where.is_some() {
                    self.refuse(
                        &format!("{part}.where"),
                        Reason::Conflict,
                        "a kept dependent is not touched, so it has no where",
                        "remove where",
                    );
                }
                DependentAction::Keep
            }
        };
        if !spec.set.is_empty() && !matches!(action, DependentAction::Update(_)) {
            self.refuse(
                &format!("{part}.set"),
                Reason::Conflict,
                "set goes with action Update only",
                "write action: Update, or remove set",
            );
        }
        let selection = spec
            .r#where
            .as_deref()
            .and_then(|text| self.expression(text, &format!("{part}.where"), &table, parameters));
        Some(Dependent {
            name: spec.name.clone(),
            field: format!("{}{part}", self.field),
            of,
            table,
            references: spec
                .references
                .iter()
                .map(|(own, parent)| (own.clone(), parent.clone()))
                .collect(),
            selection,
            action,
        })
    }
}
