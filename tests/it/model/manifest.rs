//! A case's policy as manifests. JSON is YAML, so no name needs YAML's quoting.

use super::condition::{Term, Writer};
use super::encoding::Encoding;
use super::policy::{Age, Dependent, Policy, Target, Treatment};
use super::schema::{Table, quoted};
use super::shape::{ORGS, SETTINGS, Shape, TARGET, Tenancy};
use super::windows::{Origin, Windows};
use serde_json::{Map, Value as Json, json};

fn named(kind: &str, name: &str, spec: Json) -> Json {
    json!({"apiVersion": "retention-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// The documents of a case's `-f` file; `url` is that of a server, where the engine has one.
pub fn manifests(policy: &Policy, shape: &Shape, tables: &[Table], url: Option<&str>) -> String {
    let mut connection = json!({
        "allow": [{"tables": ["*"], "actions": ["Read", "Update", "Delete"]}],
        "limits": {"dutyCyclePercent": 100},
    });
    if url.is_some() {
        connection["postgres"] = json!({"secretKeyRef": {"name": "app", "key": "uri"}});
    } else {
        connection["sqlite"] = json!({"path": "app.db"});
        connection["volume"] = json!({"persistentVolumeClaim": {"claimName": "data"}});
    }
    let targets: Vec<Json> =
        policy.targets.iter().map(|target| self::target(target, shape, tables)).collect();
    let spec = json!({"connectionRef": {"name": "app"}, "schedule": "0 * * * *", "timeZone": policy.zone.name(), "targets": targets});
    let mut documents = vec![
        named("DatabaseConnection", "app", connection),
        named("RetentionPolicy", "model", spec),
    ];
    documents.extend(url.map(|url| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app"}, "stringData": {"uri": url}})
    }));
    for target in &policy.targets {
        for source in target.windows.iter().flat_map(|windows| &windows.sources) {
            if let Origin::ConfigMap(Some(data)) = &source.origin {
                let data: Map<String, Json> =
                    data.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
                documents.push(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("windows-{}", target.name)}, "data": data}));
            }
        }
    }
    let documents: Vec<_> =
        documents.iter().map(|document| format!("---\n{document:#}\n")).collect();
    documents.concat()
}

fn target(target: &Target, shape: &Shape, tables: &[Table]) -> Json {
    let (table, roles) = (&tables[TARGET], &shape.roles);
    let name = |column: usize| table.columns[column].name.clone();
    let sql = Writer { tables, table: TARGET, qualified: target.qualified };
    let mut out = json!({"name": target.name, "table": table.catalog(), "action": if target.set.is_some() { "Update" } else { "Delete" }});
    let tenant = quoted(&name(roles.tenant));
    match shape.tenancy {
        Tenancy::None => (),
        Tenancy::Lower => out["tenant"] = json!({"expression": format!("lower({tenant})")}),
        Tenancy::Prefix => out["tenant"] = json!({"expression": format!("substr({tenant}, 1, 2)")}),
        _ => out["tenant"] = json!({"column": name(roles.tenant)}),
    }
    if let Some(age) = target.age {
        let mut spec = match age {
            Age::Column => json!({"column": name(roles.age)}),
            Age::Coalesce => {
                json!({"expression": format!("coalesce({}, {})", quoted(&name(roles.age)), quoted(&name(roles.spare_age)))})
            }
        };
        let (encoding, zone) = match shape.encoding {
            Encoding::Text(zone) => (Some("Text"), Some(zone.name())),
            Encoding::Seconds | Encoding::RealSeconds => (Some("UnixSeconds"), None),
            Encoding::Millis => (Some("UnixMillis"), None),
            Encoding::Instant => (None, None),
            Encoding::Civil(zone) | Encoding::Date(zone) => (None, Some(zone.name())),
        };
        if let Some(encoding) = encoding {
            spec["encoding"] = encoding.into();
        }
        if let Some(zone) = zone {
            spec["timeZone"] = zone.into();
        }
        out["age"] = spec;
    }
    if let Some(keep) = &target.keep {
        out["keepNewest"] = json!({"rows": keep.rows, "orderBy": keep.order.iter().map(|column| name(*column)).collect::<Vec<_>>()});
        if !keep.partition.is_empty() {
            out["keepNewest"]["partitionBy"] =
                keep.partition.iter().map(|column| name(*column)).collect();
        }
    }
    target
        .windows
        .iter()
        .for_each(|windows| out["window"] = windows_json(windows, target.name, tables));
    target.condition.iter().for_each(|condition| out["where"] = sql.condition(condition).into());
    target.set.iter().for_each(|set| out["set"] = set_json(set, &sql));
    target.cap.iter().for_each(|cap| out["maxRowsPerRun"] = (*cap).into());
    if !target.exemptions.is_empty() {
        out["exemptions"] = target
            .exemptions
            .iter()
            .map(|(name, when)| json!({"name": name, "when": sql.condition(when)}))
            .collect();
    }
    if !target.dependents.is_empty() {
        out["dependents"] = target
            .dependents
            .iter()
            .map(|dependent| dependent_json(dependent, target, tables))
            .collect();
    }
    out
}

