//! Rows that are judged together, each by the cutoff of its own tenant.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Value as Literal, VisitMut, VisitorMut};

use super::{key_lists, texts, unnested};
use crate::model::{AntiJoin, Engine, Exemption, Expression, Key, Parameter, ROW, Target, Value};
use crate::sql::judge::columns;
use crate::sql::statement::{Binds, Instants, Statement};
use crate::sql::words::{instant_cast, key_columns, key_in, root_from, shown_keys, shown_tenant};

/// Under this name a statement knows the rows that it judges, and their cutoffs.
pub(super) const DUE: &str = "ro_due";
const CUTOFF: &str = "ro_cutoff";

/// The type that a cutoff is compared as.
pub(super) fn cutoff_cast(target: &Target) -> &'static str {
    let age = target.age.as_ref();
    age.and_then(|age| instant_cast(Engine::Postgres, &age.encoding))
        .unwrap_or("\"pg_catalog\".\"text\"")
}

/// The tenants of the rows with these keys, read now, behind the keys.
pub fn tenants_of(target: &Target, instants: &Instants, keys: &[Key]) -> Statement {
    let mut binds = Binds::new(Engine::Postgres, instants);
    let mut columns = shown_keys(target.rows(), ROW);
    columns.push(shown_tenant(target, ROW));
    let chosen = key_in(target.rows(), ROW, keys, &mut binds);
    let text =
        format!("SELECT {} FROM {} WHERE {chosen}", columns.join(", "), root_from(target, ROW));
    Statement::new(text, binds)
}

/// As the judgement of any rows, each by a cutoff of its own.
pub fn judge_by_row(target: &Target, instants: &Instants, due: &[(Key, Value)]) -> Statement {
    let mut binds = Binds::new(Engine::Postgres, instants);
    let rows = target.rows();
    let keys: Vec<Key> = due.iter().map(|(key, _)| key.clone()).collect();
    let mut lists = key_lists(rows, &keys, &mut binds);
    lists.push((texts(due.iter().map(|(_, cutoff)| cutoff), &mut binds), cutoff_cast(target)));
    let names: Vec<String> = (0..rows.key.len()).map(|at| format!("ro_k{at}")).collect();
    let columns = columns(&by_row(target));
    let shown: Vec<String> =
        columns.iter().enumerate().map(|(at, column)| format!("{column} AS ro_c{at}")).collect();
    let same = key_columns(rows, ROW);
    let same = same.iter().zip(&names).map(|(column, name)| format!("{column} = {DUE}.{name}"));
    // Row by row: what a condition costs must not hide from the planner what reading the rows does.
    let text = format!(
        "WITH {DUE} ({}, {CUTOFF}) AS MATERIALIZED ({}) SELECT ro_one.* FROM {DUE} \
         CROSS JOIN LATERAL (SELECT {} FROM {} WHERE {} OFFSET 0) AS ro_one",
        names.join(", "),
        unnested(&lists),
        shown.join(", "),
        root_from(target, ROW),
        same.collect::<Vec<_>>().join(" AND "),
    );
    Statement::new(text, binds)
}

/// The same target with the cutoff of each row in place of the statement's one.
pub fn by_row(target: &Target) -> Target {
    let own = |expression: &Expression| {
        let mut own = expression.clone();
        if own.uses(Parameter::Cutoff) {
            let _: ControlFlow<()> = own.tree.visit(&mut ByRow);
        }
        own
    };
    Target {
        selection: target.selection.as_ref().map(own),
        exemptions: target
            .exemptions
            .iter()
            .map(|exemption| Exemption { when: own(&exemption.when), ..exemption.clone() })
            .collect(),
        referenced: target
            .referenced
            .iter()
            .map(|reference| AntiJoin {
                except: reference.except.iter().map(own).collect(),
                ..reference.clone()
            })
            .collect(),
        ..target.clone()
    }
}

struct ByRow;

impl VisitorMut for ByRow {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = expr
            && let Literal::Placeholder(name) = &value.value
            && name == "$2"
        {
            *expr = Expr::CompoundIdentifier(vec![Ident::new(DUE), Ident::new("ro_cutoff")]);
        }
        ControlFlow::Continue(())
    }
}
