//! A report that a person can read aloud.

use std::fmt::Write;

use crate::api::{AccessPath, Outcome, PurgeRun, PurgeRunStatus, TargetReport, Throttled};

/// All runs, one after another.
pub fn render(runs: &[PurgeRun]) -> String {
    let mut out = String::new();
    for run in runs {
        if let Some(status) = &run.status {
            if !out.is_empty() {
                out.push('\n');
            }
            let _ = write_run(&mut out, run, status);
        }
    }
    out
}

fn write_run(out: &mut String, run: &PurgeRun, status: &PurgeRunStatus) -> std::fmt::Result {
    let dry = status.dry_run.unwrap_or(false);
    let clock = status.clock.as_deref().unwrap_or_default();
    let what = if dry { "dry run, nothing was changed" } else { "run" };
    writeln!(out, "RetentionPolicy {}: {what}, by the clock {clock}", run.spec.policy_ref.name)?;
    let mut rows = vec![cells(&[
        "TARGET",
        "OUTCOME",
        "SELECTED",
        if dry { "WOULD DELETE" } else { "DELETED" },
        if dry { "WOULD UPDATE" } else { "UPDATED" },
        "DEPENDENTS",
        "HELD",
        "OVERDUE",
    ])];
    for target in &status.targets {
        let dependents: i64 = target.dependents.iter().map(|d| d.deleted + d.updated).sum();
        let held: i64 = target.kept.held.values().sum();
        let overdue = target.overdue.as_ref().map_or(String::new(), |overdue| {
            let least = if overdue.at_least == Some(true) { ">=" } else { "" };
            format!("{least}{}", overdue.rows)
        });
        rows.push(vec![
            target.name.clone(),
            target.outcome.map_or("", outcome).to_owned(),
            target.rows.selected.to_string(),
            least(target, target.rows.deleted),
            least(target, target.rows.updated),
            least(target, dependents),
            held.to_string(),
            overdue,
        ]);
    }
    write_table(out, "", &rows)?;
    for target in &status.targets {
        writeln!(out)?;
        write_target(out, target, dry)?;
    }
    Ok(())
}

/// What went, where perhaps more did.
fn least(target: &TargetReport, rows: i64) -> String {
    let least = if target.rows.at_least == Some(true) { ">=" } else { "" };
    format!("{least}{rows}")
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "Done",
        Outcome::CapReached => "CapReached",
        Outcome::DeadlineExceeded => "DeadlineExceeded",
        Outcome::Stopped => "Stopped",
        Outcome::Failed => "Failed",
    }
}

fn write_target(out: &mut String, target: &TargetReport, dry: bool) -> std::fmt::Result {
    writeln!(out, "{}", target.name)?;
    if let Some(message) = &target.message {
        let reason =
            target.reason.as_deref().map(|reason| format!("{reason}: ")).unwrap_or_default();
        writeln!(out, "  {reason}{message}")?;
    }
    write_tenants(out, target, dry)?;
    let kept = kept(target);
    if !kept.is_empty() {
        writeln!(out, "  kept: {}", kept.join(", "))?;
    }
    for dependent in &target.dependents {
        let count = dependent.deleted + dependent.updated;
        let verb = match (dry, dependent.updated > 0) {
            (true, true) => "would change with them",
            (true, false) => "would go with them",
            (false, true) => "changed with them",
            (false, false) => "went with them",
        };
        writeln!(out, "  {}: {} {verb}", dependent.name, least(target, count))?;
    }
    for tenant in &target.unknown_tenants {
        let who = match tenant.name.as_str() {
            "" => "all rows kept".to_owned(),
            name => format!("tenant {name} kept whole"),
        };
        writeln!(out, "  {who}: {}: {}: {}", tenant.source, tenant.reason, tenant.message)?;
    }
    write_more(out, "unknown tenants", target.unknown_tenants_omitted)?;
    for failure in &target.failures {
        writeln!(
            out,
            "  row {} could not go: {}: {}",
            failure.key, failure.reason, failure.message
        )?;
    }
    write_more(out, "failures", target.failures_omitted)?;
    let waited = waited(target);
    if !waited.is_empty() {
        writeln!(out, "  waited: {}", waited.join(", "))?;
    }
    if let Some(access) = &target.access {
        let path = match access.path {
            AccessPath::Index => "Index",
            AccessPath::Sweep => "Sweep",
        };
        writeln!(out, "  found by {path}: {}", access.why)?;
        if let Some(index) = &access.index {
            writeln!(out, "  this index would help: {index};")?;
        }
        if !access.triggers.is_empty() {
            writeln!(out, "  triggers that fire: {}", access.triggers.join(", "))?;
        }
        if !access.set_null.is_empty() {
            writeln!(out, "  set to NULL by the database: {}", access.set_null.join(", "))?;
        }
        for note in &access.notes {
            writeln!(out, "  note: {note}")?;
        }
    }
    let conditions = ["where", "keepNewest", "exemptions"]
        .iter()
        .filter_map(|part| Some(format!("{part} {}", target.understood.get(*part)?)));
    writeln!(out, "  understood: {}", conditions.collect::<Vec<_>>().join("; "))
}

