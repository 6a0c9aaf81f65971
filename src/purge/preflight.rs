//! The last questions before anything is touched: those that only the database can answer about
//! the plan's own statements. It reads and never writes.

use super::judge::{Bench, Verdict};
use super::walk::Walk;
use super::{JUDGED_AT_ONCE, Job};
use crate::database::{Error, ErrorClass, Session};
use crate::model::{
    Access, Action, Comparison, DependentAction, Encoding, Expression, Key, Reason, Refusal,
    Scalar, Table, Value,
};
use crate::plan::PlannedTarget;
use crate::sql::{Instants, Statement, sqlite};

/// All that stands against a target, now that its rows were asked. `Err`: they could not be asked.
pub async fn preflight(
    planned: &PlannedTarget,
    job: &Job<'_>,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let mut refusals = compile(planned, job, session).await?;
    if refusals.is_empty() {
        refusals.extend(compared_columns(planned, session).await?);
        refusals.extend(compared_keys(planned, session).await?);
        refusals.extend(shared_parents(planned, session).await?);
        refusals.extend(seconds_for_millis(planned, session).await?);
        refusals.extend(ordered_texts(planned, session).await?);
    }
    if refusals.is_empty() {
        refusals.extend(stays_selected(planned, job, session).await?);
    }
    Ok(refusals)
}

