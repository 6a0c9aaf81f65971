//! Expressions against the catalog: every name becomes exactly one column of exactly one table.
//!
//! Without it SQL would guess: SQLite takes `"stauts"` for a text when there is no such column,
//! and compares numbers with texts without a word; PostgreSQL finds whatever the search path holds,
//! and compares instants with civil times by the zone of the session.

mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, TableFactor, Value, VisitMut, VisitorMut,
};

use super::scopes::{Found, Scopes};
use super::typing;
use crate::model::{
    Catalog, Encoding, Engine, Expression, Parameter, ROW, Reason, Refusal, Table, TableKind,
    TableName, quote,
};

/// What an expression is resolved against.
pub struct Surroundings<'a> {
    /// Where it stands in the manifest.
    pub field: &'a str,
    pub catalog: &'a Catalog,
    /// The table whose row it judges.
    pub own: &'a Table,
    /// The encoding of `:now` and `:cutoff`.
    pub encoding: Option<&'a Encoding>,
}

/// The same expression with quoted, catalog-spelled names; the judged row is [`ROW`], and `:now` and
/// `:cutoff` are the statement's first and second value. `:tenant` is left to the statement.
pub fn resolve(expression: &Expression, around: &Surroundings<'_>) -> Result<Expression, Refusal> {
    if around.catalog.engine == Engine::Postgres {
        typing::check(&expression.tree, around)?;
    }
    let mut resolved = expression.clone();
    let mut tree = resolved.tree.clone();
    let mut resolver = Resolver { around, scopes: Scopes::new(around), out: &mut resolved };
    if let ControlFlow::Break(refusal) = tree.visit(&mut resolver) {
        return Err(*refusal);
    }
    resolved.tree = tree;
    resolved.tables = expression
        .tables
        .iter()
        .filter_map(|name| find_table(around.catalog, name))
        .map(|table| table.name.clone())
        .collect();
    Ok(resolved)
}

/// A table of the catalog by the name an expression gives it: SQLite's names have no case.
pub fn find_table<'c>(catalog: &'c Catalog, name: &TableName) -> Option<&'c Table> {
    if catalog.engine == Engine::Postgres {
        return catalog.table(&name.or_schema(catalog.engine.schema()));
    }
    catalog.tables.iter().find(|table| {
        let schema = match (&name.schema, &table.name.schema) {
            (Some(asked), Some(theirs)) => asked.eq_ignore_ascii_case(theirs),
            _ => true,
        };
        schema && table.name.name.eq_ignore_ascii_case(&name.name)
    })
}

/// A view would read tables that `allow` does not name, and a module whatever it likes.
pub fn readable(table: &Table, field: &str) -> Result<(), Refusal> {
    let (what, write) = match table.kind {
        TableKind::Ordinary | TableKind::Partitioned => return Ok(()),
        TableKind::Foreign => ("a foreign table", "name a table of this database"),
        TableKind::View => ("a view", "name the tables that it reads"),
        TableKind::Virtual => ("a virtual table", "name the table that holds the rows"),
    };
    let name = &table.name.name;
    Err(Refusal::new(
        field,
        Reason::NotAllowed,
        format!("{name} is {what}: `allow` cannot tell what reading it reads"),
        write,
    ))
}

struct Resolver<'a> {
    around: &'a Surroundings<'a>,
    scopes: Scopes<'a>,
    out: &'a mut Expression,
}

type Flow = ControlFlow<Box<Refusal>>;

fn flow(result: Result<(), Refusal>) -> Flow {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(refusal) => ControlFlow::Break(Box::new(refusal)),
    }
}

impl VisitorMut for Resolver<'_> {
    type Break = Box<Refusal>;

    fn pre_visit_query(&mut self, query: &mut Query) -> Flow {
        flow(self.scopes.enter(query))
    }

    fn post_visit_query(&mut self, _: &mut Query) -> Flow {
        self.scopes.leave();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> Flow {
        let TableFactor::Table { name, alias, .. } = factor else {
            return ControlFlow::Continue(());
        };
        if let Some(alias) = alias {
            alias.name = identifier(&self.scopes.spelled(&alias.name));
        }
        if let Some(table) = find_table(self.around.catalog, &self.scopes.table_name(name)) {
            let parts = table.name.schema.iter().chain([&table.name.name]);
            *name = ObjectName(
                parts.map(|part| ObjectNamePart::Identifier(identifier(part))).collect(),
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        match self.around.catalog.engine {
            Engine::Sqlite => flow(self.compare(expr)),
            Engine::Postgres => ControlFlow::Continue(()),
        }
    }

    // After the comparisons around it have been looked at.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        if let Expr::Value(value) = expr {
            if let Value::Placeholder(name) = &value.value
                && let Some(parameter) = self.instant(name)
            {
                *expr = parameter;
            }
            return ControlFlow::Continue(());
        }
        if let Some(found) = self.scopes.column(expr) {
            let Found { alias, column, .. } = match found {
                Ok(found) => found,
                Err(refusal) => return ControlFlow::Break(Box::new(refusal)),
            };
            let qualifier = match alias {
                Some(alias) => identifier(&alias),
                None => {
                    self.out.columns.insert(column.name.clone());
                    Ident::new(ROW)
                }
            };
            *expr = Expr::CompoundIdentifier(vec![qualifier, identifier(&column.name)]);
        } else if self.around.catalog.engine == Engine::Postgres {
            postgres::rewrite(expr);
        }
        ControlFlow::Continue(())
    }
}

impl Resolver<'_> {
    /// `:now` and `:cutoff` as the statement's own parameters.
    fn instant(&self, name: &str) -> Option<Expr> {
        let place = match name {
            name if name == Parameter::Now.word() => 1,
            name if name == Parameter::Cutoff.word() => 2,
            _ => return None,
        };
        match self.around.catalog.engine {
            Engine::Sqlite => Some(sqlite::parameter(place)),
            Engine::Postgres => postgres::parameter(place, self.around.encoding?),
        }
    }
}

/// A name as SQL quotes it. The parser's own quoting takes a quote behind a backslash for one that
/// is escaped, and SQLite ends the name there: what follows would be SQL.
pub(super) fn identifier(name: &str) -> Ident {
    Ident::new(quote(name))
}
