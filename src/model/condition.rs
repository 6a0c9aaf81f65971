//! Expressions that the manifest gave, after they were found harmless.

use std::collections::BTreeSet;

use sqlparser::ast::Expr;

use super::TableName;

/// The alias under which every expression knows the row it judges, once it is resolved.
/// Statements replace it by the alias that the row has in them.
pub const ROW: &str = "ro_row";

/// What an expression may ask to be bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Parameter {
    Now,
    Cutoff,
    Tenant,
}

impl Parameter {
    pub const ALL: [Self; 3] = [Self::Now, Self::Cutoff, Self::Tenant];

    /// As expressions write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Now => ":now",
            Self::Cutoff => ":cutoff",
            Self::Tenant => ":tenant",
        }
    }
}

/// One SQL expression: parsed to its end, walked by the allow-list, its columns checked against
/// the catalog, and only ever rendered from its tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    pub tree: Expr,
    pub parameters: BTreeSet<Parameter>,
    /// Tables that its subqueries read.
    pub tables: BTreeSet<TableName>,
    /// Columns of the judged row that it reads. Filled when it is resolved.
    pub columns: BTreeSet<String>,
    /// Where an instant parameter is compared directly with a column. Filled when it is resolved, and
    /// in SQLite only: PostgreSQL's columns hold what their types say.
    pub comparisons: Vec<Comparison>,
    /// As the manifest has it, for the report's "understood".
    pub written: String,
}

/// A column that `:now` or `:cutoff` is compared with.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub table: TableName,
    pub column: String,
    /// With a text; otherwise with a number.
    pub with_text: bool,
}

impl Expression {
    pub fn uses(&self, parameter: Parameter) -> bool {
        self.parameters.contains(&parameter)
    }
}
