//! The whole predicate of rows by their keys, and what is done to those that go.
//!
//! Every statement gives a row its key first, so that whoever reads it can take the key off.

use super::kinds::is_flag;
use super::statement::{Binds, Instants, Statement};
use super::words::{
    assignments, key_in, root_from, selected, shown_age, shown_column, shown_keys, shown_tenant,
    tenant_of, update,
};
use super::{dependents, ranking, render};
use crate::model::{Action, Engine, Key, ROW, Target};

/// All conditions of the rows with these keys, read now: key, tenant, age, whether `where` holds,
/// for each exemption whether it holds the row, for each unnamed reference whether there is one,
/// then the partition and the order of keepNewest.
///
/// NULL in `where` does not select, NULL in `when` holds.
pub fn judge(target: &Target, instants: &Instants, keys: &[Key]) -> Statement {
    let mut binds = Binds::new(target.table.engine, instants);
    let text = conditions(target, keys, &mut binds);
    Statement::new(text, binds)
}

/// Locks the rows with these keys and gives the keys of those that it got: who else has one locked
/// is not waited for. Where `judges`, which is for conditions that read nothing but the row itself, they
/// are given too, as [`judge`] gives them: of a row that was changed before its lock was had, what it
/// has become.
pub fn claim(target: &Target, instants: &Instants, keys: &[Key], judges: bool) -> Statement {
    let mut binds = Binds::new(target.table.engine, instants);
    let text = if judges {
        conditions(target, keys, &mut binds)
    } else {
        let chosen = key_in(target.rows(), ROW, keys, &mut binds);
        format!(
            "SELECT {} FROM {} WHERE {chosen}",
            shown_keys(target.rows(), ROW).join(", "),
            root_from(target, ROW)
        )
    };
    // Not FOR NO KEY UPDATE, which would let a new child in.
    Statement::new(format!("{text} FOR UPDATE OF {ROW} SKIP LOCKED"), binds)
}

/// The columns of a judgement.
pub(super) fn columns(target: &Target) -> Vec<String> {
    let mut columns = shown_keys(target.rows(), ROW);
    columns.push(shown_tenant(target, ROW));
    columns.push(shown_age(target, ROW));
    columns.push(selected(target, ROW, true));
    for exemption in &target.exemptions {
        let when = render::expression(&exemption.when, ROW, tenant_of(target));
        // A text is neither: SQLite reads 'true' as the number 0, and would let the row go.
        let typed = target.table.engine == Engine::Postgres || is_flag(&exemption.when.tree);
        columns.push(if typed {
            format!("{when} IS NOT FALSE")
        } else {
            format!("({when} IS NOT FALSE OR typeof({when}) IN ('text', 'blob'))")
        });
    }
    for reference in &target.referenced {
        columns.push(dependents::referenced(target, reference));
    }
    if let Some(keep) = &target.keep_newest {
        columns.extend(keep.partition_by.iter().map(|name| shown_column(target.rows(), ROW, name)));
        columns.extend(keep.order_by.iter().map(|order| ranking::shown_order(target, ROW, order)));
    }
    columns
}

fn conditions(target: &Target, keys: &[Key], binds: &mut Binds) -> String {
    let columns = columns(target).join(", ");
    let chosen = key_in(target.rows(), ROW, keys, binds);
    format!("SELECT {columns} FROM {} WHERE {chosen}", root_from(target, ROW))
}

/// Roots go by key alone: they are locked, and only we and triggers can have changed them since
/// they were judged. Conditions repeated here would take every row that a trigger on a dependent
/// has touched for a row that cannot go.
///
/// PostgreSQL's statement gives the keys that the rows have afterwards: an address changes with
/// its row.
pub fn act(target: &Target, instants: &Instants, keys: &[Key]) -> Statement {
    let mut binds = Binds::new(target.table.engine, instants);
    let rows = target.rows();
    let chosen = key_in(rows, ROW, keys, &mut binds);
    let table = root_from(target, ROW);
    let mut text = match &target.action {
        Action::Delete => format!("DELETE FROM {table} WHERE {chosen}"),
        Action::Update(set) => {
            let set = assignments(set, tenant_of(target));
            format!("{} {table} SET {set} WHERE {chosen}", update(rows))
        }
    };
    if rows.engine == Engine::Postgres && matches!(target.action, Action::Update(_)) {
        text += &format!(" RETURNING {}", shown_keys(rows, ROW).join(", "));
    }
    Statement::new(text, binds)
}
