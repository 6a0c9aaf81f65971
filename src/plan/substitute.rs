//! A target as its rows would be judged after the Update: `set` in the columns' place.

use std::ops::ControlFlow;

use sqlparser::ast::{
    CastKind, DataType, Expr, Ident, ObjectName, ObjectNamePart, VisitMut, VisitorMut,
};

use crate::model::{Action, Assignments, Engine, Expression, ROW, Scalar, Target, quote};

/// `None` for a Delete, and where a subquery of a condition reads the target's own table: only
/// doing it would tell, and each batch looks at the rows that it changed.
pub fn afterwards(target: &Target) -> Option<Target> {
    let Action::Update(set) = &target.action else {
        return None;
    };
    let mut after = target.clone();
    // keepNewest ranks among other rows, which change too; the row itself is over the limit now.
    after.keep_newest = None;
    after.referenced.clear();
    let conditions = after
        .selection
        .iter_mut()
        .chain(after.exemptions.iter_mut().map(|exemption| &mut exemption.when));
    for condition in conditions {
        substitute(condition, set, target)?;
    }
    if let Some(age) = &mut after.age {
        match &mut age.scalar {
            Scalar::Column(column) => {
                if let Some((_, value)) = set.iter().find(|(name, _)| name == column) {
                    let tree = placed(value, column, target);
                    age.scalar = Scalar::Expression(Expression { tree, ..value.clone() });
                }
            }
            Scalar::Expression(expression) => substitute(expression, set, target)?,
        }
    }
    Some(after)
}

fn substitute(expression: &mut Expression, set: &Assignments, target: &Target) -> Option<()> {
    if expression.tables.contains(&target.table.name) {
        return None;
    }
    let _: ControlFlow<()> = expression.tree.visit(&mut Substituting { set, target });
    for (column, value) in set {
        if expression.columns.contains(column) {
            expression.parameters.extend(value.parameters.iter().copied());
        }
    }
    Some(())
}

/// A value as the column would hold it: in PostgreSQL a literal takes the type of its column.
fn placed(value: &Expression, column: &str, target: &Target) -> Expr {
    let inner = Expr::Nested(Box::new(value.tree.clone()));
    match target.table.column(column) {
        Some(column) if target.table.engine == Engine::Postgres => Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(inner),
            data_type: DataType::Custom(
                ObjectName(vec![ObjectNamePart::Identifier(Ident::new(&column.cast))]),
                Vec::new(),
            ),
            format: None,
        },
        _ => inner,
    }
}

struct Substituting<'a> {
    set: &'a Assignments,
    target: &'a Target,
}

impl VisitorMut for Substituting<'_> {
    type Break = ();

    // After the children, so that what is put in is not visited again.
    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(idents) = expr
            && let [row, column] = &idents[..]
            && row.value == ROW
            && let Some((name, value)) =
                self.set.iter().find(|(name, _)| quote(name) == column.value)
        {
            *expr = placed(value, name, self.target);
        }
        ControlFlow::Continue(())
    }
}