fn set_json(set: &[(usize, Term)], sql: &Writer) -> Json {
    let columns = &sql.tables[sql.table].columns;
    set.iter()
        .map(|(column, term)| (columns[*column].name.clone(), sql.term(term).into()))
        .collect::<Map<_, Json>>()
        .into()
}

fn dependent_json(dependent: &Dependent, target: &Target, tables: &[Table]) -> Json {
    let table = &tables[dependent.table];
    let parent = &tables[dependent.of.map_or(TARGET, |of| target.dependents[of].table)];
    let links = dependent.columns.iter().zip(&dependent.parents);
    let references: Map<String, Json> = links
        .map(|(own, theirs)| {
            (table.columns[*own].name.clone(), parent.columns[*theirs].name.clone().into())
        })
        .collect();
    let mut out =
        json!({"name": dependent.name, "table": table.catalog(), "references": references});
    let sql = Writer { tables, table: dependent.table, qualified: false };
    dependent.of.iter().for_each(|of| out["of"] = target.dependents[*of].name.clone().into());
    dependent.condition.iter().for_each(|condition| out["where"] = sql.condition(condition).into());
    if dependent.treatment == Treatment::Update {
        out["action"] = "Update".into();
        out["set"] = set_json(&dependent.set, &sql);
    }
    out
}

fn windows_json(windows: &Windows, target: &str, tables: &[Table]) -> Json {
    let mut out = json!({"default": windows.default.text()});
    if windows.start_of_day {
        out["cutoff"] = "StartOfDay".into();
    }
    if !windows.tenants.is_empty() {
        out["tenants"] = windows
            .tenants
            .iter()
            .map(|(name, window)| json!({"name": name, "window": window.text()}))
            .collect();
    }
    let column = |table: usize, column: usize| quoted(&tables[table].columns[column].name);
    for source in &windows.sources {
        let mut spec = match &source.origin {
            Origin::Orgs { kind } => {
                let mut table = json!({"name": tables[ORGS].catalog(), "tenant": column(ORGS, 0), "value": column(ORGS, 1)});
                kind.then(|| table["where"] = format!("{} = 'chat'", column(ORGS, 2)).into());
                json!({"table": table})
            }
            Origin::Settings => {
                json!({"table": {"name": tables[SETTINGS].catalog(), "where": format!("{} = 'chat_days'", column(SETTINGS, 0)), "value": column(SETTINGS, 1)}})
            }
            Origin::ConfigMap(data) => {
                json!({"configMap": {"name": if data.is_some() { format!("windows-{target}") } else { "missing".into() }}})
            }
        };
        spec["name"] = source.name.into();
        source.unit.iter().for_each(|unit| spec["unit"] = (*unit).into());
        source.non_positive.iter().for_each(|meaning| spec["nonPositive"] = (*meaning).into());
        match out["sources"].as_array_mut() {
            Some(sources) => sources.push(spec),
            None => out["sources"] = json!([spec]),
        }
    }
    out
}
