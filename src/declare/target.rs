//! One target: what its words mean, before anyone looks at the database.

mod dependents;
mod instants;

use std::collections::BTreeMap;

use super::expression::{self, Context};
use super::fields::{exactly_one, part_names};
use super::names::{Ceiling, parse_table};
use super::{RowValue, Target, Windows, window};
use crate::api::{self, AllowedAction};
use crate::model::{Expression, Parameter, Reason, Refusal, TableName};

/// What a target has from its policy and connection.
pub struct Inherited<'a> {
    /// Outer `None`: the policy has no window. Inner `None`: it has one that is wrong.
    pub windows: Option<&'a Option<Windows>>,
    pub ceiling: &'a Ceiling,
    pub config_maps: &'a BTreeMap<String, BTreeMap<String, String>>,
}

/// Collects all that is wrong with the target; `None` when something is.
pub fn declare(
    spec: &api::Target,
    inherited: &Inherited<'_>,
    refusals: &mut Vec<Refusal>,
) -> Option<Target> {
    let mut reader = Reader {
        spec,
        field: format!("spec.targets[{}]", spec.name),
        inherited,
        refusals: Vec::new(),
    };
    let target = reader.read();
    let target = target.filter(|_| reader.refusals.is_empty());
    refusals.append(&mut reader.refusals);
    target
}

struct Reader<'a> {
    spec: &'a api::Target,
    field: String,
    inherited: &'a Inherited<'a>,
    refusals: Vec<Refusal>,
}

