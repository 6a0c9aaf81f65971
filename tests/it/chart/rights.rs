//! What the operator, its runners and people may do where the chart is installed.

use serde_json::json;

use super::helm::Helm;
use super::installed::{
    OPERATOR, RUNNER, account, allowed, apply, binding, cluster, install, installed, job, policy,
    refused, run,
};
use crate::cluster::Cluster;

#[test]
fn the_operators_pod_is_admitted_where_pod_security_is_restricted() {
    let Some(cluster) = installed() else { return };
    cluster.until("a pod of the operator", |cluster| {
        let pods = cluster.get(&["pods", "-n", "operator"]);
        (!pods["items"].as_array()?.is_empty()).then_some(())
    });
}

#[test]
fn the_operator_can_do_its_work_and_reads_no_secret() {
    let Some(cluster) = installed() else { return };
    for command in [
        "get retentionpolicies,purgeruns,databaseconnections -A",
        "patch -n data retentionpolicy chats --subresource status --type merge -p {\"status\":{\"observedGeneration\":1}}",
        "patch -n data purgerun by-hand --subresource status --type merge -p {\"status\":{\"dryRun\":true}}",
        "patch -n data purgerun by-hand --type merge -p {\"metadata\":{\"labels\":{\"a\":\"b\"}}}",
        "get jobs,pods -A",
        "create configmap orders -n data",
        "create serviceaccount retention-operator-runner -n data",
    ] {
        allowed(&cluster.ask(OPERATOR, command), command);
    }
    allowed(&cluster.create(OPERATOR, &run("scheduled")), "a run");
    let lease = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "retention-operator", "namespace": "operator"}
    });
    allowed(&cluster.create(OPERATOR, &lease), "a lease");

    for command in [
        "get secret database -n data",
        "get secrets -n operator",
        "get configmaps -n data",
        "create token default -n data",
        "run pod --image busybox -n data",
        "create clusterrolebinding all --clusterrole cluster-admin --serviceaccount data:default",
        "patch -n data retentionpolicy chats --type merge -p {\"spec\":{\"suspend\":true}}",
        "delete -n data retentionpolicy chats",
        "patch -n operator deployment retention-operator --subresource status --type merge -p {\"status\":{\"replicas\":2}}",
        "patch clusterrole retention-operator-runner --type merge -p {\"rules\":[]}",
        "get leases -n kube-system",
    ] {
        refused(&cluster.ask(OPERATOR, command), OPERATOR, command);
    }
}

#[test]
fn a_runner_reads_its_run_and_writes_its_status_alone() {
    let Some(cluster) = installed() else { return };
    let role = ("ClusterRole", "retention-operator-runner");
    let bound = binding("of-this-test", role, account("data", "retention-operator-runner"));
    allowed(&cluster.kubectl_of(&["create"], &bound.to_string()), "a binding");
    cluster.until("the binding is known", |cluster| {
        cluster.ask(RUNNER, "get purgerun by-hand -n data").status.success().then_some(())
    });
    // `kubectl patch` would read the status first.
    let report = ["--as", RUNNER, "apply", "--server-side", "--subresource", "status"];
    let mut told = run("by-hand");
    told.as_object_mut().unwrap().remove("spec");
    told["status"] = json!({"clock": "2026-11-21T12:00:00Z"});
    allowed(&cluster.kubectl_of(&report, &told.to_string()), "its status");
    let mut told = policy();
    told.as_object_mut().unwrap().remove("spec");
    told["status"] = json!({"observedGeneration": 2});
    refused(
        &cluster.kubectl_of(&report, &told.to_string()),
        "retentionpolicies/status",
        "another's status",
    );
    for command in [
        "patch -n data purgerun by-hand --type merge -p {\"metadata\":{\"labels\":{\"a\":\"c\"}}}",
        "get purgeruns -n data",
        "get secrets -n data",
        "get secret database -n data",
        "get retentionpolicy chats -n data",
        "get purgerun by-hand -n default",
        "delete purgerun by-hand -n data",
    ] {
        refused(&cluster.ask(RUNNER, command), RUNNER, command);
    }
}

#[test]
fn kubernetes_own_roles_know_the_three_kinds() {
    let Some(cluster) = installed() else { return };
    for role in ["view", "edit", "admin"] {
        let user = json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": role});
        let bound = binding(&format!("person-{role}"), ("ClusterRole", role), user);
        allowed(&cluster.kubectl_of(&["create"], &bound.to_string()), role);
    }
    let can = |user: &str, what: &str| {
        cluster
            .ask(user, &format!("auth can-i -n data {what}.retention-operator.io"))
            .status
            .success()
    };
    // The roles are put together by a controller, each from the one below it.
    cluster.until("admin contains the chart's roles", |_| {
        let can = |what| can("admin", what);
        let all = ["create databaseconnections", "delete purgeruns", "list purgeruns"];
        all.into_iter().all(can).then_some(())
    });
    cluster.until("edit contains the chart's roles", |_| {
        let can = |what| can("edit", what);
        ["create retentionpolicies", "list databaseconnections"].into_iter().all(can).then_some(())
    });
    cluster.until("view contains the chart's role", |_| {
        can("view", "watch databaseconnections").then_some(())
    });
    assert!(!can("view", "create purgeruns"));
    assert!(!can("edit", "create databaseconnections"));
    let status = "auth can-i -n data patch purgeruns.retention-operator.io --subresource status";
    assert!(!cluster.ask("admin", status).status.success());
}

#[test]
fn with_namespaces_given_nothing_is_allowed_outside_of_them_and_policies_outlive_the_chart() {
    let Some(helm) = Helm::found() else { return };
    let Some(cluster) = cluster() else { return };
    let values = ["namespaces=[\"data\"]"];
    install(&helm, &cluster, &values);
    apply(&cluster, &policy());

    let role = ("ClusterRole", "retention-operator-runner");
    let bound = binding("runner", role, account("data", "retention-operator-runner"));
    allowed(&cluster.create(OPERATOR, &bound), "a binding in it");
    allowed(&cluster.create(OPERATOR, &job("inside", json!({}), json!({}))), "a Job in it");
    let mut outside = job("outside", json!({}), json!({}));
    outside["metadata"]["namespace"] = json!("default");
    refused(&cluster.create(OPERATOR, &outside), OPERATOR, "a Job outside");
    refused(&cluster.ask(OPERATOR, "get retentionpolicies -A"), OPERATOR, "policies everywhere");

    helm.uninstall(&cluster);
    cluster.until("the operator has no rights any more", |cluster| {
        let asked = cluster.ask(OPERATOR, "get retentionpolicies -n data");
        (!asked.status.success()).then_some(())
    });
    let kept = |cluster: &Cluster| {
        let policies = cluster.get(&["retentionpolicies", "-n", "data"]);
        assert_eq!(policies["items"][0]["metadata"]["name"], "chats", "{policies}");
    };
    kept(&cluster);
    install(&helm, &cluster, &values);
    kept(&cluster);
}
