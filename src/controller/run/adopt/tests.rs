use serde_json::{Value, json};

use super::*;
use crate::controller::fixtures::{
    by_hand, connection, connection_with_login, policy, settings, stored, with,
};
use crate::controller::run::decide::Start;
use crate::controller::run::{job, orders};

fn wanted() -> Job {
    let (run, policy) = (by_hand("look"), policy());
    let connection = with(
        &connection(),
        "
        spec:
          runner:
            nodeSelector: {disk: fast}
            tolerations: [{key: dedicated, operator: Exists}]
            affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [
              {weight: 1, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {}}}]}}
        ",
    );
    let orders = orders::freeze(&run, &policy, &connection).unwrap();
    job::job(&run, &Start { orders, policy, connection }, &settings())
}

/// What is stored, with one place changed.
fn changed(pointer: &str, value: Value) -> Job {
    let mut job = serde_json::to_value(stored(&wanted())).unwrap();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = job.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}"));
    match parent {
        Value::Array(items) => items.push(value),
        other => other[key.replace("~1", "/")] = value,
    }
    serde_json::from_value(job).unwrap()
}

#[test]
fn a_job_is_recognised_as_the_api_server_stores_it() {
    assert!(is_what_we_would_make(&wanted(), &wanted()));
    assert!(is_what_we_would_make(&stored(&wanted()), &wanted()));
}

#[test]
fn a_job_without_resources_or_with_a_pull_policy_is_recognised_too() {
    let mut wanted = wanted();
    let container =
        &mut wanted.spec.as_mut().unwrap().template.spec.as_mut().unwrap().containers[0];
    container.resources = None;
    container.image_pull_policy = Some("Never".to_owned());
    let mut found = stored(&wanted);
    let container = &mut found.spec.as_mut().unwrap().template.spec.as_mut().unwrap().containers[0];
    container.resources = Some(k8s_openapi::api::core::v1::ResourceRequirements::default());
    container.image_pull_policy = Some("Never".to_owned());
    assert!(is_what_we_would_make(&found, &wanted));
}

#[test]
fn nothing_can_be_changed_or_added_without_being_noticed() {
    let pod = "/spec/template/spec";
    let changes = [
        ("/spec/backoffLimit", json!(6)),
        ("/spec/completions", json!(2)),
        ("/spec/parallelism", json!(2)),
        ("/spec/completionMode", json!("Indexed")),
        ("/spec/suspend", json!(true)),
        ("/spec/managedBy", json!("somebody.example/else")),
        ("/spec/activeDeadlineSeconds", json!(5)),
        ("/spec/ttlSecondsAfterFinished", json!(0)),
        ("/spec/podReplacementPolicy", json!("TerminatingOrFailed")),
        ("/spec/manualSelector", json!(true)),
        ("/spec/selector/matchLabels/app", json!("other")),
        ("/spec/selector/matchLabels/batch.kubernetes.io~1controller-uid", json!("other")),
        ("/spec/podFailurePolicy/rules/0/action", json!("FailJob")),
        ("/spec/podFailurePolicy/rules/1/onExitCodes/values/-", json!(3)),
        ("/spec/template/metadata/labels/sidecar.example", json!("true")),
        ("/spec/template/metadata/labels/controller-uid", json!("other")),
        ("/spec/template/metadata/labels/job-name", json!("other")),
        ("/spec/template/metadata/annotations", json!({"inject.example": "true"})),
        ("/containers/-", json!({"name": "more", "image": "other"})),
        ("/initContainers", json!([{"name": "more", "image": "other"}])),
        ("/containers/0/image", json!("other")),
        ("/containers/0/command", json!(["/bin/sh"])),
        ("/containers/0/args/-", json!("--now=2030-01-01T00:00:00Z")),
        ("/containers/0/args", json!(["run"])),
        ("/containers/0/env", json!([{"name": "A", "value": "b"}])),
        ("/containers/0/envFrom", json!([{"secretRef": {"name": "s"}}])),
        ("/containers/0/workingDir", json!("/tmp")),
        ("/containers/0/lifecycle", json!({"preStop": {"exec": {"command": ["x"]}}})),
        ("/containers/0/imagePullPolicy", json!("Never")),
        ("/containers/0/terminationMessagePath", json!("/retention/volume/x")),
        ("/containers/0/terminationMessagePolicy", json!("Whatever")),
        ("/containers/0/resources/limits/memory", json!("2Gi")),
        ("/containers/0/resources/requests/memory", json!("1Gi")),
        ("/containers/0/securityContext/privileged", json!(true)),
        ("/containers/0/securityContext/allowPrivilegeEscalation", json!(true)),
        ("/containers/0/securityContext/capabilities/add", json!(["SYS_ADMIN"])),
        ("/containers/0/volumeMounts/2/subPath", json!("elsewhere")),
        ("/containers/0/volumeMounts/-", json!({"name": "tmp", "mountPath": "/retention/x"})),
        ("/volumes/-", json!({"name": "host", "hostPath": {"path": "/"}})),
        ("/volumes/0", json!({"name": "manifests", "secret": {"secretName": "s"}})),
        ("/volumes/0/configMap/items", json!([{"key": "run.yaml", "path": "policy.yaml"}])),
        ("/volumes/0/configMap/defaultMode", json!(511)),
        ("/volumes/1/hostPath", json!({"path": "/"})),
        ("/volumes/1/emptyDir/medium", json!("Memory")),
        ("/volumes/2/persistentVolumeClaim/claimName", json!("other")),
        ("/serviceAccountName", json!("default")),
        ("/serviceAccount", json!("default")),
        ("/automountServiceAccountToken", json!(false)),
        ("/securityContext/runAsUser", json!(0)),
        ("/securityContext/supplementalGroups", json!([0])),
        ("/hostNetwork", json!(true)),
        ("/hostPID", json!(true)),
        ("/shareProcessNamespace", json!(true)),
        ("/nodeName", json!("node-1")),
        ("/nodeSelector/disk", json!("slow")),
        ("/nodeSelector/zone", json!("a")),
        ("/tolerations/-", json!({"operator": "Exists"})),
        ("/tolerations/0/value", json!("x")),
        ("/runtimeClassName", json!("other")),
        ("/dnsPolicy", json!("None")),
        ("/schedulerName", json!("other")),
        ("/priorityClassName", json!("high")),
        ("/restartPolicy", json!("OnFailure")),
        ("/terminationGracePeriodSeconds", json!(0)),
        ("/imagePullSecrets", json!([{"name": "s"}])),
    ];
    for (pointer, value) in changes {
        let pointer = if pointer.starts_with("/spec") {
            pointer.to_owned()
        } else {
            format!("{pod}{pointer}")
        };
        let job = if pointer == "/spec/template/spec/volumes/0" {
            let mut job = serde_json::to_value(stored(&wanted())).unwrap();
            job["spec"]["template"]["spec"]["volumes"][0] = value;
            serde_json::from_value(job).unwrap()
        } else {
            changed(&pointer, value)
        };
        assert_ne!(job, stored(&wanted()), "{pointer}: the test changes nothing");
        assert!(!is_what_we_would_make(&job, &wanted()), "{pointer}");
    }
}

