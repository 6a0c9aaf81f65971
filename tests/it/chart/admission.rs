//! What RBAC lets the operator do, and the chart's admission policies do not.

use serde_json::{Value, json};

use super::installed::{IMAGE, OPERATOR, account, allowed, binding, installed, job, refused};

#[test]
fn a_job_of_the_operator_may_mount_a_secret_and_runs_the_runners_program_alone() {
    let Some(cluster) = installed() else { return };
    let nothing = || json!({});
    let create = |name: &str, pod, container| cluster.create(OPERATOR, &job(name, pod, container));
    allowed(&create("secret", nothing(), nothing()), "a Secret");
    let account = json!({"serviceAccountName": "of-the-connection"});
    allowed(&create("account", account, nothing()), "another account");
    let context =
        json!({"securityContext": {"capabilities": {"drop": ["ALL"]}, "privileged": false}});
    allowed(&create("context", nothing(), context), "a security context");

    // As it is made for a login, and as it has to be found again.
    let env = json!([{
        "name": "RETENTION_OPERATOR_SECRET_0",
        "valueFrom": {"secretKeyRef": {"name": "database", "key": "uri"}}
    }]);
    allowed(&create("login", nothing(), json!({"env": env})), "a key of a Secret");
    let path = "jsonpath={.spec.template.spec.containers[0].env}";
    let stored = cluster.kubectl(&["get", "job", "login", "-n", "data", "-o", path]);
    assert_eq!(serde_json::from_slice::<Value>(&stored.stdout).unwrap(), env);

    let second = json!([
        {"name": "runner", "image": IMAGE},
        {"name": "second", "image": "busybox"},
    ]);
    let node = json!([{"name": "secret", "hostPath": {"path": "/"}}]);
    let probe = json!({"exec": {"command": ["/secret/program"]}});
    for (number, (pod, container, word)) in [
        (nothing(), json!({"image": "busybox"}), format!("run the image {IMAGE} alone")),
        (
            nothing(),
            json!({"image": format!("{IMAGE}-evil")}),
            format!("run the image {IMAGE} alone"),
        ),
        (json!({"containers": second}), nothing(), format!("run the image {IMAGE} alone")),
        (
            json!({"initContainers": [{"name": "first", "image": IMAGE}]}),
            nothing(),
            "alone".to_owned(),
        ),
        (json!({"hostNetwork": true}), nothing(), "share no namespace with the node".to_owned()),
        (json!({"hostPID": true}), nothing(), "share no namespace with the node".to_owned()),
        (json!({"hostIPC": true}), nothing(), "share no namespace with the node".to_owned()),
        (json!({"volumes": node}), nothing(), "mount nothing of the node".to_owned()),
        (nothing(), json!({"securityContext": {"privileged": true}}), "not privileged".to_owned()),
        (
            nothing(),
            json!({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}),
            "not privileged".to_owned(),
        ),
        (nothing(), json!({"command": ["/secret/program"]}), "own program".to_owned()),
        (nothing(), json!({"lifecycle": {"postStart": probe}}), "own program".to_owned()),
        (nothing(), json!({"startupProbe": probe}), "own program".to_owned()),
        (nothing(), json!({"livenessProbe": probe}), "own program".to_owned()),
        (nothing(), json!({"readinessProbe": probe}), "own program".to_owned()),
        (
            nothing(),
            json!({"envFrom": [{"secretRef": {"name": "database"}}]}),
            "own program".to_owned(),
        ),
        (
            nothing(),
            json!({"env": [{"name": "LD_PRELOAD", "value": "/secret/library"}]}),
            "own program".to_owned(),
        ),
        (
            nothing(),
            json!({"env": [
                {"name": "RETENTION_OPERATOR_SECRET_0", "value": "x"},
                {"name": "LD_PRELOAD", "valueFrom": {"secretKeyRef": {"name": "database", "key": "uri"}}},
            ]}),
            "own program".to_owned(),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let what = format!("{pod} {container}");
        refused(&create(&format!("refused-{number}"), pod, container), &word, &what);
    }

    // Others are not concerned.
    let other = job("of-the-admin", json!({"hostNetwork": true}), json!({"image": "busybox"}));
    allowed(&cluster.kubectl_of(&["create"], &other.to_string()), "the admin's Job");
}

#[test]
fn nothing_is_mounted_over_the_runners_program() {
    let Some(cluster) = installed() else { return };
    let mount = |name: &str, path: &str| {
        let mounts = json!({"volumeMounts": [{"name": "secret", "mountPath": path}]});
        cluster.create(OPERATOR, &job(name, json!({}), mounts))
    };
    for (number, path) in [
        "/app",
        "/retention/manifests",
        "/usr/src/app",
        "/etc/ssl/certs",
        "/library",
        "/data/bin",
        "relative",
    ]
    .iter()
    .enumerate()
    {
        allowed(&mount(&format!("mounts-{number}"), path), path);
    }
    for path in [
        "/",
        "//",
        "/usr",
        "/usr/",
        "/usr/local",
        "/usr/local/bin",
        "/usr//bin/program",
        "/usr/lib/x86_64-linux-gnu",
        "/bin",
        "/sbin",
        "/lib",
        "/lib64",
        "/etc",
        "/etc/ld.so.preload",
        "/etc/ld.so.cache",
        "/retention-operator",
        "usr/bin",
        "/app/../usr/bin",
        "/./usr/bin",
        "..",
    ] {
        refused(&mount("mounts-over", path), "over the image's own program", path);
    }
}

#[test]
fn the_operator_binds_its_runners_role_to_its_runners_alone() {
    let Some(cluster) = installed() else { return };
    let role = ("ClusterRole", "retention-operator-runner");
    let runner = || account("data", "retention-operator-runner");
    allowed(&cluster.create(OPERATOR, &binding("runner", role, runner())), "its own");

    let user = json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "retention-operator-runner"});
    for (role, subject, word) in [
        (("ClusterRole", "cluster-admin"), runner(), "not currently held"),
        (("ClusterRole", "view"), runner(), "not currently held"),
        // Rights that it has itself, RBAC would let it hand on.
        (
            ("ClusterRole", "retention-operator"),
            runner(),
            "binds the ClusterRole retention-operator-runner alone",
        ),
        (role, account("data", "default"), "of the namespace alone"),
        (role, account("default", "retention-operator-runner"), "of the namespace alone"),
        (role, user, "of the namespace alone"),
    ] {
        let refusal = binding("other", role, subject);
        refused(&cluster.create(OPERATOR, &refusal), word, &refusal.to_string());
    }
}
