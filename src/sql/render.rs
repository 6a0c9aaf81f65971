//! Expressions to text, from their trees.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Ident, Value as Literal, VisitMut, VisitorMut};

use super::resolve::identifier;
use crate::model::{Expression, Parameter, ROW, Scalar, quote};

/// Renders an expression for a statement in which the judged row has this alias.
pub fn expression(expression: &Expression, alias: &str, tenant: Option<&Scalar>) -> String {
    let mut tree = expression.tree.clone();
    let tenant = tenant.map(|scalar| tenant_tree(scalar, alias));
    let _: ControlFlow<()> = tree.visit(&mut Placing { alias, tenant });
    format!("({tree})")
}

/// A value of the row with this alias.
pub fn scalar(scalar: &Scalar, alias: &str) -> String {
    match scalar {
        Scalar::Column(column) => format!("{alias}.{}", quote(column)),
        Scalar::Expression(inner) => expression(inner, alias, None),
    }
}

fn tenant_tree(scalar: &Scalar, alias: &str) -> Expr {
    match scalar {
        Scalar::Column(column) => {
            Expr::CompoundIdentifier(vec![Ident::new(alias), identifier(column)])
        }
        Scalar::Expression(inner) => {
            let mut tree = inner.tree.clone();
            let _: ControlFlow<()> = tree.visit(&mut Placing { alias, tenant: None });
            Expr::Nested(Box::new(tree))
        }
    }
}

struct Placing<'a> {
    alias: &'a str,
    tenant: Option<Expr>,
}

impl VisitorMut for Placing<'_> {
    type Break = ();

    // After the children, so that what is put in is not visited again.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::CompoundIdentifier(idents) => {
                if let Some(first) = idents.first_mut()
                    && first.value == ROW
                {
                    *first = Ident::new(self.alias);
                }
            }
            Expr::Value(value) => {
                let Literal::Placeholder(name) = &mut value.value else {
                    return ControlFlow::Continue(());
                };
                if name == Parameter::Now.word() {
                    *name = "?1".to_owned();
                } else if name == Parameter::Cutoff.word() {
                    *name = "?2".to_owned();
                } else if name == Parameter::Tenant.word()
                    && let Some(tenant) = &self.tenant
                {
                    *expr = tenant.clone();
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