impl Reader<'_> {
    pub(super) fn refuse(
        &mut self,
        part: &str,
        reason: Reason,
        what: impl Into<String>,
        write: impl Into<String>,
    ) {
        self.refusals.push(Refusal::new(format!("{}{part}", self.field), reason, what, write));
    }

    pub(super) fn keep<T>(&mut self, result: Result<T, Refusal>) -> Option<T> {
        result.map_err(|refusal| self.refusals.push(refusal)).ok()
    }

    fn read(&mut self) -> Option<Target> {
        let spec = self.spec;
        // Destructured whole, so that a new field cannot be forgotten here.
        let api::Target {
            name,
            table,
            action,
            set,
            window: own_window,
            tenant,
            age,
            keep_newest,
            r#where,
            exemptions,
            dependents,
            files,
            records,
            max_rows_per_run,
        } = spec;
        for (part, written) in [(".files", !files.is_empty()), (".records", !records.is_empty())] {
            if written {
                self.refuse(
                    part,
                    Reason::NotSupported,
                    format!("{} are not supported yet", &part[1..]),
                    "remove them",
                );
            }
        }
        let table = parse_table(table, &format!("{}.table", self.field));
        let table = self.keep(table)?;
        let needed = match action {
            api::TargetAction::Delete => AllowedAction::Delete,
            api::TargetAction::Update => AllowedAction::Update,
        };
        self.check_allowed(".table", needed, &table);
        if age.is_none() && keep_newest.is_none() {
            self.refuse(
                "",
                Reason::Required,
                "without age and keepNewest every row would go",
                "add age: {column: NAME}, or keepNewest: {rows: 200, orderBy: [NAME]}",
            );
        }
        let windows = self.windows(own_window.as_ref(), age.is_some());
        let age = age.as_ref().and_then(|age| self.age(age, &table));
        let parameters = self.parameters(age.is_some());
        let tenant = tenant.as_ref().and_then(|tenant| {
            let field = format!("{}.tenant", self.field);
            self.row_value(tenant.column.as_deref(), tenant.expression.as_deref(), &field, &table)
        });
        let selection = r#where
            .as_deref()
            .and_then(|text| self.expression(text, ".where", &table, &parameters));
        part_names(
            exemptions.iter().map(|e| e.name.as_str()),
            &format!("{}.exemptions", self.field),
            &mut self.refusals,
        );
        let exemptions = exemptions
            .iter()
            .filter_map(|exemption| {
                let part = format!(".exemptions[{}].when", exemption.name);
                Some((
                    exemption.name.clone(),
                    self.expression(&exemption.when, &part, &table, &parameters)?,
                ))
            })
            .collect();
        let update = match action {
            api::TargetAction::Delete => {
                if !set.is_empty() {
                    self.refuse(
                        ".set",
                        Reason::Conflict,
                        "set goes with action Update only",
                        "write action: Update, or remove set",
                    );
                }
                None
            }
            api::TargetAction::Update => Some(self.assignments(set, "", &table, &parameters)),
        };
        let keep_newest = keep_newest.as_ref().and_then(|keep| self.keep_newest(keep));
        let dependents = self.dependents(dependents, &parameters);
        if max_rows_per_run.is_some_and(|rows| rows < 1) {
            self.refuse(
                ".maxRowsPerRun",
                Reason::InvalidValue,
                "less than one row would never end",
                "write 1 or more",
            );
        }
        Some(Target {
            name: name.clone(),
            field: self.field.clone(),
            table,
            update,
            windows,
            tenant,
            age,
            keep_newest,
            selection,
            exemptions,
            dependents,
            cap: max_rows_per_run.map(i64::unsigned_abs),
        })
    }

    pub(super) fn check_allowed(&mut self, part: &str, action: AllowedAction, table: &TableName) {
        if !self.inherited.ceiling.may(action, table) {
            self.refuse(part, Reason::NotAllowed, format!("the connection's allow does not let policies {} {table}", format!("{action:?}").to_lowercase()), format!("add to the connection's spec.allow: {{tables: [\"{table}\"], actions: [{action:?}]}}"));
        }
    }

    /// `:now` and `:cutoff` are bound in the encoding of the age, so both need one.
    fn parameters(&self, dated: bool) -> Vec<Parameter> {
        let mut parameters = Vec::new();
        if dated {
            parameters.extend([Parameter::Now, Parameter::Cutoff]);
        }
        if self.spec.tenant.is_some() {
            parameters.push(Parameter::Tenant);
        }
        parameters
    }

    fn windows(&mut self, own: Option<&api::WindowSpec>, dated: bool) -> Option<Windows> {
        let windows = match own {
            Some(spec) => {
                // Lengths alone can do nothing here, and keepNewest would take rows of any age.
                // Forever and sources keep whole tenants, with or without an age.
                let holds_nobody =
                    spec.default != "Forever" && spec.tenants.is_empty() && spec.sources.is_empty();
                if !dated && holds_nobody {
                    self.refuse(".window", Reason::Conflict, "the window says how old is too old, and the target has no age", "add age: {column: NAME}, or remove the window: keepNewest alone takes rows of any age");
                }
                let field = format!("{}.window", self.field);
                window::declare(
                    spec,
                    &field,
                    self.inherited.ceiling,
                    self.inherited.config_maps,
                    &mut self.refusals,
                )
            }
            None => {
                match self.inherited.windows {
                    Some(windows) => windows.clone(),
                    None => {
                        if dated {
                            self.refuse(".window", Reason::Required, "the target has an age and nothing says how old is too old", "write spec.window: {default: 30d}, or a window of the target's own");
                        }
                        None
                    }
                }
            }
        };
        if let Some(windows) = &windows
            && self.spec.tenant.is_none()
        {
            // Otherwise a tenant who was promised Forever would lose rows by the default.
            let by_tenant = !windows.tenants.is_empty()
                || windows.sources.iter().any(|source| match &source.from {
                    super::SourceFrom::Table { tenant, .. } => tenant.is_some(),
                    super::SourceFrom::ConfigMap { .. } => true,
                });
            if by_tenant {
                self.refuse(
                    ".tenant",
                    Reason::Required,
                    "the window differs by tenant, and the target does not say whose its rows are",
                    "write tenant: {column: NAME}, or give the target a window of its own",
                );
            }
        }
        windows
    }

    pub(super) fn row_value(
        &mut self,
        column: Option<&str>,
        text: Option<&str>,
        field: &str,
        table: &TableName,
    ) -> Option<RowValue> {
        self.keep(exactly_one(
            field,
            &[("column", column.is_some()), ("expression", text.is_some())],
        ))?;
        if let Some(column) = column {
            return Some(RowValue::Column(column.to_owned()));
        }
        let context = Context {
            field: &format!("{field}.expression"),
            own: table,
            parameters: &[],
            ceiling: self.inherited.ceiling,
        };
        let parsed = expression::parse(text.unwrap_or_default(), &context);
        self.keep(parsed).map(RowValue::Expression)
    }

    pub(super) fn expression(
        &mut self,
        text: &str,
        part: &str,
        own: &TableName,
        parameters: &[Parameter],
    ) -> Option<Expression> {
        let field = format!("{}{part}", self.field);
        let parsed = expression::parse(
            text,
            &Context { field: &field, own, parameters, ceiling: self.inherited.ceiling },
        );
        self.keep(parsed)
    }

    pub(super) fn assignments(
        &mut self,
        set: &BTreeMap<String, String>,
        part: &str,
        own: &TableName,
        parameters: &[Parameter],
    ) -> Vec<(String, Expression)> {
        if set.is_empty() {
            self.refuse(
                &format!("{part}.set"),
                Reason::Required,
                "an Update sets something",
                "write set: {COLUMN: EXPRESSION}",
            );
        }
        set.iter()
            .filter_map(|(column, text)| {
                let part = format!("{part}.set.{column}");
                Some((column.clone(), self.expression(text, &part, own, parameters)?))
            })
            .collect()
    }
}
