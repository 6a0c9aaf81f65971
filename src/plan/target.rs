//! One declared target against the catalog.

mod instants;
mod writes;

use super::{Notes, access, obstacles, references, rights};
use crate::declare::{self, RowValue, SourceFrom};
use crate::model::{
    Access, Action, Catalog, DependentAction, Encoding, Engine, Exemption, Expression, Reason,
    Refusal, Scalar, Table, TableKind, TableName, Target, quote,
};
use crate::observe::{Observed, ObservedTarget};
use crate::sql::{Surroundings, find_table, readable, resolve as resolve_expression};

pub struct Context<'a> {
    pub observed: &'a Observed,
    /// What was seen for this target.
    pub seen: &'a ObservedTarget,
    /// Whether the database enforces foreign keys in this run.
    pub enforced: bool,
    pub dry_run: bool,
}

/// The target once for each table that holds its rows. Which rows of a partitioned table are the
/// newest only all partitions together tell: there the key is one of the whole.
pub fn leaves(target: &Target, catalog: &Catalog) -> Vec<Target> {
    if !target.table.is_family() || target.keep_newest.is_some() {
        return vec![target.clone()];
    }
    let tables = target.table.leaves.iter().filter_map(|name| catalog.table(name));
    tables.map(|leaf| Target { leaf: Some(leaf.clone()), ..target.clone() }).collect()
}