#[test]
fn nothing_can_be_taken_away_without_being_noticed() {
    let whole = serde_json::to_value(stored(&wanted())).unwrap();
    for pointer in [
        "/spec/podFailurePolicy",
        "/spec/template/spec/securityContext/runAsNonRoot",
        "/spec/template/spec/containers/0/securityContext/capabilities",
        "/spec/template/spec/containers/0/securityContext",
        "/spec/template/spec/containers/0/resources/limits",
        "/spec/template/spec/volumes/2/persistentVolumeClaim",
        "/spec/template/spec/nodeSelector",
        "/spec/template/metadata/labels/retention-operator.io~1purgerun",
    ] {
        let mut job = whole.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let parent = job.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        parent.remove(&key.replace("~1", "/")).unwrap_or_else(|| panic!("{pointer}"));
        let job: Job = serde_json::from_value(job).unwrap();
        assert!(!is_what_we_would_make(&job, &wanted()), "{pointer}");
    }
}

#[test]
fn no_other_secret_may_be_handed_over() {
    let (run, policy, connection) = (by_hand("look"), policy(), connection_with_login());
    let orders = orders::freeze(&run, &policy, &connection).unwrap();
    let wanted = job::job(&run, &Start { orders, policy, connection }, &settings());
    assert!(is_what_we_would_make(&stored(&wanted), &wanted));
    let env = "/spec/template/spec/containers/0/env";
    for (place, value) in [
        ("/0/name", json!("PGPASSWORD")),
        ("/0/valueFrom/secretKeyRef/name", json!("other")),
        ("/0/valueFrom/secretKeyRef/key", json!("other")),
        ("/1/valueFrom/secretKeyRef/optional", json!(true)),
        ("/1/value", json!("instead")),
    ] {
        let mut job = serde_json::to_value(stored(&wanted)).unwrap();
        let (parent, key) = place.rsplit_once('/').unwrap();
        job.pointer_mut(&format!("{env}{parent}")).unwrap()[key] = value;
        let job: Job = serde_json::from_value(job).unwrap();
        assert!(!is_what_we_would_make(&job, &wanted), "{place}");
    }
    let mut job = stored(&wanted);
    job.spec.as_mut().unwrap().template.spec.as_mut().unwrap().containers[0].env = None;
    assert!(!is_what_we_would_make(&job, &wanted));
}

#[test]
fn a_job_of_another_owner_or_of_none_is_a_strangers() {
    let mut job = stored(&wanted());
    job.owner_references_mut()[0].uid = "run-of-yesterday".to_owned();
    assert!(!is_what_we_would_make(&job, &wanted()));
    job.metadata.owner_references = None;
    assert!(!is_what_we_would_make(&job, &wanted()));
}

#[test]
fn the_orders_may_be_under_either_name_and_not_be_others() {
    let second = changed("/spec/template/spec/volumes/0/configMap/name", json!("look-0123456789"));
    assert!(is_what_we_would_make(&second, &wanted()));
    let mut other = wanted();
    let container = &mut other.spec.as_mut().unwrap().template.spec.as_mut().unwrap().containers[0];
    let arguments = container.args.as_mut().unwrap();
    let digest = arguments.iter_mut().find(|argument| argument.starts_with("sha256:")).unwrap();
    digest.replace_range(7..8, if digest.as_bytes()[7] == b'0' { "1" } else { "0" });
    assert!(!is_what_we_would_make(&stored(&other), &wanted()));
}

#[test]
fn quantities_are_compared_by_what_they_mean() {
    for (one, other) in [
        ("0.5", "500m"),
        ("1024Mi", "1Gi"),
        ("1000000", "1M"),
        ("1.5Gi", "1536Mi"),
        ("1e3", "1k"),
        ("1E3", "1000"),
        ("100u", "0.1m"),
        ("2E", "2000P"),
        ("1Ti", "1024Gi"),
        ("1Ei", "1024Pi"),
        ("1024", "1Ki"),
        ("5n", "0.005u"),
        ("3T", "3000G"),
    ] {
        assert!(is_near(quantity(one).unwrap(), other), "{one} {other}");
    }
    for (one, other) in [("1G", "1Gi"), ("1m", "1M"), ("1", "2"), ("1", "1x")] {
        assert!(!is_near(quantity(one).unwrap(), other), "{one} {other}");
    }
}
