//! One declared target against the catalog.

use jiff::tz::TimeZone;

use super::{Notes, access, references};
use crate::declare::{self, EncodingWord, RowValue, SQLITE_SCHEMA, SourceFrom};
use crate::model::{
    Access, Action, Age, Assignments, Catalog, Dependent, DependentAction, Encoding, Exemption,
    Expression, KeepNewest, OrderColumn, Reason, Refusal, Scalar, Table, TableKind, TableName,
    Target, quote,
};
use crate::observe::Observed;
use crate::sql::{Surroundings, find_table, readable, resolve as resolve_expression};

pub struct Context<'a> {
    pub observed: &'a Observed,
    /// Whether the database enforces foreign keys in this run.
    pub enforced: bool,
}

/// The target with what the report tells of it, or all that is wrong.
pub fn resolve(
    declared: &declare::Target,
    context: &Context<'_>,
) -> Result<(Target, Notes), Vec<Refusal>> {
    let catalog = &context.observed.catalog;
    let table = find(
        catalog,
        &declared.table,
        &format!("{}.table", declared.field),
    )
    .map_err(|refusal| vec![refusal])?;
    let mut resolver = Resolver {
        declared,
        catalog,
        table,
        encoding: None,
        refusals: Vec::new(),
    };
    let Some(mut target) = resolver.target(context) else {
        return Err(resolver.refusals);
    };
    let mut notes = Notes::default();
    let mut refusals = resolver.refusals;
    for refusal in references::check(declared, &mut target, context, &mut notes) {
        // An index that a dependent asks for is asked for once.
        let told =
            |other: &Refusal| (other.reason, &other.write) == (refusal.reason, &refusal.write);
        if !refusals.iter().any(told) {
            refusals.push(refusal);
        }
    }
    let (access, why, index) = access::choose(
        &target.table,
        target.tenant.as_ref(),
        target.age.as_ref(),
        target.keep_newest.as_ref(),
    );
    target.access = access;
    notes.why = why;
    notes.index = index;
    notes.triggers = triggers(&target);
    if refusals.is_empty() {
        Ok((target, notes))
    } else {
        Err(refusals)
    }
}

fn triggers(target: &Target) -> Vec<String> {
    let mut names = match target.action {
        Action::Delete => target.table.delete_triggers.clone(),
        Action::Update(_) => target.table.update_triggers.clone(),
    };
    for dependent in &target.dependents {
        names.extend(match dependent.action {
            DependentAction::Delete => dependent.table.delete_triggers.clone(),
            DependentAction::Update(_) => dependent.table.update_triggers.clone(),
            DependentAction::Keep => Vec::new(),
        });
    }
    names.sort();
    names.dedup();
    names
}

/// A table that rows can be taken from.
fn find<'c>(catalog: &'c Catalog, name: &TableName, field: &str) -> Result<&'c Table, Refusal> {
    let Some(table) = catalog.table(&name.or_schema(SQLITE_SCHEMA)) else {
        let write = match find_table(catalog, name) {
            Some(other) => format!("write {}, as the catalog spells it", other.name.name),
            None => format!("write one of {}", names(catalog)),
        };
        return Err(Refusal::new(
            field,
            Reason::NotFound,
            format!("the database has no table {name}"),
            write,
        ));
    };
    let what = match table.kind {
        TableKind::Ordinary if table.key.is_empty() => {
            return Err(Refusal::new(
                field,
                Reason::InvalidValue,
                format!(
                    "{name} has columns by all three names of SQLite's rowid, so its rows cannot be addressed"
                ),
                format!(
                    "ALTER TABLE {} RENAME COLUMN oid TO NAME;",
                    quote(&table.name.name)
                ),
            ));
        }
        TableKind::Ordinary => return Ok(table),
        TableKind::View => "is a view: its rows live in other tables",
        TableKind::Virtual => "is a virtual table: its module decides what a delete does",
    };
    Err(Refusal::new(
        field,
        Reason::InvalidValue,
        format!("{name} {what}"),
        "name the table that holds the rows",
    ))
}

fn names(catalog: &Catalog) -> String {
    let known = catalog.tables.iter().map(|table| table.name.name.as_str());
    known.collect::<Vec<_>>().join(", ")
}

struct Resolver<'a> {
    declared: &'a declare::Target,
    catalog: &'a Catalog,
    table: &'a Table,
    encoding: Option<Encoding>,
    refusals: Vec<Refusal>,
}