/// The target with what the report tells of it, or all that is wrong.
pub fn resolve(
    declared: &declare::Target,
    context: &Context<'_>,
) -> Result<(Target, Notes), Vec<Refusal>> {
    let catalog = &context.observed.catalog;
    let table = find(catalog, &declared.table, &format!("{}.table", declared.field))
        .map_err(|refusal| vec![refusal])?;
    // Of rows that may not be read nobody knows what type an expression has.
    let computed = declared.age.as_ref().map(|age| &age.value);
    if matches!(computed, Some(RowValue::Expression(_))) && !catalog.shows(table) {
        let mut against = rights::unread(declared, table, catalog);
        if against.is_empty() {
            against = obstacles::of_root(declared, table, catalog);
        }
        if !against.is_empty() {
            return Err(against);
        }
    }
    let mut resolver = Resolver {
        declared,
        catalog,
        table,
        seen: context.seen,
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
    refusals.extend(obstacles::check(declared, &target, catalog));
    refusals.extend(rights::check(declared, &target, catalog, context.dry_run));
    // Of tenants that nobody has seen no window is known.
    if refusals.is_empty() && !context.seen.complete {
        refusals.push(Refusal::new(
            format!("{}.table", declared.field),
            Reason::NotPermitted,
            "not all that the target reads may be read",
            "grant the login SELECT on all tables that the target's expressions name",
        ));
    }
    let (access, why, index) = access::choose(&target, catalog);
    target.access = access;
    notes.why = why;
    notes.index = index;
    notes.triggers = triggers(&target);
    if refusals.is_empty() { Ok((target, notes)) } else { Err(refusals) }
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
    let Some(table) = catalog.table(&name.or_schema(catalog.engine.schema())) else {
        return Err(Refusal::new(
            field,
            Reason::NotFound,
            format!("the database has no table {name}"),
            write_one(catalog, name),
        ));
    };
    let what = match table.kind {
        TableKind::Foreign => "is a foreign table: its rows live on another server",
        TableKind::Ordinary | TableKind::Partitioned if table.key.is_empty() => {
            return Err(Refusal::new(
                field,
                Reason::InvalidValue,
                format!(
                    "{name} has columns by all three names of SQLite's rowid, so its rows cannot be addressed"
                ),
                format!("ALTER TABLE {} RENAME COLUMN oid TO NAME;", quote(&table.name.name)),
            ));
        }
        TableKind::Ordinary | TableKind::Partitioned => return Ok(table),
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

fn write_one(catalog: &Catalog, name: &TableName) -> String {
    match (&catalog.tables[..], catalog.engine) {
        ([], Engine::Sqlite) => "name another file: this one has no tables".to_owned(),
        ([], Engine::Postgres) => "name another database: this one has no tables".to_owned(),
        ([..], _) => catalog.instead(name, false),
    }
}

struct Resolver<'a> {
    declared: &'a declare::Target,
    catalog: &'a Catalog,
    table: &'a Table,
    seen: &'a ObservedTarget,
    encoding: Option<Encoding>,
    refusals: Vec<Refusal>,
}

impl Resolver<'_> {
    pub(super) fn refuse(
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
        if let Some(fault) = &self.seen.fault {
            self.refuse(fault.place, Reason::BadExpression, &fault.what, fault.write);
            return None;
        }
        let age = match &declared.age {
            Some(age) => Some(self.age(age)?),
            None => None,
        };
        self.encoding = age.as_ref().map(|age| age.encoding.clone());
        self.sources();
        let tenant = declared.tenant.as_ref().and_then(|value| self.scalar(value, ".tenant"));
        if let Some(Scalar::Column(name)) = &tenant
            && self.table.column(name).is_some_and(|column| column.nondeterministic)
        {
            self.refuse(
                ".tenant.column",
                Reason::NotSupported,
                format!("column {name} has a nondeterministic collation: which names are equal to it only the database knows"),
                format!("write tenant: {{expression: \"{name} collate \\\"C\\\"\"}}, and name the tenants as the rows spell them"),
            );
        }
        let selection = self.optional(declared.selection.as_ref(), ".where");
        let exemptions = declared
            .exemptions
            .iter()
            .filter_map(|(name, when)| {
                let when =
                    self.expression(when, &format!(".exemptions[{name}].when"), self.table)?;
                Some(Exemption { name: name.clone(), when })
            })
            .collect();
        let keep_newest =
            declared.keep_newest.as_ref().and_then(|keep| self.keep_newest(keep, age.as_ref()));
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
            leaf: None,
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

    pub(super) fn column(&mut self, table: &Table, name: &str, part: &str) -> Option<String> {
        if let Some(column) = table.column(name) {
            return Some(column.name.clone());
        }
        self.refuse(
            part,
            Reason::NotFound,
            format!("table {} has no column {name}", table.name.name),
            table.instead(name, false),
        );
        None
    }

    pub(super) fn expression(
        &mut self,
        expression: &Expression,
        part: &str,
        own: &Table,
    ) -> Option<Expression> {
        let field = format!("{}{part}", self.declared.field);
        let encoding = self.encoding.clone();
        let around =
            Surroundings { field: &field, catalog: self.catalog, own, encoding: encoding.as_ref() };
        resolve_expression(expression, &around).map_err(|refusal| self.refusals.push(refusal)).ok()
    }

    fn optional(&mut self, expression: Option<&Expression>, part: &str) -> Option<Expression> {
        expression.and_then(|expression| self.expression(expression, part, self.table))
    }

    pub(super) fn scalar(&mut self, value: &RowValue, part: &str) -> Option<Scalar> {
        match value {
            RowValue::Column(column) => {
                self.column(self.table, column, &format!("{part}.column")).map(Scalar::Column)
            }
            RowValue::Expression(expression) => self
                .expression(expression, &format!("{part}.expression"), self.table)
                .map(Scalar::Expression),
        }
    }

    /// Sources are asked while observing, where a name that does not resolve is only unknown.
    fn sources(&mut self) {
        for source in self.declared.windows.iter().flat_map(|windows| &windows.sources) {
            let SourceFrom::Table { field, table, tenant, value, selection } = &source.from else {
                continue;
            };
            let Some(found) = find_table(self.catalog, table) else {
                self.refusals.push(Refusal::new(
                    format!("{field}.name"),
                    Reason::NotFound,
                    format!("the database has no table {table}"),
                    write_one(self.catalog, table),
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
