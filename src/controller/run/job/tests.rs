use k8s_openapi::api::core::v1::{ResourceRequirements, Volume};

use super::*;
use crate::api::{DatabaseConnection, RetentionPolicy};
use crate::controller::fixtures::{
    connection, connection_with_login, policy, scheduled, settings, with,
};
use crate::controller::run::{access, orders};

fn job_from(policy: RetentionPolicy, connection: DatabaseConnection) -> Job {
    let run = scheduled("2026-11-21T02:00:00Z");
    let orders = orders::freeze(&run, &policy, &connection).unwrap();
    job(&run, &Start { orders, policy, connection }, &settings())
}

fn pod(job: &Job) -> &PodSpec {
    job.spec.as_ref().unwrap().template.spec.as_ref().unwrap()
}

/// What is created in a cluster is read in review, whole.
#[test]
fn everything_that_is_created_for_a_run_is_as_it_was_reviewed() {
    let run = scheduled("2026-11-21T02:00:00Z");
    let policy = with(
        &policy(),
        "
        spec:
          activeDeadlineSeconds: 3600
          window: {default: 14d, sources: [{name: map, configMap: {name: windows}}]}
        ",
    );
    let connection = with(
        &connection(),
        "
        spec:
          runner:
            resources: {limits: {memory: 256Mi}}
            nodeSelector: {disk: fast}
            tolerations: [{key: dedicated, operator: Exists}]
            imagePullSecrets: [{name: registry}]
            priorityClassName: batch
            podLabels: {team: agents, app.kubernetes.io/name: mine}
            podAnnotations: {example.com/note: here}
        ",
    );
    let orders = orders::freeze(&run, &policy, &connection).unwrap();
    let map = orders::config_map(&run, &policy, &orders, false);
    let start = Start { orders, policy, connection };
    let made = [
        serde_yaml::to_string(&map).unwrap(),
        serde_yaml::to_string(&access::account("team")).unwrap(),
        serde_yaml::to_string(&access::binding("team", "retention-operator-runner")).unwrap(),
        serde_yaml::to_string(&job(&run, &start, &settings())).unwrap(),
    ];
    insta::assert_snapshot!("created_for_a_run", made.join("---\n"));
}

#[test]
fn the_labels_by_which_a_pod_is_found_cannot_be_taken() {
    let text = format!(
        "spec: {{runner: {{podLabels: {{{}: other, {}: other}}}}}}",
        names::RUN,
        names::POLICY
    );
    let job = job_from(policy(), with(&connection(), &text));
    let labels = job.spec.unwrap().template.metadata.unwrap().labels.unwrap();
    assert_eq!(
        (labels[names::RUN].as_str(), labels[names::POLICY].as_str()),
        ("chats-29920440", "chats")
    );
}

#[test]
fn a_connection_without_a_runner_has_the_operators_defaults() {
    let job = job_from(policy(), connection());
    let pod = pod(&job);
    assert_eq!(pod.service_account_name.as_deref(), Some(RUNNER));
    assert_eq!(pod.containers[0].resources, settings().runner_resources);
    assert_eq!(pod.security_context, Some(nobody()));
    assert_eq!(job.spec.unwrap().active_deadline_seconds, None);
}

#[test]
fn a_runner_of_the_connections_own_takes_the_place_of_the_defaults() {
    let text =
        "spec: {runner: {serviceAccountName: own, securityContext: {runAsUser: 7}, resources: {}}}";
    let job = job_from(policy(), with(&connection(), text));
    let pod = pod(&job);
    assert_eq!(pod.service_account_name.as_deref(), Some("own"));
    assert_eq!(pod.security_context.as_ref().unwrap().run_as_user, Some(7));
    assert_eq!(pod.containers[0].resources, Some(ResourceRequirements::default()));
    assert_eq!(
        pod.containers[0].security_context,
        Some(restricted()),
        "that is not the connection's"
    );
}

#[test]
fn the_policys_deadline_is_the_runners_and_the_job_has_a_minute_more() {
    let deadline = |seconds: i64| {
        let policy = with(&policy(), &format!("spec: {{activeDeadlineSeconds: {seconds}}}"));
        job_from(policy, connection()).spec.unwrap().active_deadline_seconds
    };
    assert_eq!(deadline(3600), Some(3660));
    assert_eq!(deadline(i64::MAX), Some(i64::MAX));
}

#[test]
fn each_config_map_of_windows_is_mounted_once_and_may_be_missing() {
    let policy = with(
        &policy(),
        "
        spec:
          window: {default: 14d, sources: [{name: a, configMap: {name: two}}, {name: b, configMap: {name: one}}]}
          targets:
          - {name: chats, table: chats, action: Delete, age: {column: updated_at, encoding: UnixSeconds}, window: {default: 1d, sources: [{name: a, configMap: {name: two}}]}}
        ",
    );
    assert_eq!(config_maps(&policy.spec), ["one", "two"]);
    let job = job_from(policy, connection());
    let pod = pod(&job);
    let optional = |volume: &Volume| volume.config_map.as_ref().and_then(|map| map.optional);
    let maps: Vec<_> = pod
        .volumes
        .as_ref()
        .unwrap()
        .iter()
        .filter(|volume| optional(volume) == Some(true))
        .collect();
    assert_eq!(maps.len(), 2);
    let arguments = pod.containers[0].args.as_ref().unwrap().join(" ");
    assert!(
        arguments.ends_with(
            "--config-map one=/retention/configmaps/one --config-map two=/retention/configmaps/two"
        ),
        "{arguments}"
    );
}

#[test]
fn a_login_is_handed_over_key_by_key_and_must_be_there() {
    let job = job_from(policy(), connection_with_login());
    let container = &pod(&job).containers[0];
    insta::assert_snapshot!(
        "handed_over_for_a_login",
        serde_yaml::to_string(&(&container.args, &container.env)).unwrap()
    );
    assert_eq!(container.env_from, None);
    let volumes = serde_json::to_string(&pod(&job).volumes).unwrap();
    assert!(!volumes.contains("secret"), "{volumes}");
}

#[test]
fn a_key_that_holds_both_url_and_ca_is_handed_over_once() {
    let text = "spec: {postgres: {caSecretKeyRef: {name: app, key: uri}}}";
    let job = job_from(policy(), with(&connection_with_login(), text));
    assert_eq!(pod(&job).containers[0].env.as_ref().unwrap().len(), 1);
}

#[test]
fn without_a_login_no_secret_is_named() {
    let job = job_from(policy(), connection());
    let shown = serde_json::to_string(&job).unwrap();
    assert!(!shown.contains("env") && !shown.to_lowercase().contains("secret"), "{shown}");
}
