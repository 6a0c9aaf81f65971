//! Policies over their connections, narrowed by runs and flags.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::fields::{parse_zone, part_names, short_name};
use super::manifest::{Document, Manifests};
use super::names::Ceiling;
use super::narrow::{Narrowing, narrowed_run};
use super::{Connection, Declaration, Refused, connection, target, window};
use crate::api::RetentionPolicySpec;
use crate::model::{Reason, Refusal};
use crate::schedule::Schedule;

/// All declarations, or all that is wrong: one refusal stops every policy, before anything is
/// touched.
pub fn declare(
    manifests: &Manifests,
    narrowing: &Narrowing,
) -> Result<Vec<Declaration>, Vec<Refused>> {
    let mut refused = manifests.refused.clone();
    refuse_twins(manifests, &mut refused);
    let mut connections = BTreeMap::new();
    for document in &manifests.connections {
        let name = document.metadata.name.clone();
        match connection::declare(document, &manifests.secrets) {
            Ok(connection) => drop(connections.insert(name, Some(connection))),
            Err(refusals) => {
                refused.extend(
                    refusals.into_iter().map(|r| refused_of(document, "DatabaseConnection", r)),
                );
                connections.insert(name, None);
            }
        }
    }
    // What could not be read at all is told once, and not again by what names it.
    for refused in &manifests.refused {
        if let Some(name) = refused.object.strip_prefix("DatabaseConnection/") {
            connections.entry(name.to_owned()).or_insert(None);
        }
    }
    for name in &narrowing.policies {
        if !manifests.policies.iter().any(|policy| policy.metadata.name == *name)
            && !is_unreadable(manifests, name)
        {
            let known = manifests.policies.iter().map(|policy| &policy.metadata.name);
            let known = known.map(String::as_str).collect::<Vec<_>>();
            refused.push(flag("--policy", format!("there is no policy {name}"), &known));
        }
    }
    refuse_runs(manifests, &mut refused);
    let mut declarations = Vec::new();
    for policy in &manifests.policies {
        // A policy that is not asked for is checked all the same: its manifest is wrong or right.
        match declare_one(policy, &connections, manifests, narrowing) {
            Ok(Some(declaration)) => declarations.push(declaration),
            Ok(None) => {}
            Err(refusals) => refused
                .extend(refusals.into_iter().map(|r| refused_of(policy, "RetentionPolicy", r))),
        }
    }
    for name in &narrowing.targets {
        let known = declarations
            .iter()
            .any(|declaration| declaration.targets.iter().any(|target| target.name == *name));
        if refused.is_empty() && !known {
            let known = manifests.policies.iter();
            let known = known.flat_map(|policy| &policy.spec.targets);
            let known = known.map(|target| target.name.as_str()).collect::<BTreeSet<_>>();
            let known = known.into_iter().collect::<Vec<_>>();
            refused.push(flag(
                "--target",
                format!("no policy of this run has a target {name}"),
                &known,
            ));
        }
    }
    if refused.is_empty() { Ok(declarations) } else { Err(refused) }
}

fn refused_of<T>(document: &Document<T>, kind: &str, refusal: Refusal) -> Refused {
    Refused {
        file: document.file.clone(),
        object: format!("{kind}/{}", document.metadata.name),
        refusal,
    }
}

fn flag(flag: &str, what: String, known: &[&str]) -> Refused {
    let write = match known {
        [] => format!("leave {flag} out"),
        [..] => format!("write one of {}", known.join(", ")),
    };
    Refused {
        file: "command line".to_owned(),
        object: String::new(),
        refusal: Refusal::new(flag, Reason::NotFound, what, write),
    }
}

fn is_unreadable(manifests: &Manifests, policy: &str) -> bool {
    let object = format!("RetentionPolicy/{policy}");
    manifests.refused.iter().any(|refused| refused.object == object)
}

