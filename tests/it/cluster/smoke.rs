//! The beds themselves: that they are real.

use serde_json::json;

use super::{control_plane, node};

#[test]
fn a_control_plane_makes_the_pod_of_a_job_and_nobody_runs_it() {
    let Some(cluster) = control_plane() else { return };
    let namespace = cluster.namespace("control-plane");
    let pod = json!({"restartPolicy": "Never", "containers": [{"name": "main", "image": "none"}]});
    let job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "one", "namespace": namespace},
        "spec": {"template": {"spec": pod}},
    });
    let applied = cluster.apply(&job.to_string());
    assert!(applied.status.success(), "{applied:?}");
    let pod = cluster.until("the job has its pod", |cluster| {
        cluster.get(&["pods", "--namespace", &namespace])["items"].get(0).cloned()
    });
    assert_eq!(pod["status"]["phase"], "Pending");
    assert_eq!(pod["spec"]["nodeName"], json!(null));
}

#[test]
fn a_job_on_the_node_runs_the_binary_of_this_checkout_and_its_log_can_be_read() {
    let Some(cluster) = node() else { return };
    let namespace = cluster.namespace("node");
    let restricted = json!({
        "runAsNonRoot": true,
        "allowPrivilegeEscalation": false,
        "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    });
    let container = json!({
        "name": "main",
        "image": "retention-operator:test",
        "args": ["--version"],
        "securityContext": restricted,
    });
    let job = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "one", "namespace": namespace},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    });
    let applied = cluster.apply(&job.to_string());
    assert!(applied.status.success(), "{applied:?}");
    let complete =
        ["--for=condition=Complete", "job/one", "--timeout=2m", "--namespace", &namespace];
    let waited = cluster.kubectl(&[&["wait"], &complete[..]].concat());
    assert!(waited.status.success(), "{waited:?}");
    let log = cluster.kubectl(&["logs", "job/one", "--namespace", &namespace]);
    let expected = concat!("retention-operator ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(String::from_utf8_lossy(&log.stdout), expected, "{log:?}");
}