impl Resolver<'_> {
    fn refuse(
        &mut self,
        part: &str,
        reason: Reason,
        what: impl Into<String>,
        write: impl Into<String>,
    ) {
        self.refusals.push(Refusal::new(
            format!("{}{part}", self.declared.field),
            reason,
            what,
            write,
        ));
    }

    fn target(&mut self, context: &Context<'_>) -> Option<Target> {
        let declared = self.declared;
        let age = match &declared.age {
            Some(age) => Some(self.age(age)?),
            None => None,
        };
        self.encoding = age.as_ref().map(|age| age.encoding.clone());
        self.sources();
        let tenant = declared
            .tenant
            .as_ref()
            .and_then(|value| self.scalar(value, ".tenant"));
        let selection = self.optional(declared.selection.as_ref(), ".where");
        let exemptions = declared
            .exemptions
            .iter()
            .filter_map(|(name, when)| {
                let when =
                    self.expression(when, &format!(".exemptions[{name}].when"), self.table)?;
                Some(Exemption {
                    name: name.clone(),
                    when,
                })
            })
            .collect();
        let keep_newest = declared
            .keep_newest
            .as_ref()
            .and_then(|keep| self.keep_newest(keep, age.as_ref()));
        let action = match &declared.update {
            None => Action::Delete,
            Some(set) => {
                let fixed = self.fixed_columns(tenant.as_ref(), keep_newest.as_ref());
                Action::Update(self.assignments(set, "", self.table, &fixed))
            }
        };
        let dependents = self.dependents(context)?;
        let order = Target::acting_order(&dependents);
        self.read_after_acting(&dependents, &order);
        Some(Target {
            name: declared.name.clone(),
            table: self.table.clone(),
            action,
            tenant,
            age,
            keep_newest,
            selection,
            exemptions,
            referenced: Vec::new(),
            order,
            dependents,
            access: Access::Sweep,
        })
    }

    fn column(&mut self, table: &Table, name: &str, part: &str) -> Option<String> {
        if let Some(column) = table.column(name) {
            return Some(column.name.clone());
        }
        let known: Vec<&str> = table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        self.refuse(
            part,
            Reason::NotFound,
            format!("table {} has no column {name}", table.name.name),
            format!("write one of {}", known.join(", ")),
        );
        None
    }

    fn expression(
        &mut self,
        expression: &Expression,
        part: &str,
        own: &Table,
    ) -> Option<Expression> {
        let field = format!("{}{part}", self.declared.field);
        let encoding = self.encoding.clone();
        let around = Surroundings {
            field: &field,
            catalog: self.catalog,
            own,
            encoding: encoding.as_ref(),
        };
        resolve_expression(expression, &around)
            .map_err(|refusal| self.refusals.push(refusal))
            .ok()
    }

    fn optional(&mut self, expression: Option<&Expression>, part: &str) -> Option<Expression> {
        expression.and_then(|expression| self.expression(expression, part, self.table))
    }

    fn scalar(&mut self, value: &RowValue, part: &str) -> Option<Scalar> {
        match value {
            RowValue::Column(column) => self
                .column(self.table, column, &format!("{part}.column"))
                .map(Scalar::Column),
            RowValue::Expression(expression) => self
                .expression(expression, &format!("{part}.expression"), self.table)
                .map(Scalar::Expression),
        }
    }

    fn age(&mut self, age: &declare::Age) -> Option<Age> {
        let scalar = self.scalar(&age.value, ".age")?;
        let declared_type = match &scalar {
            Scalar::Column(column) => self
                .table
                .column(column)
                .map(|column| column.declared.clone()),
            Scalar::Expression(_) => None,
        };
        let encoding = self.encoding(
            age.encoding,
            age.zone.as_ref(),
            declared_type.as_deref(),
            ".age",
        )?;
        Some(Age { scalar, encoding })
    }

    /// What the column's type does not say must be written. A number's unit is never guessed:
    /// milliseconds taken for seconds would keep everything, seconds taken for milliseconds would
    /// delete everything.
    fn encoding(
        &mut self,
        written: Option<EncodingWord>,
        zone: Option<&TimeZone>,
        declared: Option<&str>,
        part: &str,
    ) -> Option<Encoding> {
        let texts = ["TEXT", "CHAR", "CLOB", "DATE", "TIME"];
        let is_text =
            declared.is_some_and(|declared| texts.iter().any(|text| declared.contains(text)));
        let encoding = match written {
            Some(encoding) => encoding,
            None if is_text => EncodingWord::Text,
            None => {
                let what = match declared {
                    Some("") => "the column has no declared type, which does not say how it holds an instant".to_owned(),
                    Some(declared) => format!("the type {declared} does not say how it holds an instant"),
                    None => "an expression does not say how it holds an instant".to_owned(),
                };
                self.refuse(
                    &format!("{part}.encoding"),
                    Reason::Required,
                    what,
                    "write encoding: Text, UnixSeconds or UnixMillis",
                );
                return None;
            }
        };
        match (encoding, zone) {
            (EncodingWord::UnixSeconds, _) => Some(Encoding::UnixSeconds),
            (EncodingWord::UnixMillis, _) => Some(Encoding::UnixMillis),
            (EncodingWord::Text, Some(zone)) => Some(Encoding::Text { zone: zone.clone() }),
            (EncodingWord::Text, None) => {
                self.refuse(&format!("{part}.timeZone"), Reason::Required, "a text without an offset does not say in which zone it was written", "write timeZone: Etc/UTC (SQLite's CURRENT_TIMESTAMP is UTC), or the zone of the application's clock");
                None
            }
        }
    }

    fn keep_newest(&mut self, keep: &declare::KeepNewest, age: Option<&Age>) -> Option<KeepNewest> {
        let before = self.refusals.len();
        let mut partition_by = Vec::new();
        for name in &keep.partition_by {
            partition_by.extend(self.column(self.table, name, ".keepNewest.partitionBy"));
        }
        let mut order_by = Vec::new();
        for (at, name) in keep.order_by.iter().enumerate() {
            let Some(column) = self.column(self.table, name, ".keepNewest.orderBy") else {
                continue;
            };
            let is_age =
                matches!(age.map(|age| &age.scalar), Some(Scalar::Column(aged)) if *aged == column);
            let encoding = match (at, keep.encoding) {
                (0, Some(written)) => {
                    self.encoding(Some(written), keep.zone.as_ref(), None, ".keepNewest")
                }
                _ if is_age => age.map(|age| age.encoding.clone()),
                _ => None,
            };
            order_by.push(OrderColumn { column, encoding });
        }
        if keep.zone.is_some() && keep.encoding.is_none() {
            self.refuse(
                ".keepNewest.timeZone",
                Reason::Conflict,
                "a zone without an encoding says nothing",
                "write encoding: Text too, or remove timeZone",
            );
        }
        (self.refusals.len() == before).then_some(KeepNewest {
            rows: keep.rows,
            partition_by,
            order_by,
        })
    }

    /// Columns that a `set` may not touch: they say which row it is and whose.
    fn fixed_columns(&self, tenant: Option<&Scalar>, keep: Option<&KeepNewest>) -> Vec<String> {
        let mut fixed = self.table.primary_key();
        fixed.extend(self.table.key.iter().cloned());
        match tenant {
            Some(Scalar::Column(column)) => fixed.push(column.clone()),
            Some(Scalar::Expression(expression)) => {
                fixed.extend(expression.columns.iter().cloned());
            }
            None => {}
        }
        fixed.extend(
            keep.iter()
                .flat_map(|keep| keep.partition_by.iter().cloned()),
        );
        fixed.extend(self.pointed_at(self.table));
        fixed
    }

    /// The database would carry a change of these into the tables that point here.
    fn pointed_at(&self, table: &Table) -> Vec<String> {
        let pointed = self.catalog.references_to(&table.name);
        pointed
            .flat_map(|(_, key)| key.columns.iter().map(|(_, column)| column.clone()))
            .collect()
    }

    fn assignments(
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
                    "the column says which row it is, whose it is, or is pointed at",
                    format!("remove {column} from set"),
                );
            } else if table.column(&name).is_some_and(|column| column.generated) {
                self.refuse(
                    &part,
                    Reason::InvalidValue,
                    "the database computes this column",
                    format!("remove {column} from set, and set what it is computed from"),
                );
            } else if let Some(value) = self.expression(value, &part, table) {
                assignments.push((name, value));
            }
        }
        assignments
    }

    fn dependents(&mut self, context: &Context<'_>) -> Option<Vec<Dependent>> {
        let mut resolved: Vec<Dependent> = Vec::new();
        for dependent in &self.declared.dependents {
            let part = dependent.field[self.declared.field.len()..].to_owned();
            let table = match find(
                self.catalog,
                &dependent.table,
                &format!("{}.table", dependent.field),
            ) {
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
                let pair = (
                    self.column(table, own, &part),
                    self.column(&parent, theirs, &part),
                );
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
    fn read_after_acting(&mut self, dependents: &[Dependent], order: &[usize]) {
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

    /// Sources are asked while observing, where a name that does not resolve is only unknown.
    fn sources(&mut self) {
        for source in self
            .declared
            .windows
            .iter()
            .flat_map(|windows| &windows.sources)
        {
            let SourceFrom::Table {
                field,
                table,
                tenant,
                value,
                selection,
            } = &source.from
            else {
                continue;
            };
            let Some(found) = find_table(self.catalog, table) else {
                self.refusals.push(Refusal::new(
                    format!("{field}.name"),
                    Reason::NotFound,
                    format!("the database has no table {table}"),
                    format!("write one of {}", names(self.catalog)),
                ));
                continue;
            };
            if let Err(refusal) = readable(found, &format!("{field}.name")) {
                self.refusals.push(refusal);
                continue;
            }
            let parts = [
                ("tenant", tenant.as_ref()),
                ("value", Some(value)),
                ("where", selection.as_ref()),
            ];
            for (part, expression) in parts {
                let Some(expression) = expression else {
                    continue;
                };
                let field = format!("{field}.{part}");
                let around = Surroundings {
                    field: &field,
                    catalog: self.catalog,
                    own: found,
                    encoding: None,
                };
                if let Err(refusal) = resolve_expression(expression, &around)
                    && !self.refusals.contains(&refusal)
                {
                    self.refusals.push(refusal);
                }
            }
        }
    }
}
