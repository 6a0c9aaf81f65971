//! Objects for tests, written as a user or the cluster would write them.

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::Pod;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Settings, names};
use crate::api::{DatabaseConnection, PurgeRun, RetentionPolicy};

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn yaml<T: DeserializeOwned>(text: &str) -> T {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// `text` laid over `object`; a list takes the place of a list.
pub fn with<T: Serialize + DeserializeOwned>(object: &T, text: &str) -> T {
    let mut value = serde_json::to_value(object).unwrap();
    lay(&mut value, yaml(text));
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn lay(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, above) in above {
                lay(below.entry(key).or_insert(Value::Null), above);
            }
        }
        (below, above) => *below = above,
    }
}

pub fn connection() -> DatabaseConnection {
    yaml(
        "
        apiVersion: retention-operator.io/v1alpha1
        kind: DatabaseConnection
        metadata: {name: agents, namespace: team, uid: connection-1, generation: 2}
        spec:
          sqlite: {path: chats.db}
          volume: {persistentVolumeClaim: {claimName: data}}
          allow: [{tables: [chats], actions: [Delete]}]
        ",
    )
}

pub fn connection_with_login() -> DatabaseConnection {
    yaml(
        "
        apiVersion: retention-operator.io/v1alpha1
        kind: DatabaseConnection
        metadata: {name: agents, namespace: team, uid: connection-1, generation: 2}
        spec:
          postgres:
            secretKeyRef: {name: app, key: uri}
            caSecretKeyRef: {name: cluster-ca, key: ca.crt}
          allow: [{tables: [chats], actions: [Delete]}]
        ",
    )
}

/// Every hour.
pub fn policy() -> RetentionPolicy {
    yaml(
        "
        apiVersion: retention-operator.io/v1alpha1
        kind: RetentionPolicy
        metadata: {name: chats, namespace: team, uid: policy-1, generation: 3, creationTimestamp: 2026-11-20T23:30:00Z}
        spec:
          connectionRef: {name: agents}
          schedule: 0 * * * *
          window: {default: 14d}
          targets:
          - {name: chats, table: chats, action: Delete, age: {column: updated_at, encoding: UnixSeconds}}
        ",
    )
}

pub fn by_hand(name: &str) -> PurgeRun {
    let text = format!(
        "
        apiVersion: retention-operator.io/v1alpha1
        kind: PurgeRun
        metadata: {{name: {name}, namespace: team, uid: run-{name}, generation: 1, creationTimestamp: 2026-11-21T02:00:01Z}}
        spec: {{policyRef: {{name: chats}}}}
        "
    );
    yaml(&text)
}

/// The run of a slot.
pub fn scheduled(slot: &str) -> PurgeRun {
    let run = by_hand(&names::run_of("chats", at(slot)));
    with(&run, &format!("metadata: {{annotations: {{{}: '{slot}'}}}}", names::SLOT))
}

/// At work: its Job is recorded.
pub fn at_work(run: &PurgeRun) -> PurgeRun {
    let name = run.metadata.name.as_deref().unwrap();
    let text = format!(
        "
        status:
          policy: {{name: chats, uid: policy-1, generation: 3}}
          connection: agents
          job: {name}
          startTime: 2026-11-21T02:00:02Z
          conditions: [{}]
        ",
        condition("Reconciling", "Running")
    );
    with(run, &text)
}

/// With a whole report; `type_` is Complete or Failed.
pub fn ended(run: &PurgeRun, type_: &str, time: &str, deleted: i64, overdue: i64) -> PurgeRun {
    let text = format!(
        "
        status:
          clock: 2026-11-21T02:00:03Z
          dryRun: false
          completionTime: {time}
          exitCode: {}
          totals: {{deleted: {deleted}, updated: 0, dependents: 0, files: 0, held: 0, overdue: {overdue}}}
          conditions: [{}]
        ",
        i32::from(type_ == "Failed"),
        condition(type_, if type_ == "Failed" { "SourceFailed" } else { "Done" })
    );
    with(&at_work(run), &text)
}

pub fn condition(type_: &str, reason: &str) -> String {
    format!(
        "{{type: {type_}, status: 'True', reason: {reason}, message: told, \
         lastTransitionTime: 2026-11-21T02:00:02Z}}"
    )
}

pub fn settings() -> Settings {
    Settings {
        namespaces: Vec::new(),
        runner_image: "ghcr.io/retention-operator/retention-operator:0.1.0".to_owned(),
        runner_image_pull_policy: None,
        runner_resources: Some(yaml("{limits: {memory: 1024Mi}, requests: {cpu: '0.5'}}")),
        runner_role: "retention-operator-runner".to_owned(),
        listen: None,
    }
}

/// As Kubernetes 1.36 gives a Job back: with its defaults, and quantities in its own words.
pub fn stored(job: &Job) -> Job {
    let name = job.metadata.name.clone().unwrap();
    let mut value = serde_json::to_value(job).unwrap();
    let added = json!({
        "metadata": { "uid": "job-1", "creationTimestamp": "2026-11-21T02:00:02Z" },
        "spec": {
            "completionMode": "NonIndexed",
            "completions": 1,
            "manualSelector": false,
            "parallelism": 1,
            "podReplacementPolicy": "Failed",
            "selector": { "matchLabels": { "batch.kubernetes.io/controller-uid": "job-1" } },
            "suspend": false,
            "template": {
                "metadata": { "labels": {
                    "batch.kubernetes.io/controller-uid": "job-1",
                    "batch.kubernetes.io/job-name": name,
                    "controller-uid": "job-1",
                    "job-name": name,
                } },
                "spec": {
                    "dnsPolicy": "ClusterFirst",
                    "schedulerName": "default-scheduler",
                    "serviceAccount": value["spec"]["template"]["spec"]["serviceAccountName"],
                },
            },
        },
    });
    lay(&mut value, added);
    let pod = &mut value["spec"]["template"]["spec"];
    let container = &mut pod["containers"][0];
    let defaults = json!({
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePath": "/dev/termination-log",
    });
    lay(container, defaults);
    let policy = container["terminationMessagePolicy"].as_str().unwrap_or("File").to_owned();
    container["terminationMessagePolicy"] = json!(policy);
    if container["resources"] != Value::Null {
        container["resources"] =
            json!({ "limits": { "memory": "1Gi" }, "requests": { "cpu": "500m" } });
    }
    for volume in pod["volumes"].as_array_mut().unwrap() {
        if let Some(map) = volume.get_mut("configMap") {
            map["defaultMode"] = json!(420);
        }
    }
    serde_json::from_value(value).unwrap()
}

/// Ended, as its controller says it.
pub fn with_end(job: &Job, type_: &str, reason: &str) -> Job {
    let text = format!(
        "status: {{conditions: [{{type: {type_}, status: 'True', reason: {reason}, message: the Job's words}}]}}"
    );
    with(job, &text)
}

/// A pod with this status, made at 02:00:03.
pub fn pod(name: &str, status: &str) -> Pod {
    yaml(&format!(
        "metadata: {{name: {name}, creationTimestamp: 2026-11-21T02:00:03Z}}\nstatus: {status}"
    ))
}