/// A run names a policy and targets of it, and is the only one of its policy.
fn refuse_runs(manifests: &Manifests, refused: &mut Vec<Refused>) {
    for (at, run) in manifests.runs.iter().enumerate() {
        let name = &run.spec.policy_ref.name;
        let mut refuse = |field: &str, reason, what: String, write: &str| {
            let refusal = Refusal::new(field, reason, what, write);
            refused.push(refused_of(run, "PurgeRun", refusal));
        };
        if manifests.runs[..at].iter().any(|earlier| earlier.spec.policy_ref.name == *name) {
            refuse(
                "spec.policyRef.name",
                Reason::Conflict,
                format!("another PurgeRun names RetentionPolicy {name} already"),
                "pass one PurgeRun for each policy",
            );
        }
        if let Err(Refusal { field, reason, message, write }) =
            short_name(&run.metadata.name, 63, "its Job has the same name")
        {
            refuse(&field, reason, message, &write);
        }
        let mut policies = manifests.policies.iter();
        let Some(policy) = policies.find(|policy| policy.metadata.name == *name) else {
            if !is_unreadable(manifests, name) {
                refuse(
                    "spec.policyRef.name",
                    Reason::NotFound,
                    format!("there is no RetentionPolicy {name}"),
                    "add the policy to the manifests, or correct the name",
                );
            }
            continue;
        };
        let known = policy.spec.targets.iter().map(|target| target.name.as_str());
        let known = known.collect::<Vec<_>>();
        for target in &run.spec.targets {
            if !known.contains(&target.as_str()) {
                refuse(
                    "spec.targets",
                    Reason::NotFound,
                    format!("RetentionPolicy {name} has no target {target}"),
                    &format!("write one of {}", known.join(", ")),
                );
            }
        }
    }
}

/// Of two objects with one name, nobody can say which is meant.
fn refuse_twins(manifests: &Manifests, refused: &mut Vec<Refused>) {
    fn twins<T>(documents: &[Document<T>], kind: &str, refused: &mut Vec<Refused>) {
        for (at, document) in documents.iter().enumerate() {
            let name = &document.metadata.name;
            if !name.is_empty()
                && documents[..at].iter().any(|earlier| earlier.metadata.name == *name)
            {
                let what = format!("a second {kind} of this name");
                refused.push(refused_of(
                    document,
                    kind,
                    Refusal::new(
                        "metadata.name",
                        Reason::Conflict,
                        what,
                        "give each object its own name, or pass only one of the files",
                    ),
                ));
            }
        }
    }
    twins(&manifests.connections, "DatabaseConnection", refused);
    twins(&manifests.policies, "RetentionPolicy", refused);
    twins(&manifests.runs, "PurgeRun", refused);
    twins(&manifests.config_maps, "ConfigMap", refused);
}

type Connections = BTreeMap<String, Option<(Connection, Ceiling)>>;

