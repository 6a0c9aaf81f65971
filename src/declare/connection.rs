//! A DatabaseConnection: which database, and how gently.

use std::time::Duration;

use super::fields::{exactly_one, parse_duration, part_names};
use super::manifest::{Document, Metadata};
use super::names::Ceiling;
use super::secret::{self, Secret};
use super::{Connection, Database, Limits, Login};
use crate::api::{self, DatabaseConnectionSpec};
use crate::model::{Engine, Reason, Refusal};

const ENGINE: &str = "write sqlite: {path: PATH}, or postgres: {secretKeyRef: {name: NAME, key: KEY}}, the engines that are supported";

/// The connection and its ceiling.
pub fn declare(
    document: &Document<DatabaseConnectionSpec>,
    secrets: &[Document<Secret>],
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
        allow_privileged_login,
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
    let database = match (sqlite, postgres) {
        (Some(sqlite), None) => file(sqlite),
        (None, Some(postgres)) => {
            login(postgres, *allow_privileged_login, &document.metadata, secrets)
        }
        // That is told already.
        _ => Err(Vec::new()),
    };
    let database = database.map_err(|mut wrong| refusals.append(&mut wrong)).ok();
    let limits = match declare_limits(limits.as_ref()) {
        Ok(limits) => Some(limits),
        Err(mut wrong) => {
            refusals.append(&mut wrong);
            None
        }
    };
    let engine = if postgres.is_some() { Engine::Postgres } else { Engine::Sqlite };
    let ceiling = match Ceiling::parse(allow, engine) {
        Ok(ceiling) => Some(ceiling),
        Err(mut wrong) => {
            refusals.append(&mut wrong);
            None
        }
    };
    match (database, limits, ceiling) {
        (Some(database), Some(limits), Some(ceiling)) if refusals.is_empty() => Ok((
            Connection {
                name: document.metadata.name.clone(),
                file: document.file.clone(),
                database,
                limits,
            },
            ceiling,
        )),
        _ => Err(refusals),
    }
}

fn file(sqlite: &api::Sqlite) -> Result<Database, Vec<Refusal>> {
    let mut refusals = Vec::new();
    if !sqlite.attach.is_empty() {
        refusals.push(Refusal::new(
            "spec.sqlite.attach",
            Reason::NotSupported,
            "attach is not supported yet",
            "remove it",
        ));
    }
    refusals.extend(check_path(&sqlite.path).err());
    if refusals.is_empty() {
        Ok(Database::Sqlite { path: sqlite.path.clone() })
    } else {
        Err(refusals)
    }
}

fn login(
    postgres: &api::Postgres,
    allow_privileged: Option<bool>,
    of: &Metadata,
    secrets: &[Document<Secret>],
) -> Result<Database, Vec<Refusal>> {
    let api::Postgres { secret_key_ref, ca_secret_key_ref } = postgres;
    let url = secret::text(secret_key_ref, "spec.postgres.secretKeyRef", of, secrets);
    let ca = ca_secret_key_ref
        .as_ref()
        .map(|named| secret::value(named, "spec.postgres.caSecretKeyRef", of, secrets))
        .transpose();
    let (url, ca) = match (url, ca) {
        (Ok(Some(url)), Ok(None)) => (url, None),
        (Ok(Some(url)), Ok(Some(Some(ca)))) => (url, Some(ca)),
        // One without the other would say something else.
        (Ok(_), Ok(_)) => (String::new(), None),
        (url, ca) => return Err(url.err().into_iter().chain(ca.err()).collect()),
    };
    let allow_privileged = allow_privileged.unwrap_or_default();
    Ok(Database::Postgres(Login { url, ca, allow_privileged }))
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
    let mut up_to = |hours: u64, text: Option<String>, name: &str, default: Duration| {
        let parsed = text.map(|text| parse_duration(&text, &format!("spec.limits.{name}"), hours));
        parsed.unwrap_or(Ok(default)).unwrap_or_else(|refusal| {
            refusals.push(refusal);
            default
        })
    };
    let lock_timeout = up_to(1, lock_timeout, "lockTimeout", Duration::from_secs(2));
    let statement_timeout =
        up_to(1, statement_timeout, "statementTimeout", Duration::from_secs(30));
    // A replica may be kept behind on purpose, by days.
    let max_replica_lag = up_to(168, max_replica_lag, "maxReplicaLag", Duration::from_secs(10));
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
    Ok(Limits {
        lock_timeout,
        statement_timeout,
        duty_cycle_percent: percent.unsigned_abs(),
        max_replica_lag,
    })
}

#[cfg(test)]
mod tests {
    use super::super::manifest::{Manifests, parse};
    use super::super::secret::hold_places;
    use super::*;

    const CONNECTION: &str = "
apiVersion: retention-operator.io/v1alpha1
kind: DatabaseConnection
metadata: {name: app}
spec:
  postgres: {secretKeyRef: {name: app, key: uri}, caSecretKeyRef: {name: ca, key: ca.crt}}
  allow: [{tables: [chats], actions: [Delete]}]
  allowPrivilegedLogin: true
---
";
    const URL: &str =
        "{apiVersion: v1, kind: Secret, metadata: {name: app}, stringData: {uri: a}}\n---\n";
    const CA: &str = "{apiVersion: v1, kind: Secret, metadata: {name: ca}, data: {ca.crt: /w==}}";

    fn manifests(secrets: &str) -> Manifests {
        let mut manifests = Manifests::default();
        parse("f.yaml", &format!("{CONNECTION}{secrets}"), &mut manifests);
        manifests
    }

    fn declared(manifests: &Manifests) -> Result<(Login, Engine), Vec<Refusal>> {
        let (connection, ceiling) = declare(&manifests.connections[0], &manifests.secrets)?;
        assert_eq!(connection.engine(), ceiling.engine);
        match connection.database {
            Database::Postgres(login) => Ok((login, ceiling.engine)),
            Database::Sqlite { .. } => panic!("another engine"),
        }
    }

    #[test]
    fn a_login_is_what_its_secrets_hold() {
        let (login, engine) = declared(&manifests(&format!("{URL}{CA}"))).expect("a login");
        assert_eq!(engine, Engine::Postgres);
        assert_eq!(
            (login.url.as_str(), login.ca, login.allow_privileged),
            ("a", Some(vec![0xff]), true)
        );
    }

    #[test]
    fn each_secret_that_is_not_there_is_told_at_its_own_field() {
        let refusals = declared(&manifests("")).expect_err("refusals");
        let fields: Vec<&str> = refusals.iter().map(|refusal| refusal.field.as_str()).collect();
        assert_eq!(fields, ["spec.postgres.secretKeyRef", "spec.postgres.caSecretKeyRef"]);
    }

    #[test]
    fn where_a_secret_is_somewhere_else_the_url_is_not_known() {
        for (at_hand, absent) in [("", vec!["app", "ca"]), (URL, vec!["ca"]), (CA, vec!["app"])] {
            let mut manifests = manifests(at_hand);
            assert_eq!(hold_places(&mut manifests), absent);
            let (login, _) = declared(&manifests).expect("a login");
            assert_eq!((login.url.as_str(), login.ca), ("", None), "{at_hand}");
        }
    }
}