fn write_tenants(out: &mut String, target: &TargetReport, dry: bool) -> std::fmt::Result {
    let tenants: Vec<_> = target.tenants.iter().filter(|tenant| !tenant.name.is_empty()).collect();
    if let [only] = &target.tenants[..]
        && only.name.is_empty()
        && let Some(cutoff) = &only.cutoff
    {
        writeln!(out, "  window {}: rows before {cutoff} go", only.window)?;
    }
    if tenants.is_empty() {
        return Ok(());
    }
    let gone = if dry { "WOULD GO" } else { "GONE" };
    let mut rows = vec![cells(&["TENANT", "WINDOW", "ROWS BEFORE", gone, "OVERDUE"])];
    for tenant in tenants {
        // No cutoff: nothing goes, or keepNewest alone decides, or it stands at another spelling of
        // the name.
        let without = match tenant.window.as_str() {
            "Forever" => "never",
            _ if target.understood.get("age").is_some_and(|age| age == "none") => "any age",
            _ => "-",
        };
        rows.push(vec![
            tenant.name.clone(),
            tenant.window.clone(),
            tenant.cutoff.clone().unwrap_or_else(|| without.to_owned()),
            least(target, tenant.deleted + tenant.updated),
            tenant.overdue.to_string(),
        ]);
    }
    write_table(out, "  ", &rows)?;
    write_more(out, "tenants", target.tenants_omitted)
}

fn write_more(out: &mut String, what: &str, omitted: Option<i64>) -> std::fmt::Result {
    match omitted {
        Some(omitted) => writeln!(out, "  and {omitted} more {what}"),
        None => Ok(()),
    }
}

/// Whom the run let go first. That it rests as it is told to is no news.
fn waited(target: &TargetReport) -> Vec<String> {
    let throttled = target.work.as_ref().and_then(|work| work.throttled_seconds.clone());
    let Throttled { duty_cycle: _, replica_lag, lock_waiters, wal_size } =
        throttled.unwrap_or_default();
    let causes = [
        (replica_lag, "replicas that were behind"),
        (lock_waiters, "others' locks"),
        (wal_size, "a reader of an old state"),
    ];
    let told = causes.iter().filter_map(|(seconds, whom)| {
        seconds.filter(|seconds| *seconds > 0.0).map(|seconds| format!("{seconds:.1} s for {whom}"))
    });
    told.collect()
}

fn kept(target: &TargetReport) -> Vec<String> {
    let kept = &target.kept;
    let mut parts: Vec<String> =
        kept.held.iter().map(|(name, rows)| format!("{rows} held by {name}")).collect();
    let known = [
        (kept.referenced, "still referenced"),
        (kept.undatable, "without an age"),
        (kept.unreadable, "with an unreadable age"),
        (kept.future, "from the future"),
        (kept.no_tenant, "without a tenant"),
        (kept.failed, "that could not go"),
    ];
    parts.extend(known.iter().filter_map(|(rows, what)| {
        rows.filter(|rows| *rows > 0).map(|rows| format!("{rows} {what}"))
    }));
    parts
}

fn cells(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Columns as wide as their widest cell, three spaces apart, as kubectl prints them.
fn write_table(out: &mut String, indent: &str, rows: &[Vec<String>]) -> std::fmt::Result {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> = (0..columns)
        .map(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0))
        .collect();
    for row in rows {
        let mut line = indent.to_owned();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:<width$}   ");
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
