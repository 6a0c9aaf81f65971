//! Expressions against the catalog: every name becomes exactly one column of exactly one table.
//!
//! Without it SQL would guess: SQLite takes `"stauts"` for a text when there is no such column,
//! and compares numbers with texts without a word.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, SetExpr, TableFactor, VisitMut, VisitorMut,
};

use super::kinds::{self, Kind};
use crate::model::{
    Catalog, Comparison, Encoding, Expression, ROW, Reason, Refusal, Table, TableKind, TableName,
    quote,
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

/// The same expression with quoted, catalog-spelled names; the judged row is [`ROW`].
pub fn resolve(expression: &Expression, around: &Surroundings<'_>) -> Result<Expression, Refusal> {
    let mut resolved = expression.clone();
    let mut tree = resolved.tree.clone();
    let mut resolver = Resolver { around, scopes: Vec::new(), out: &mut resolved };
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
    /// For each enclosing subquery, the alias and the table of its FROM.
    scopes: Vec<Vec<(String, &'a Table)>>,
    out: &'a mut Expression,
}

type Flow = ControlFlow<Box<Refusal>>;

impl<'a> Resolver<'a> {
    fn refuse(&self, reason: Reason, what: String, write: String) -> Flow {
        ControlFlow::Break(Box::new(Refusal::new(self.around.field, reason, what, write)))
    }

    fn no_column(&self, table: &Table, column: &str) -> Flow {
        let known: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        self.refuse(
            Reason::NotFound,
            format!("table {} has no column {column}", table.name.name),
            format!("write one of {}", known.join(", ")),
        )
    }

    /// The table behind a qualifier, and the alias to render; `None` for the judged row.
    fn qualified(&self, qualifier: &str) -> (Option<String>, &'a Table) {
        for scope in self.scopes.iter().rev() {
            for (alias, table) in scope {
                if alias.eq_ignore_ascii_case(qualifier) {
                    return (Some(alias.clone()), table);
                }
            }
        }
        (None, self.around.own)
    }

    fn column_of(&self, expr: &Expr) -> Option<(&'a Table, &'a str)> {
        let (table, name) = match expr {
            Expr::Nested(inner) => return self.column_of(inner),
            Expr::Identifier(ident) => (self.around.own, ident.value.as_str()),
            Expr::CompoundIdentifier(idents) => match &idents[..] {
                [qualifier, column] => (self.qualified(&qualifier.value).1, column.value.as_str()),
                _ => return None,
            },
            _ => return None,
        };
        let column = table.columns.iter().find(|c| c.name.eq_ignore_ascii_case(name))?;
        Some((table, column.name.as_str()))
    }

    /// The expression's kind, as far as SQL's rules tell it.
    fn kind(&self, expr: &Expr) -> Kind {
        let column = |expr: &Expr| {
            self.column_of(expr).and_then(|(table, name)| table.column(name)).map(kinds::of_column)
        };
        kinds::of(expr, self.around.encoding, &column)
    }

    /// Both sides of a comparison with an instant must be of the instant's kind.
    fn compare(&mut self, sides: &[&Expr]) -> Flow {
        let Some(instant) = sides.iter().find(|side| kinds::names_instant(side)) else {
            return ControlFlow::Continue(());
        };
        let Some(encoding) = self.around.encoding else {
            return ControlFlow::Continue(());
        };
        // What is made of the instant may be of another kind than the instant is.
        let wanted = match self.kind(instant) {
            Kind::Open | Kind::Nothing => kinds::of_encoding(encoding),
            kind => kind,
        };
        for side in sides {
            let kind = self.kind(side);
            // A column that may hold anything is believed once its rows are seen.
            let seen_later = kind == Kind::Open && self.column_of(side).is_some();
            if kind != wanted && kind != Kind::Nothing && !seen_later {
                let (is, convert) = match wanted {
                    Kind::Text => (
                        "text",
                        format!("datetime({side}, 'unixepoch') for seconds, or datetime({side})"),
                    ),
                    _ => ("a number", format!("unixepoch({side}) for seconds")),
                };
                return self.refuse(
                    Reason::TypeMismatch,
                    format!("`{side}` is compared with an instant of encoding {}, which is {is}; SQLite would compare them without a word, and wrongly", encoding.word()),
                    format!("convert it: {convert}"),
                );
            }
            let given: Vec<(&'a Table, &'a str)> =
                kinds::given_by(side).into_iter().filter_map(|expr| self.column_of(expr)).collect();
            for (table, column) in given {
                let comparison = Comparison {
                    table: table.name.clone(),
                    column: column.to_owned(),
                    with_text: wanted == Kind::Text,
                };
                if !self.out.comparisons.contains(&comparison) {
                    self.out.comparisons.push(comparison);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

impl VisitorMut for Resolver<'_> {
    type Break = Box<Refusal>;

    fn pre_visit_query(&mut self, query: &mut Query) -> Flow {
        let mut scope = Vec::new();
        if let SetExpr::Select(select) = &*query.body {
            let joined = select.from.iter().flat_map(|from| {
                std::iter::once(&from.relation).chain(from.joins.iter().map(|join| &join.relation))
            });
            for factor in joined {
                let TableFactor::Table { name, alias, .. } = factor else {
                    continue;
                };
                let written = table_name(name);
                let Some(table) = find_table(self.around.catalog, &written) else {
                    let known: Vec<String> =
                        self.around.catalog.tables.iter().map(|t| t.name.name.clone()).collect();
                    return self.refuse(
                        Reason::NotFound,
                        format!("there is no table {written}"),
                        format!("write one of {}", known.join(", ")),
                    );
                };
                if let Err(refusal) = readable(table, self.around.field) {
                    return ControlFlow::Break(Box::new(refusal));
                }
                let alias = alias
                    .as_ref()
                    .map_or_else(|| written.name.clone(), |alias| alias.name.value.clone());
                scope.push((alias, table));
            }
        }
        self.scopes.push(scope);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> Flow {
        self.scopes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> Flow {
        let TableFactor::Table { name, alias, .. } = factor else {
            return ControlFlow::Continue(());
        };
        if let Some(alias) = alias {
            alias.name = identifier(&alias.name.value);
        }
        if let Some(table) = find_table(self.around.catalog, &table_name(name)) {
            let parts = table.name.schema.iter().chain([&table.name.name]);
            *name = ObjectName(
                parts.map(|part| ObjectNamePart::Identifier(identifier(part))).collect(),
            );
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        match expr {
            Expr::BinaryOp { left, op, right } if kinds::compares(op) => {
                self.compare(&[&**left, &**right])
            }
            Expr::Between { expr, low, high, .. } => self.compare(&[&**expr, &**low, &**high]),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                self.compare(&[&**left, &**right])
            }
            Expr::InList { expr, list, .. } => {
                let sides: Vec<&Expr> = std::iter::once(&**expr).chain(list.iter()).collect();
                self.compare(&sides)
            }
            _ => ControlFlow::Continue(()),
        }
    }

    // After the comparisons around it have been looked at.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        let (alias, table, name) = match expr {
            Expr::Identifier(ident) => (None, self.around.own, ident.value.clone()),
            Expr::CompoundIdentifier(idents) => {
                let [qualifier, column] = &idents[..] else {
                    return ControlFlow::Continue(());
                };
                let (alias, table) = self.qualified(&qualifier.value);
                (alias, table, column.value.clone())
            }
            _ => return ControlFlow::Continue(()),
        };
        let Some(column) = table.columns.iter().find(|c| c.name.eq_ignore_ascii_case(&name)) else {
            return self.no_column(table, &name);
        };
        let qualifier = match alias {
            Some(alias) => identifier(&alias),
            None => {
                self.out.columns.insert(column.name.clone());
                Ident::new(ROW)
            }
        };
        *expr = Expr::CompoundIdentifier(vec![qualifier, identifier(&column.name)]);
        ControlFlow::Continue(())
    }
}

/// A name as SQL quotes it. The parser's own quoting takes a quote behind a backslash for one that
/// is escaped, and SQLite ends the name there: what follows would be SQL.
pub(super) fn identifier(name: &str) -> Ident {
    Ident::new(quote(name))
}

fn table_name(name: &ObjectName) -> TableName {
    let parts: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
    match parts[..] {
        [schema, table] => TableName::qualified(&schema.value, &table.value),
        [table] => TableName::plain(&table.value),
        _ => TableName::plain(name.to_string()),
    }
}
