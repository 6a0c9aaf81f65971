//! Objects of our names that somebody else has made.

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::ResourceExt;
use retention_operator::api::{PurgeRun, RetentionPolicy};
use serde_json::json;

use super::bed::Bed;
use super::objects::{FAR_AWAY, SLOT, Slot, done, run};

pub async fn a_strangers_run_of_the_slots_name_that_does_less_is_told_and_the_slot_skipped(
    bed: Bed,
) {
    let slot = Slot::near();
    let name = slot.run_of("chats");
    bed.declared(&slot.schedule()).await;
    let mut less = run(&name, "chats");
    less["spec"]["tenants"] = json!(["nobody"]);
    less["metadata"]["annotations"] = json!({SLOT: slot.0.to_string()});
    bed.make::<PurgeRun>(less).await;
    let _operator = bed.operator().await;
    let note = bed.told("chats", "PurgeRunCollision").await;
    assert!(note.contains(&name) && note.contains("delete it"), "{note}");
    let is_dealt_with = |policy: &RetentionPolicy| {
        policy.status.as_ref().is_some_and(|status| status.last_schedule_time.is_some())
    };
    let status = bed.until("lastScheduleTime", "chats", is_dealt_with).await.status.unwrap();
    assert_eq!((status.last_schedule_time.unwrap().0, status.missed), (slot.0, Some(1)));
}

pub async fn a_run_of_the_slots_name_that_asks_for_the_same_is_the_slots_run(bed: Bed) {
    let slot = Slot::near();
    let name = slot.run_of("chats");
    bed.declared(&slot.schedule()).await;
    bed.make::<PurgeRun>(run(&name, "chats")).await;
    let _operator = bed.operator().await;
    let is_adopted =
        |run: &PurgeRun| run.annotations().get(SLOT).is_some_and(|at| *at == slot.0.to_string());
    bed.until("adopted", &name, is_adopted).await;
    let is_dealt_with = |policy: &RetentionPolicy| {
        policy.status.as_ref().is_some_and(|status| status.last_schedule_time.is_some())
    };
    let status = bed.until("lastScheduleTime", "chats", is_dealt_with).await.status.unwrap();
    assert_eq!((status.last_schedule_time.unwrap().0, status.missed), (slot.0, Some(0)));
    bed.works(&name, done(2), 0).await;
    bed.run_says(&name, "Complete", "Done").await;
    let is_well = |policy: &RetentionPolicy| {
        policy.status.as_ref().is_some_and(|status| status.last_successful_time.is_some())
    };
    bed.until("lastSuccessfulTime", "chats", is_well).await;
}

pub async fn a_strangers_job_is_told_and_left_alone_until_it_is_gone(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    let pod =
        json!({"restartPolicy": "Never", "containers": [{"name": "runner", "image": "none"}]});
    let labels = json!({
        "app.kubernetes.io/managed-by": "retention-operator",
        "app.kubernetes.io/component": "runner",
        "retention-operator.io/policy": "chats",
        "retention-operator.io/purgerun": "by-hand",
    });
    let job = json!({
        "metadata": {"name": "by-hand", "labels": labels},
        "spec": {"template": {"spec": pod}},
    });
    let stranger: Job = bed.make(job).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let (_, message) = bed.run_says("by-hand", "Reconciling", "JobCollision").await;
    assert!(message.contains("Job by-hand") && message.contains("delete it"), "{message}");
    assert_eq!(bed.get::<Job>("by-hand").await.unwrap().uid(), stranger.uid());
    bed.delete::<Job>("by-hand").await;
    bed.until("another Job", "by-hand", |job: &Job| job.uid() != stranger.uid()).await;
    bed.run_says("by-hand", "Reconciling", "Running").await;
}

pub async fn a_strangers_config_map_is_never_mounted(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    let orders =
        json!({"metadata": {"name": "by-hand"}, "data": {"policy.yaml": "kind: RetentionPolicy"}});
    bed.make::<ConfigMap>(orders).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let job = bed.job_of("by-hand").await;
    let volumes = json!(job.spec.unwrap().template.spec.unwrap().volumes);
    let mounted: Vec<&str> = volumes
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|volume| volume["configMap"]["name"].as_str())
        .collect();
    assert!(matches!(mounted[..], [name] if name.starts_with("by-hand-")), "{mounted:?}");
    let orders: ConfigMap = bed.get(mounted[0]).await.unwrap();
    assert_eq!(orders.data.unwrap().len(), 3);
    assert_eq!(
        bed.get::<ConfigMap>("by-hand").await.unwrap().data.unwrap().len(),
        1,
        "it is left alone"
    );
}

pub async fn a_strangers_role_binding_is_told_and_no_run_begins_until_it_is_gone(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    let binding = json!({
        "metadata": {"name": "retention-operator-runner"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "ServiceAccount", "name": "retention-operator-runner", "namespace": bed.namespace}],
    });
    bed.make::<RoleBinding>(binding).await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let (_, message) = bed.run_says("by-hand", "Reconciling", "NotStarted").await;
    assert!(
        message.contains("RoleBinding retention-operator-runner") && message.contains("delete it"),
        "{message}"
    );
    assert!(bed.get::<Job>("by-hand").await.is_none());
    bed.delete::<RoleBinding>("retention-operator-runner").await;
    bed.job_of("by-hand").await;
}
