//! A DatabaseConnection: which database, and how gently.

use std::time::Duration;

use super::fields::{exactly_one, parse_duration, part_names};
use super::manifest::Document;
use super::names::Ceiling;
use super::{Connection, Database, Limits};
use crate::api::{self, DatabaseConnectionSpec};
use crate::model::{Engine, Reason, Refusal};

const ENGINE: &str = "write sqlite: {path: PATH}, the engine that is supported";

/// The connection and its ceiling.
pub fn declare(
    document: &Document<DatabaseConnectionSpec>,
) -> Result<(Connection, Ceiling), Vec<Refusal>> {
    // Destructured whole, so that a new field cannot be forgotten here.
    let DatabaseConnectionSpec {
        postgres,
        mysql,
        sqlite,
        json,
        // Who mounts what is the cluster's affair; on disk, --root stands for the volume.
        volume: _,
        mount_path: _,
        runner: _,
        allow,
        services,
        // SQLite has no logins.
        allow_privileged_login: _,
        limits,
    } = &document.spec;
    let mut refusals = Vec::new();
    let engines = [
        ("postgres", postgres.is_some()),
        ("mysql", mysql.is_some()),
        ("sqlite", sqlite.is_some()),
        ("json", json.is_some()),
    ];
    if let Err(refusal) = exactly_one("spec", &engines) {
        refusals.push(refusal);
    }
    let later = [
        ("postgres", postgres.is_some(), "is", ENGINE),
        ("mysql", mysql.is_some(), "is", ENGINE),
        ("json", json.is_some(), "is", ENGINE),
        ("services", !services.is_empty(), "are", "remove them"),
    ];
    for (name, written, is, write) in later {
        if written {
            refusals.push(Refusal::new(
                format!("spec.{name}"),
                Reason::NotSupported,
                format!("{name} {is} not supported yet"),
                write,
            ));
        }
    }
    part_names(
        services.iter().map(|service| service.name.as_str()),
        "spec.services",
        &mut refusals,
    );
    let path = sqlite.as_ref().map(|sqlite| {
        if !sqlite.attach.is_empty() {
            refusals.push(Refusal::new(
                "spec.sqlite.attach",
                Reason::NotSupported,
                "attach is not supported yet",
                "remove it",
            ));
        }
        match check_path(&sqlite.path) {
            Ok(()) => {}
            Err(refusal) => refusals.push(refusal),
        }
        sqlite.path.clone()
    });
    let limits = match declare_limits(limits.as_ref()) {
        Ok(limits) => Some(limits),
        Err(mut wrong) => {
            refusals.append(&mut wrong);
            None
        }
    };
    let ceiling = match Ceiling::parse(allow, Engine::Sqlite) {
        Ok(ceiling) => Some(ceiling),
        Err(mut wrong) => {
            refusals.append(&mut wrong);
            None
        }
    };
    match (path, limits, ceiling) {
        (Some(path), Some(limits), Some(ceiling)) if refusals.is_empty() => Ok((
            Connection {
                name: document.metadata.name.clone(),
                file: document.file.clone(),
                database: Database::Sqlite { path },
                limits,
            },
            ceiling,
        )),
        _ => Err(refusals),
    }
}

/// A path stays below its volume whatever it is joined to.
fn check_path(path: &str) -> Result<(), Refusal> {
    let bad = |reason, what: &str| {
        Err(Refusal::new(
            "spec.sqlite.path",
            reason,
            format!("`{path}` {what}"),
            "write a path below the volume, e.g. data/app.db",
        ))
    };
    if path.starts_with('/') {
        return bad(Reason::InvalidValue, "is absolute");
    }
    if path.split('/').any(|segment| ["", ".", ".."].contains(&segment)) {
        return bad(Reason::InvalidValue, "leaves its folder or has an empty segment");
    }
    if path.contains('*') {
        return bad(Reason::NotSupported, "names several files, which is not supported yet");
    }
    if path.contains(['?', '\0']) {
        return bad(Reason::InvalidValue, "has a character that no database's path takes");
    }
    Ok(())
}

fn declare_limits(limits: Option<&api::Limits>) -> Result<Limits, Vec<Refusal>> {
    let api::Limits {
        max_concurrent_runs,
        lock_timeout,
        statement_timeout,
        duty_cycle_percent,
        max_replica_lag,
    } = limits.cloned().unwrap_or_default();
    let mut refusals = Vec::new();
    let mut duration = |text: Option<String>, name: &str, default: Duration| {
        let parsed = text.map(|text| parse_duration(&text, &format!("spec.limits.{name}")));
        parsed.unwrap_or(Ok(default)).unwrap_or_else(|refusal| {
            refusals.push(refusal);
            default
        })
    };
    let lock_timeout = duration(lock_timeout, "lockTimeout", Duration::from_secs(2));
    let statement_timeout =
        duration(statement_timeout, "statementTimeout", Duration::from_secs(30));
    // Checked, and without a meaning where there are no replicas.
    duration(max_replica_lag, "maxReplicaLag", Duration::from_secs(10));
    let percent = duty_cycle_percent.unwrap_or(50);
    if !(1..=100).contains(&percent) {
        refusals.push(Refusal::new(
            "spec.limits.dutyCyclePercent",
            Reason::InvalidValue,
            format!("{percent} is not from 1 to 100"),
            "write a percentage, e.g. 50",
        ));
    }
    if max_concurrent_runs.is_some_and(|runs| runs < 1) {
        refusals.push(Refusal::new(
            "spec.limits.maxConcurrentRuns",
            Reason::InvalidValue,
            "less than one run could never run",
            "write 1 or more",
        ));
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    Ok(Limits { lock_timeout, statement_timeout, duty_cycle_percent: percent.unsigned_abs() })
}
