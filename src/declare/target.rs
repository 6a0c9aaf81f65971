//! One target: what its words mean, before anyone looks at the database.

use std::collections::BTreeMap;

use super::expression::{self, Context};
use super::fields::{exactly_one, parse_zone, unique_names};
use super::names::{Ceiling, parse_table};
use super::{Age, Dependent, EncodingWord, KeepNewest, RowValue, Target, Windows, window};
use crate::api::{self, AllowedAction};
use crate::model::{DependentAction, Expression, Parameter, Reason, Refusal, TableName};

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
    fn refuse(
        &mut self,
        part: &str,
        reason: Reason,
        what: impl Into<String>,
        write: impl Into<String>,
    ) {
        self.refusals.push(Refusal::new(
            format!("{}{part}", self.field),
            reason,
            what,
            write,
        ));
    }

    fn keep<T>(&mut self, result: Result<T, Refusal>) -> Option<T> {
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
        for (part, written) in [
            (".files", !files.is_empty()),
            (".records", !records.is_empty()),
        ] {
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
            self.row_value(
                tenant.column.as_deref(),
                tenant.expression.as_deref(),
                &field,
                &table,
            )
        });
        let selection = r#where
            .as_deref()
            .and_then(|text| self.expression(text, ".where", &table, &parameters));
        unique_names(
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

    fn check_allowed(&mut self, part: &str, action: AllowedAction, table: &TableName) {
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

    fn row_value(
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

    fn age(&mut self, age: &api::Age, table: &TableName) -> Option<Age> {
        let field = format!("{}.age", self.field);
        let value = self.row_value(
            age.column.as_deref(),
            age.expression.as_deref(),
            &field,
            table,
        );
        let zone = self.zone(age.time_zone.as_deref(), age.encoding, &field)?;
        Some(Age {
            value: value?,
            encoding: age.encoding.map(encoding_word),
            zone,
        })
    }

    /// Outer `None`: refused.
    fn zone(
        &mut self,
        name: Option<&str>,
        encoding: Option<api::Encoding>,
        field: &str,
    ) -> Option<Option<jiff::tz::TimeZone>> {
        let field = format!("{field}.timeZone");
        if let (Some(_), Some(api::Encoding::UnixSeconds | api::Encoding::UnixMillis)) =
            (name, encoding)
        {
            self.refusals.push(Refusal::new(
                field,
                Reason::Conflict,
                "an epoch has no time zone",
                "remove timeZone",
            ));
            return None;
        }
        match name {
            Some(name) => self.keep(parse_zone(name, &field)).map(Some),
            None => Some(None),
        }
    }

    fn keep_newest(&mut self, keep: &api::KeepNewest) -> Option<KeepNewest> {
        let field = format!("{}.keepNewest", self.field);
        if keep.rows < 1 {
            self.refuse(
                ".keepNewest.rows",
                Reason::InvalidValue,
                "keeping none of the newest is no floor",
                "write 1 or more",
            );
        }
        if keep.order_by.is_empty() {
            self.refuse(
                ".keepNewest.orderBy",
                Reason::Required,
                "nothing says which rows are the newest",
                "write orderBy: [created_at, id]",
            );
        }
        let zone = self.zone(keep.time_zone.as_deref(), keep.encoding, &field)?;
        Some(KeepNewest {
            rows: keep.rows.unsigned_abs(),
            partition_by: keep.partition_by.clone(),
            order_by: keep.order_by.clone(),
            encoding: keep.encoding.map(encoding_word),
            zone,
        })
    }

    fn expression(
        &mut self,
        text: &str,
        part: &str,
        own: &TableName,
        parameters: &[Parameter],
    ) -> Option<Expression> {
        let field = format!("{}{part}", self.field);
        let parsed = expression::parse(
            text,
            &Context {
                field: &field,
                own,
                parameters,
                ceiling: self.inherited.ceiling,
            },
        );
        self.keep(parsed)
    }

    fn assignments(
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
                Some((
                    column.clone(),
                    self.expression(text, &part, own, parameters)?,
                ))
            })
            .collect()
    }

    fn dependents(&mut self, specs: &[api::Dependent], parameters: &[Parameter]) -> Vec<Dependent> {
        unique_names(
            specs.iter().map(|d| d.name.as_str()),
            &format!("{}.dependents", self.field),
            &mut self.refusals,
        );
        // The tenant of a dependent's row is its root's; a dependent has no tenant of its own.
        let parameters: Vec<Parameter> = parameters
            .iter()
            .copied()
            .filter(|p| *p != Parameter::Tenant)
            .collect();
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
            && above[place]
                .action
                .is_some_and(|action| action != api::DependentAction::Delete)
        {
            self.refuse(
                &format!("{part}.of"),
                Reason::Conflict,
                format!(
                    "{} is not deleted, so nothing goes with it",
                    above[place].name
                ),
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

fn encoding_word(word: api::Encoding) -> EncodingWord {
    match word {
        api::Encoding::Text => EncodingWord::Text,
        api::Encoding::UnixSeconds => EncodingWord::UnixSeconds,
        api::Encoding::UnixMillis => EncodingWord::UnixMillis,
    }
}
