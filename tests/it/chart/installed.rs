//! The chart installed on a real API server, and who asks there for what.

use std::process::Output;
use std::sync::OnceLock;

use serde_json::{Value, json};

use super::helm::Helm;
use crate::cluster::{self, Cluster};

pub const OPERATOR: &str = "system:serviceaccount:operator:retention-operator";
pub const RUNNER: &str = "system:serviceaccount:data:retention-operator-runner";
pub const IMAGE: &str =
    concat!("ghcr.io/retention-operator/retention-operator:", env!("CARGO_PKG_VERSION"));

/// A cluster with the namespaces `operator`, where Pod Security is "restricted", and `data`, with a Secret.
pub fn cluster() -> Option<Cluster> {
    let cluster = cluster::own_control_plane()?;
    let items = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Namespace", "metadata":
            {"name": "operator", "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}},
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "data"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "database", "namespace": "data"}},
    ]});
    apply(&cluster, &items);
    Some(cluster)
}

/// With the chart, a policy and a run of it in `data`. Tests share it, so what each makes has names of its own.
pub fn installed() -> Option<&'static Cluster> {
    static INSTALLED: OnceLock<Option<Cluster>> = OnceLock::new();
    INSTALLED
        .get_or_init(|| {
            let helm = Helm::found()?;
            let cluster = cluster()?;
            install(&helm, &cluster, &[]);
            apply(&cluster, &policy());
            apply(&cluster, &run("by-hand"));
            Some(cluster)
        })
        .as_ref()
}

/// And waits until the API server goes by what it was given.
pub fn install(helm: &Helm, cluster: &Cluster, values: &[&str]) {
    helm.install(cluster, values);
    let crds = ["wait", "--for", "condition=Established", "crd", "--all", "--timeout", "60s"];
    allowed(&cluster.kubectl(&crds), "the CRDs");
    let stranger = account("data", "stranger");
    let binding = binding("stranger", ("ClusterRole", "retention-operator-runner"), stranger);
    for object in [job("stranger", json!({"hostPID": true}), json!({})), binding] {
        cluster.until("the admission policies are in force", |cluster| {
            let created = ["--as", OPERATOR, "create", "--dry-run=server"];
            let output = cluster.kubectl_of(&created, &object.to_string());
            let refusal = String::from_utf8_lossy(&output.stderr);
            refusal.contains("ValidatingAdmissionPolicy").then_some(())
        });
    }
}

pub fn policy() -> Value {
    json!({
        "apiVersion": "retention-operator.io/v1alpha1", "kind": "RetentionPolicy",
        "metadata": {"name": "chats", "namespace": "data"},
        "spec": {
            "connectionRef": {"name": "app"}, "schedule": "@daily", "window": {"default": "30d"},
            "targets": [{"name": "chats", "table": "chats", "action": "Delete", "age": {"column": "updated_at"}}]
        }
    })
}

pub fn run(name: &str) -> Value {
    json!({
        "apiVersion": "retention-operator.io/v1alpha1", "kind": "PurgeRun",
        "metadata": {"name": name, "namespace": "data"}, "spec": {"policyRef": {"name": "chats"}}
    })
}

/// A Job as the operator makes them, which mounts a Secret, with `change` merged into its pod and its container.
pub fn job(name: &str, pod: Value, container: Value) -> Value {
    let merged = |mut base: Value, change: Value| {
        base.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        base
    };
    let container = merged(
        json!({
            "name": "runner", "image": IMAGE, "args": ["run"],
            "volumeMounts": [{"name": "secret", "mountPath": "/secret"}]
        }),
        container,
    );
    let pod = merged(
        json!({
            "restartPolicy": "Never", "containers": [container],
            "volumes": [{"name": "secret", "secret": {"secretName": "database"}}]
        }),
        pod,
    );
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "data"},
        "spec": {"template": {"spec": pod}}
    })
}

pub fn binding(name: &str, role: (&str, &str), subject: Value) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": "data"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1},
        "subjects": [subject]
    })
}

pub fn account(namespace: &str, name: &str) -> Value {
    json!({"kind": "ServiceAccount", "namespace": namespace, "name": name})
}

pub fn apply(cluster: &Cluster, object: &Value) {
    allowed(&cluster.apply(&object.to_string()), "what is applied");
}

impl Cluster {
    pub fn ask(&self, user: &str, command: &str) -> Output {
        let words: Vec<_> = ["--as", user].into_iter().chain(command.split(' ')).collect();
        self.kubectl(&words)
    }

    pub fn create(&self, user: &str, object: &Value) -> Output {
        self.kubectl_of(&["--as", user, "create"], &object.to_string())
    }
}

pub fn allowed(output: &Output, what: &str) {
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
}

pub fn refused(output: &Output, word: &str, what: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{what} is allowed");
    assert!(error.contains("(Forbidden)") || error.contains("is forbidden"), "{what}: {error}");
    assert!(error.contains(word), "{what}: {error}");
}