/// Every statement of the run is compiled once: an argument too many in an expression, or a
/// foreign key to columns that are not unique, shows here and not after the first batch.
async fn compile(
    planned: &PlannedTarget,
    job: &Job<'_>,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let target = &planned.target;
    let instants = Instants::bind(job.clock, None, None);
    let mut statements: Vec<Statement> = vec![
        sqlite::sweep(target, &instants, None, 1),
        sqlite::judge(target, &instants, &[]),
    ];
    for (at, dependent) in target.dependents.iter().enumerate() {
        statements.push(match &dependent.action {
            DependentAction::Delete => sqlite::delete_dependent(target, &instants, at, &[]),
            DependentAction::Update(set) => {
                sqlite::update_dependent(target, &instants, at, &[], set)
            }
            DependentAction::Keep => continue,
        });
    }
    statements.push(sqlite::act(target, &instants, &[]));
    if let Some(keep) = &target.keep_newest {
        statements.push(sqlite::over_full_partitions(target, keep, &instants));
    }
    for statement in statements {
        match session.rows(&statement.explained()).await {
            Ok(_) => {}
            Err(error) if error.class == ErrorClass::Statement => {
                return Ok(vec![Refusal::new(
                    &planned.field,
                    Reason::BadExpression,
                    format!("SQLite does not take the target's statements: {error}"),
                    "correct the expression or the schema that the message names",
                )]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(Vec::new())
}

fn expressions(planned: &PlannedTarget) -> Vec<(String, &Expression)> {
    let target = &planned.target;
    let mut found: Vec<(String, &Expression)> = Vec::new();
    found.extend(target.selection.iter().map(|e| (".where".to_owned(), e)));
    found.extend(
        target
            .exemptions
            .iter()
            .map(|e| (format!(".exemptions[{}].when", e.name), &e.when)),
    );
    for dependent in &target.dependents {
        found.extend(
            dependent
                .selection
                .iter()
                .map(|e| (format!(".dependents[{}].where", dependent.name), e)),
        );
    }
    found
}

/// A reference is followed by the collation of the referencing column, and a foreign key by that
/// of the referenced one: where they differ, rows of other parents would go, or some be missed.
async fn compared_keys(
    planned: &PlannedTarget,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let target = &planned.target;
    let mut refusals = Vec::new();
    for dependent in &target.dependents {
        if matches!(dependent.action, DependentAction::Keep) {
            continue;
        }
        let parent = dependent
            .of
            .map_or(&target.table, |of| &target.dependents[of].table);
        for (own, theirs) in &dependent.references {
            let sides = [(&dependent.table, own), (parent, theirs)];
            // Numbers have no collation.
            let is_number = |(table, name): &(&Table, &String)| {
                table
                    .column(name)
                    .is_none_or(|column| column.declared.contains("INT"))
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
async fn compared_columns(
    planned: &PlannedTarget,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let mut refusals = Vec::new();
    for (part, expression) in expressions(planned) {
        for Comparison {
            table,
            column,
            with_text,
        } in &expression.comparisons
        {
            let odd = session
                .rows(&sqlite::oddly_written(table, column, *with_text))
                .await?;
            if odd.is_empty() {
                continue;
            }
            let (what, write) = if *with_text {
                (
                    "something else than texts of the form YYYY-MM-DD HH:MM:SS",
                    format!("compare datetime({column}), which gives that form"),
                )
            } else {
                (
                    "something else than numbers",
                    format!("compare CAST({column} AS INTEGER)"),
                )
            };
            refusals.push(Refusal::new(format!("{}{part}", planned.field), Reason::TypeMismatch, format!("column {column} of {} holds {what}, and SQLite would compare it wrongly without a word", table.name), write));
        }
    }
    Ok(refusals)
}

/// Seconds that are read as milliseconds lie in January of 1970, and every row would go at once.
async fn seconds_for_millis(
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
    let rows = session
        .rows(&sqlite::newest_number(&planned.target, age))
        .await?;
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
async fn shared_parents(
    planned: &PlannedTarget,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let target = &planned.target;
    let mut refusals = Vec::new();
    for dependent in &target.dependents {
        let parent = dependent
            .of
            .map_or(&target.table, |of| &target.dependents[of].table);
        let columns: Vec<&str> = dependent
            .references
            .iter()
            .map(|(_, theirs)| theirs.as_str())
            .collect();
        if matches!(dependent.action, DependentAction::Keep) || parent.is_unique_on(&columns) {
            continue;
        }
        if !session
            .rows(&sqlite::twins(parent, &columns))
            .await?
            .is_empty()
        {
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
async fn ordered_texts(
    planned: &PlannedTarget,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let Some(keep) = &planned.target.keep_newest else {
        return Ok(Vec::new());
    };
    let mut refusals = Vec::new();
    for order in keep
        .order_by
        .iter()
        .filter(|order| order.encoding.is_none())
    {
        let forms = session
            .rows(&sqlite::text_forms(&planned.target.table, &order.column))
            .await?;
        if forms.len() > 1 {
            refusals.push(Refusal::new(format!("{}.keepNewest.orderBy", planned.field), Reason::TypeMismatch, format!("column {} holds dates of several forms, which do not sort by time as texts", order.column), "order by another column first, or make it the first and write encoding: Text and timeZone: ZONE under keepNewest"));
        }
    }
    Ok(refusals)
}

/// An Update that leaves a row in its own selection would change it again in every run, and a
/// policy of two stages would never end.
async fn stays_selected(
    planned: &PlannedTarget,
    job: &Job<'_>,
    session: &mut Session,
) -> Result<Vec<Refusal>, Error> {
    let Action::Update(_) = &planned.target.action else {
        return Ok(Vec::new());
    };
    let Some(after) = &planned.afterwards else {
        return Ok(Vec::new());
    };
    let now = Bench {
        target: &planned.target,
        cutoffs: &planned.cutoffs,
        clock: job.clock,
    };
    let then = Bench {
        target: after,
        ..now
    };
    let access = if planned.target.age.is_some() {
        Access::Sweep
    } else {
        Access::Partitions
    };
    let mut walk = Walk::new(
        &planned.target,
        &planned.cutoffs,
        &planned.tenants,
        job.clock,
        &access,
    );
    while let Some(page) = walk.next(session).await? {
        for (fate, keys) in page.groups {
            for keys in keys.chunks(JUDGED_AT_ONCE) {
                let going: Vec<Key> = now
                    .judge(keys, fate, session)
                    .await?
                    .into_iter()
                    .filter(|row| row.verdict == Verdict::Goes)
                    .map(|row| row.key)
                    .collect();
                let staying = then.judge(&going, fate, session).await?;
                if let Some(row) = staying.iter().find(|row| row.verdict == Verdict::Goes) {
                    return Ok(vec![Refusal::new(
                        format!("{}.set", planned.field),
                        Reason::StaysSelected,
                        format!(
                            "the row with key {} would still be selected after the Update",
                            row.key.hash()
                        ),
                        "set a column that `where` asks for, e.g. where: \"archived = 0\" with set: {archived: \"1\"}",
                    )]);
                }
            }
        }
    }
    Ok(Vec::new())
}