fn declare_one(
    document: &Document<RetentionPolicySpec>,
    connections: &Connections,
    manifests: &Manifests,
    narrowing: &Narrowing,
) -> Result<Option<Declaration>, Vec<Refusal>> {
    // Destructured whole, so that a new field cannot be forgotten here.
    let RetentionPolicySpec {
        connection_ref,
        schedule,
        time_zone,
        // These five are the controller's: they say when and how often, not what.
        concurrency_policy: _,
        suspend: _,
        successful_runs_history_limit,
        failed_runs_history_limit,
        when_deleted: _,
        starting_deadline_seconds,
        active_deadline_seconds,
        dry_run,
        window: policy_window,
        targets,
    } = &document.spec;
    let mut refusals = Vec::new();
    refusals.extend(short_name(&document.metadata.name, 52, "its runs are named after it").err());
    let zone_name = time_zone.as_deref().unwrap_or("Etc/UTC");
    let zone = parse_zone(zone_name, "spec.timeZone").unwrap_or_else(|refusal| {
        refusals.push(refusal);
        jiff::tz::TimeZone::UTC
    });
    let slots = Schedule::parse(schedule, zone.clone());
    if let Err(what) = &slots {
        refusals.push(Refusal::new(
            "spec.schedule",
            Reason::InvalidValue,
            format!("`{schedule}`: {what}"),
            "write five cron fields, e.g. \"0 2 * * *\", or a macro such as @daily",
        ));
    }
    let negative = [
        ("successfulRunsHistoryLimit", successful_runs_history_limit.map(i64::from), 0),
        ("failedRunsHistoryLimit", failed_runs_history_limit.map(i64::from), 0),
        ("startingDeadlineSeconds", *starting_deadline_seconds, 0),
        ("activeDeadlineSeconds", *active_deadline_seconds, 1),
    ];
    for (name, value, least) in negative {
        if let Some(value) = value.filter(|value| *value < least) {
            refusals.push(Refusal::new(
                format!("spec.{name}"),
                Reason::InvalidValue,
                format!("{value} is less than {least}"),
                format!("write {least} or more, or remove the field"),
            ));
        }
    }
    // A reference stays within its namespace, as in a cluster.
    let namespace = &document.metadata.namespace;
    let elsewhere = manifests.connections.iter().find_map(|connection| {
        let theirs = connection.metadata.namespace.as_ref()?;
        let same = connection.metadata.name == connection_ref.name;
        (same && namespace.as_ref()? != theirs).then_some(theirs)
    });
    if let Some(theirs) = elsewhere {
        refusals.push(Refusal::new(
            "spec.connectionRef.name",
            Reason::NotFound,
            format!(
                "DatabaseConnection {} is in namespace {theirs}, and the policy is not",
                connection_ref.name
            ),
            format!("write metadata: {{namespace: {theirs}}} in the policy, or add a connection beside it"),
        ));
        return Err(refusals);
    }
    let connection = match connections.get(&connection_ref.name) {
        Some(Some(connection)) => connection,
        // Its own refusals are told; nothing can be said of a policy on a broken connection.
        Some(None) => {
            return if refusals.is_empty() { Ok(None) } else { Err(refusals) };
        }
        None => {
            refusals.push(Refusal::new(
                "spec.connectionRef.name",
                Reason::NotFound,
                format!("there is no DatabaseConnection {}", connection_ref.name),
                "add the connection to the manifests, or correct the name",
            ));
            return Err(refusals);
        }
    };
    let (connection, ceiling) = connection;
    let config_maps: BTreeMap<_, _> = manifests
        .config_maps
        .iter()
        .filter(|map| match (&map.metadata.namespace, &document.metadata.namespace) {
            (Some(theirs), Some(ours)) => theirs == ours,
            _ => true,
        })
        .map(|map| (map.metadata.name.clone(), map.spec.clone()))
        .collect();
    let windows = policy_window
        .as_ref()
        .map(|spec| window::declare(spec, "spec.window", ceiling, &config_maps, &mut refusals));
    if targets.is_empty() {
        refusals.push(Refusal::new(
            "spec.targets",
            Reason::Required,
            "the policy has no target",
            "write targets: [{name: NAME, table: TABLE, action: Delete, age: {column: COLUMN}}]",
        ));
    }
    part_names(targets.iter().map(|target| target.name.as_str()), "spec.targets", &mut refusals);
    let mut declared = Vec::new();
    for spec in targets {
        let inherited =
            target::Inherited { windows: windows.as_ref(), ceiling, config_maps: &config_maps };
        declared.extend(target::declare(spec, &inherited, &mut refusals));
    }
    let Ok(slots) = slots else {
        return Err(refusals);
    };
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let Some(run) = narrowed_run(document, manifests, narrowing, dry_run.unwrap_or(false)) else {
        return Ok(None);
    };
    if !run.targets.is_empty() {
        declared.retain(|target| run.targets.contains(&target.name));
    }
    Ok(Some(Declaration {
        file: document.file.clone(),
        policy: document.metadata.name.clone(),
        metadata: document.metadata.clone(),
        connection: connection.clone(),
        zone,
        schedule: slots,
        targets: declared,
        dry_run: run.dry_run.unwrap_or(false),
        deadline: active_deadline_seconds
            .map(|seconds| Duration::from_secs(seconds.unsigned_abs())),
        tenants: (!run.tenants.is_empty()).then(|| run.tenants.clone()),
        run,
    }))
}
