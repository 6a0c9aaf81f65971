//! The whole way of a slot.

use std::time::Duration;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::ResourceExt;
use retention_operator::api::{DatabaseConnection, PurgeRun, RetentionPolicy};
use retention_operator::controller;
use serde_json::{Value, json};

use super::bed::Bed;
use super::objects::{
    FAR_AWAY, SLOT, Slot, condition, conditions_of_policy, conditions_of_run, connection, done,
    policy, run, types,
};
use super::operator::settings;

pub async fn a_slot_makes_one_run_and_the_policy_tells_how_it_went(bed: Bed) {
    let slot = Slot::near();
    let name = slot.run_of("chats");
    let _operator = bed.operator().await;
    bed.declared(&slot.schedule()).await;
    let (scheduled, _) = bed.policy_is("chats", "True", "Scheduled").await;
    let next = scheduled.status.unwrap().next_schedule_time;
    assert_eq!(next, Some(slot.0.to_string()));

    let run: PurgeRun = bed.until("there", &name, |_: &PurgeRun| true).await;
    assert_eq!(run.annotations()[SLOT], slot.0.to_string());
    assert_eq!(run.labels()["retention-operator.io/policy"], "chats");
    assert!(run.owner_references().is_empty(), "evidence stays");

    let job = bed.job_of(&name).await;
    made_for(&bed, &run, &job).await;
    let waiter = kubectl_waits(&bed, &name);
    let mut report = done(7);
    report["totals"]["overdue"] = json!(3);
    report["targets"][0]["outcome"] = json!("CapReached");
    report["targets"][0]["overdue"] = json!({"rows": 3, "oldestSeconds": 60});
    bed.works(&name, report, 0).await;

    let (run, message) = bed.run_says(&name, "Complete", "CapReached").await;
    assert_eq!(message, "deleted 7 rows, 3 overdue");
    assert_eq!(types(conditions_of_run(&run)), ["Complete"]);
    let status = run.status.unwrap();
    assert!(status.start_time.is_some() && status.completion_time.is_some());
    assert_eq!(status.connection.as_deref(), Some("db"));
    assert!(waiter.await.unwrap(), "kubectl wait --for=condition=Complete");

    let is_told = |policy: &RetentionPolicy| {
        policy.status.as_ref().is_some_and(|status| status.last_run.is_some())
    };
    let policy = bed.until("lastRun", "chats", is_told).await;
    assert_eq!(types(conditions_of_policy(&policy)), ["Ready"]);
    let told = policy.status.unwrap();
    let last_run = told.last_run.unwrap();
    assert_eq!(last_run.name, name);
    assert_eq!(json!(last_run.outcome), "CapReached");
    assert_eq!(told.last_schedule_time.unwrap().0, slot.0);
    assert_eq!(told.last_successful_time, status.completion_time);
    assert_eq!((told.deleted_total, told.missed, told.active), (Some(7), Some(0), vec![]));
    let overdue = told.overdue.unwrap();
    assert_eq!((overdue.rows, overdue.oldest_seconds), (3, Some(60)));
    assert_eq!(bed.names::<PurgeRun>().await, [name.as_str()]);
    let used = |db: &DatabaseConnection| {
        db.status.as_ref().is_some_and(|status| status.last_run.is_some())
    };
    let db: DatabaseConnection = bed.until("lastRun", "db", used).await;
    assert_eq!(condition(&db.status.unwrap().conditions, "Ready").unwrap().reason, "Used");
    for reason in ["JobCreated", "Completed"] {
        bed.told(&name, reason).await;
    }
    bed.told("chats", "PurgeRunCreated").await;
}

