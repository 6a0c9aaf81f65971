//! Which table and column a name means, inside of which subqueries it stands.

use sqlparser::ast::{Expr, Ident, ObjectName, Query, SetExpr, TableFactor};

use super::resolve::{Surroundings, find_table, readable};
use crate::model::{Column, Engine, Reason, Refusal, Table, TableName};

/// The tables of each enclosing subquery's FROM.
pub struct Scopes<'a> {
    around: &'a Surroundings<'a>,
    /// Alias and table.
    stack: Vec<Vec<(String, &'a Table)>>,
}

/// What a name means.
pub struct Found<'a> {
    /// `None`: the judged row.
    pub alias: Option<String>,
    pub table: &'a Table,
    pub column: &'a Column,
}

impl<'a> Scopes<'a> {
    pub fn new(around: &'a Surroundings<'a>) -> Self {
        Self { around, stack: Vec::new() }
    }

    pub fn enter(&mut self, query: &Query) -> Result<(), Refusal> {
        let mut scope = Vec::new();
        if let SetExpr::Select(select) = &*query.body {
            let joined = select.from.iter().flat_map(|from| {
                std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
            });
            for factor in joined {
                let TableFactor::Table { name, alias, .. } = factor else {
                    continue;
                };
                let written = self.table_name(name);
                let Some(table) = find_table(self.around.catalog, &written) else {
                    return Err(self.refuse(
                        Reason::NotFound,
                        format!("there is no table {written}"),
                        self.around.catalog.instead(&written, true),
                    ));
                };
                readable(table, self.around.field)?;
                let alias = match alias {
                    Some(alias) => self.spelled(&alias.name),
                    None => written.name.clone(),
                };
                scope.push((alias, table));
            }
        }
        self.stack.push(scope);
        Ok(())
    }

    pub fn leave(&mut self) {
        self.stack.pop();
    }

    /// The tables of the innermost FROM, in its order.
    pub fn innermost(&self) -> impl Iterator<Item = &'a Table> {
        self.stack.last().into_iter().flatten().map(|(_, table)| *table)
    }

    pub fn table_name(&self, name: &ObjectName) -> TableName {
        let parts: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        match parts[..] {
            [schema, table] => TableName::qualified(self.spelled(schema), self.spelled(table)),
            [table] => TableName::plain(self.spelled(table)),
            _ => TableName::plain(name.to_string()),
        }
    }

    /// A name as PostgreSQL takes it; SQLite's stand as they were written.
    pub fn spelled(&self, ident: &Ident) -> String {
        match (self.around.catalog.engine, ident.quote_style) {
            (Engine::Postgres, None) => ident.value.to_ascii_lowercase(),
            _ => ident.value.clone(),
        }
    }

    fn same(&self, written: &str, of_catalog: &str) -> bool {
        match self.around.catalog.engine {
            Engine::Sqlite => of_catalog.eq_ignore_ascii_case(written),
            Engine::Postgres => of_catalog == written,
        }
    }

    /// The table behind a qualifier, and the alias to render; `None` for the judged row.
    fn qualified(&self, qualifier: &Ident) -> (Option<String>, &'a Table) {
        let qualifier = self.spelled(qualifier);
        for scope in self.stack.iter().rev() {
            for (alias, table) in scope {
                if self.same(&qualifier, alias) {
                    return (Some(alias.clone()), table);
                }
            }
        }
        (None, self.around.own)
    }

    /// The column that an expression is, if it is the name of one.
    pub fn column(&self, expr: &Expr) -> Option<Result<Found<'a>, Refusal>> {
        let (alias, table, name) = match expr {
            Expr::Identifier(ident) => (None, self.around.own, ident),
            Expr::CompoundIdentifier(idents) => {
                let [qualifier, column] = &idents[..] else {
                    return None;
                };
                let (alias, table) = self.qualified(qualifier);
                (alias, table, column)
            }
            _ => return None,
        };
        let name = self.spelled(name);
        let column = table.columns.iter().find(|column| self.same(&name, &column.name));
        Some(match column {
            Some(column) => Ok(Found { alias, table, column }),
            None => Err(self.no_column(table, &name)),
        })
    }

    fn no_column(&self, table: &Table, column: &str) -> Refusal {
        self.refuse(
            Reason::NotFound,
            format!("table {} has no column {column}", table.name.name),
            table.instead(column, true),
        )
    }

    fn refuse(&self, reason: Reason, what: String, write: String) -> Refusal {
        Refusal::new(self.around.field, reason, what, write)
    }
}
