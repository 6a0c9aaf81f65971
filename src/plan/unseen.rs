//! Conditions that cannot see all of what happens while a batch is at work.

use crate::model::{Catalog, Engine, Expression, Target};

/// Names the tables that conditions read and that have no foreign key to the target: what is
/// committed there between the judgement and the COMMIT neither waits for us nor is seen. In SQLite
/// nobody commits anything meanwhile.
pub fn caution(target: &Target, catalog: &Catalog) -> Option<String> {
    if target.table.engine == Engine::Sqlite {
        return None;
    }
    let read = |expression: &Expression| expression.tables.iter().cloned().collect::<Vec<_>>();
    let mut tables: Vec<_> = target.selection.iter().flat_map(read).collect();
    tables.extend(target.exemptions.iter().flat_map(|exemption| read(&exemption.when)));
    tables.retain(|name| {
        let is_bound = catalog
            .references_to(&target.table)
            .any(|(holder, _)| holder.name == *name || holder.leaves.contains(name));
        *name != target.table.name && !is_bound
    });
    tables.sort();
    tables.dedup();
    if tables.is_empty() {
        return None;
    }
    let names: Vec<String> = tables.iter().map(ToString::to_string).collect();
    Some(format!(
        "conditions read {}, without a foreign key to {}: what is committed there between a batch's judgement and its COMMIT is not seen",
        names.join(", "),
        target.table.name
    ))
}