/// Everything that a run is given.
async fn made_for(bed: &Bed, run: &PurgeRun, job: &Job) {
    let name = run.name_any();
    let owner = &job.owner_references()[0];
    assert_eq!((owner.uid.as_str(), owner.controller), (run.uid().unwrap().as_str(), Some(true)));
    assert_eq!(job.labels()["retention-operator.io/policy"], "chats");
    assert_eq!(job.labels()["retention-operator.io/purgerun"], name);
    let spec = json!(job.spec);
    assert_eq!(
        (&spec["backoffLimit"], &spec["ttlSecondsAfterFinished"]),
        (&json!(2), &json!(86_400))
    );
    assert_eq!(spec["podFailurePolicy"]["rules"][0]["action"], "Ignore");
    assert_eq!(spec["podFailurePolicy"]["rules"][1]["action"], "FailJob");
    assert_eq!(spec["podFailurePolicy"]["rules"][1]["onExitCodes"]["values"], json!([1, 2]));
    let pod = &spec["template"]["spec"];
    assert_eq!(
        (&pod["restartPolicy"], &pod["serviceAccountName"]),
        (&json!("Never"), &json!("retention-operator-runner"))
    );
    let arguments: Vec<&str> =
        pod["containers"][0]["args"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(arguments[..3], ["run", "-f", "/retention/manifests"]);
    assert!(arguments.ends_with(&["--report", &format!("purgerun/{name}")]), "{arguments:?}");
    let volumes = pod["volumes"].as_array().unwrap();
    assert!(
        volumes.iter().any(|volume| volume["persistentVolumeClaim"]["claimName"] == "data"),
        "{volumes:?}"
    );
    assert!(volumes.iter().any(|volume| volume["configMap"]["name"] == name), "{volumes:?}");

    let orders: ConfigMap = bed.get(&name).await.unwrap();
    assert_eq!(orders.immutable, Some(true));
    assert_eq!(orders.owner_references()[0].uid, run.uid().unwrap());
    let files: Vec<String> = orders.data.unwrap().into_keys().collect();
    assert_eq!(files, ["connection.yaml", "policy.yaml", "run.yaml"]);
    assert!(bed.get::<ServiceAccount>("retention-operator-runner").await.is_some());
    let binding: RoleBinding = bed.get("retention-operator-runner").await.unwrap();
    assert_eq!(
        (binding.role_ref.kind.as_str(), binding.role_ref.name.as_str()),
        ("ClusterRole", "retention-operator-runner")
    );
    assert_eq!(binding.subjects.unwrap()[0].namespace.as_deref(), Some(bed.namespace.as_str()));
}

fn kubectl_waits(bed: &Bed, name: &str) -> tokio::task::JoinHandle<bool> {
    let (cluster, namespace, name) =
        (bed.cluster, bed.namespace.clone(), format!("purgerun/{name}"));
    tokio::task::spawn_blocking(move || {
        let wait =
            ["wait", "--for=condition=Complete", &name, "--timeout=3m", "--namespace", &namespace];
        cluster.kubectl(&wait).status.success()
    })
}

pub async fn a_policy_that_is_suspended_has_no_slots_and_lets_runs_by_hand_work(bed: Bed) {
    let slot = Slot::near();
    let _operator = bed.operator().await;
    let mut suspended = policy("chats", "db", &slot.schedule());
    suspended["spec"]["suspend"] = json!(true);
    bed.make::<DatabaseConnection>(connection("db")).await;
    bed.make::<RetentionPolicy>(suspended).await;
    bed.make::<RetentionPolicy>(policy("other", "db", &slot.schedule())).await;
    let (policy, _) = bed.policy_is("chats", "True", "Suspended").await;
    assert_eq!(policy.status.unwrap().next_schedule_time, None);
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    bed.works("by-hand", done(4), 0).await;
    bed.run_says("by-hand", "Complete", "Done").await;

    bed.job_of(&slot.run_of("other")).await;
    let mut runs = bed.names::<PurgeRun>().await;
    runs.sort();
    assert_eq!(runs, ["by-hand".to_owned(), slot.run_of("other")]);

    let change = json!({"spec": {"suspend": false, "schedule": FAR_AWAY}});
    bed.change::<RetentionPolicy>("chats", change).await;
    let (policy, _) = bed.policy_is("chats", "True", "Scheduled").await;
    assert!(policy.status.unwrap().next_schedule_time.is_some());
}

pub async fn a_slot_that_came_while_nobody_looked_is_made_up_for_unless_it_is_too_late(bed: Bed) {
    let slot = Slot::near();
    bed.declared(&slot.schedule()).await;
    let mut punctual = policy("punctual", "db", &slot.schedule());
    punctual["spec"]["startingDeadlineSeconds"] = json!(0);
    bed.make::<RetentionPolicy>(punctual).await;
    let elsewhere = Bed::new(bed.cluster).await;
    elsewhere.declared(&slot.schedule()).await;
    let _other_operator = elsewhere.operator().await;
    elsewhere.job_of(&slot.run_of("chats")).await;

    let _operator = bed.operator().await;
    bed.job_of(&slot.run_of("chats")).await;
    let note = bed.told("punctual", "SlotMissed").await;
    assert!(note.contains(&slot.0.to_string()), "{note}");
    let has_missed = |policy: &RetentionPolicy| {
        policy.status.as_ref().is_some_and(|status| status.missed == Some(1))
    };
    let status = bed.until("missed", "punctual", has_missed).await.status.unwrap();
    assert_eq!(status.last_schedule_time.unwrap().0, slot.0);
    assert_eq!(bed.names::<PurgeRun>().await, [slot.run_of("chats")]);
}

pub async fn two_operators_at_once_make_one_run_and_one_job_of_a_slot(bed: Bed) {
    let slot = Slot::near();
    let name = slot.run_of("chats");
    let _one = bed.operator().await;
    let _two = bed.operator().await;
    bed.declared(&slot.schedule()).await;
    let job = bed.job_of(&name).await;
    bed.works(&name, done(7), 0).await;
    bed.run_says(&name, "Complete", "Done").await;
    let is_told = |policy: &RetentionPolicy| {
        policy.status.as_ref().is_some_and(|status| status.last_run.is_some())
    };
    let status = bed.until("lastRun", "chats", is_told).await.status.unwrap();
    assert_eq!((status.deleted_total, status.missed), (Some(7), Some(0)));
    assert_eq!(bed.names::<PurgeRun>().await, [name.as_str()]);
    assert_eq!(bed.get::<Job>(&name).await.unwrap().uid(), job.uid());
}

pub async fn an_operator_that_is_asked_to_end_ends(bed: Bed) {
    bed.declared(FAR_AWAY).await;
    let (ask, asked) = tokio::sync::oneshot::channel::<()>();
    let asked = async { asked.await.unwrap() };
    let operator = Box::pin(controller::start(bed.client.clone(), settings(&bed.namespace), asked));
    let user = async {
        bed.policy_is("chats", "True", "Scheduled").await;
        ask.send(()).unwrap();
    };
    let (ended, ()) =
        tokio::time::timeout(Duration::from_mins(1), async { tokio::join!(operator, user) })
            .await
            .unwrap();
    ended.unwrap();
}
