//! What only the rows can tell: whether columns hold what the policy takes them to hold.

use crate::database::{Error, Session};
use crate::model::{
    Comparison, DependentAction, Encoding, Engine, Expression, Reason, Refusal, Scalar, Table,
    Target, Value, quote,
};
use crate::plan::PlannedTarget;
use crate::sql::{self, sqlite};

/// Every condition with its place and the table whose rows it judges.
pub(super) fn conditions(target: &Target) -> Vec<(String, &Table, &Expression)> {
    let own = &target.table;
    let mut found: Vec<(String, &Table, &Expression)> = Vec::new();
    found.extend(target.selection.iter().map(|e| (".where".to_owned(), own, e)));
    found.extend(
        target.exemptions.iter().map(|e| (format!(".exemptions[{}].when", e.name), own, &e.when)),
    );
    for dependent in &target.dependents {
        let part = format!(".dependents[{}].where", dependent.name);
        found.extend(dependent.selection.iter().map(|e| (part.clone(), &dependent.table, e)));
    }
    found
}

/// A reference is followed by the collation of the referencing column, and a foreign key by that
/// of the referenced one: where they differ, rows of other parents would go, or some be missed.
pub(super) async fn compared_keys(
    planned: &PlannedTarget,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let target = &planned.target;
    let mut refusals = Vec::new();
    for dependent in &target.dependents {
        if matches!(dependent.action, DependentAction::Keep) {
            continue;
        }
        let parent = dependent.of.map_or(&target.table, |of| &target.dependents[of].table);
        for (own, theirs) in &dependent.references {
            let sides = [(&dependent.table, own), (parent, theirs)];
            // Numbers have no collation.
            let is_number = |(table, name): &(&Table, &String)| {
                table.column(name).is_none_or(|column| column.declared.contains("INT"))
            };
            if sides.iter().any(is_number) {
                continue;
            }
            let mut flags = Vec::new();
            for (table, name) in sides {
                let scalar = Scalar::Column(name.clone());
                flags.push(session.rows(&sqlite::collation(table, &scalar)).await?);
            }
            if flags[0] != flags[1] {
                refusals.push(Refusal::new(
                    format!("{}.dependents[{}].references", planned.field, dependent.name),
                    Reason::TypeMismatch,
                    format!("columns {own} and {theirs} compare texts by different collations, so it is not sure which rows hang on which"),
                    "declare both columns with one collation",
                ));
            }
        }
    }
    Ok(refusals)
}

/// A column that is compared with an instant must hold what compares with it, in every row.
pub(super) async fn compared_columns(
    planned: &PlannedTarget,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let mut refusals = Vec::new();
    for (part, _, expression) in conditions(&planned.target) {
        for Comparison { table, column, with_text } in &expression.comparisons {
            let odd = session.rows(&sqlite::oddly_written(table, column, *with_text)).await?;
            if odd.is_empty() {
                continue;
            }
            let (what, write) = if *with_text {
                (
                    "something else than texts of the form YYYY-MM-DD HH:MM:SS",
                    format!("compare datetime({column}), which gives that form"),
                )
            } else {
                ("something else than numbers", format!("compare CAST({column} AS INTEGER)"))
            };
            refusals.push(Refusal::new(format!("{}{part}", planned.field), Reason::TypeMismatch, format!("column {column} of {} holds {what}, and SQLite would compare it wrongly without a word", table.name), write));
        }
    }
    Ok(refusals)
}

/// Seconds that are read as milliseconds lie in January of 1970, and every row would go at once.
pub(super) async fn seconds_for_millis(
    planned: &PlannedTarget,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    /// In milliseconds the spring of 1973; in seconds the year 5138.
    const LEAST: f64 = 1e11;
    let Some(age) = &planned.target.age else {
        return Ok(Vec::new());
    };
    if age.encoding != Encoding::UnixMillis {
        return Ok(Vec::new());
    }
    let rows = session.rows(&sql::newest_number(&planned.target, age)).await?;
    let newest = match rows.first().map(|row| &row[0]) {
        Some(Value::Integer(integer)) => *integer as f64,
        Some(Value::Real(real)) => *real,
        _ => return Ok(Vec::new()),
    };
    if newest <= 0.0 || newest >= LEAST {
        return Ok(Vec::new());
    }
    Ok(vec![Refusal::new(
        format!("{}.age.encoding", planned.field),
        Reason::TypeMismatch,
        "in milliseconds even the newest age lies before 1973, so these are seconds, and every row would go",
        "write encoding: UnixSeconds",
    )])
}

/// SQL lets a key refer only to columns that are unique. Where two parents share the values, rows
/// would go with the one that the other still needs.
pub(super) async fn shared_parents(
    planned: &PlannedTarget,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let target = &planned.target;
    let mut refusals = Vec::new();
    for dependent in &target.dependents {
        let parent = dependent.of.map_or(&target.table, |of| &target.dependents[of].table);
        let columns: Vec<&str> =
            dependent.references.iter().map(|(_, theirs)| theirs.as_str()).collect();
        if matches!(dependent.action, DependentAction::Keep) || parent.is_unique_on(&columns) {
            continue;
        }
        // Where others may write while we are at work, what is true of the rows now says nothing.
        if session.engine() == Engine::Postgres {
            let quoted: Vec<String> = columns.iter().map(|column| quote(column)).collect();
            refusals.push(Refusal::new(
                format!("{}.dependents[{}].references", planned.field, dependent.name),
                Reason::Conflict,
                format!(
                    "nothing keeps two rows of {} from sharing their values of ({}), so a dependent of one that goes may belong to one that stays",
                    parent.name,
                    columns.join(", ")
                ),
                format!(
                    "refer to columns that are unique, such as the primary key; or CREATE UNIQUE INDEX ON {} ({});",
                    parent.name,
                    quoted.join(", ")
                ),
            ));
            continue;
        }
        if !session.rows(&sql::twins(parent, &columns)).await?.is_empty() {
            let columns = columns.join(", ");
            refusals.push(Refusal::new(
                format!("{}.dependents[{}].references", planned.field, dependent.name),
                Reason::Conflict,
                format!("several rows of {} share their values of ({columns}), so a dependent of one that goes may belong to one that stays", parent.name.name),
                "refer to columns that are unique, such as the primary key",
            ));
        }
    }
    Ok(refusals)
}

/// `2026-01-02T00:00:00` sorts after `2026-01-02 23:00:00`.
pub(super) async fn ordered_texts(
    planned: &PlannedTarget,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let Some(keep) = &planned.target.keep_newest else {
        return Ok(Vec::new());
    };
    let mut refusals = Vec::new();
    for order in keep.order_by.iter().filter(|order| order.encoding.is_none()) {
        let forms = session.rows(&sqlite::text_forms(&planned.target.table, &order.column)).await?;
        if forms.len() > 1 {
            refusals.push(Refusal::new(format!("{}.keepNewest.orderBy", planned.field), Reason::TypeMismatch, format!("column {} holds dates of several forms, which do not sort by time as texts", order.column), "order by another column first, or make it the first and write encoding: Text and timeZone: ZONE under keepNewest"));
        }
    }
    Ok(refusals)
}
