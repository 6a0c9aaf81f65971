//! What is wrong with a policy, told with a remedy and healed by it.

use retention_operator::api::{DatabaseConnection, PurgeRun, RetentionPolicy};
use serde_json::json;

use super::bed::Bed;
use super::objects::{
    FAR_AWAY, condition, conditions_of_policy, conditions_of_run, connection, done, policy, run,
    types,
};

pub async fn a_policy_that_is_wrong_says_what_to_write_and_heals_and_disturbs_no_other(bed: Bed) {
    let _operator = bed.operator().await;
    bed.declared(FAR_AWAY).await;
    let wrong = [
        (
            "connection",
            json!({"connectionRef": {"name": "nowhere"}}),
            "ConnectionNotFound",
            "create it, or correct spec.connectionRef.name",
            json!({"connectionRef": {"name": "db"}}),
        ),
        (
            "cron",
            json!({"schedule": "61 * * * *"}),
            "InvalidValue",
            "spec.schedule",
            json!({"schedule": FAR_AWAY}),
        ),
        (
            "zone",
            json!({"timeZone": "Mars/Base"}),
            "InvalidValue",
            "spec.timeZone",
            json!({"timeZone": null}),
        ),
        (
            "table",
            json!({"targets": [{
                "name": "users",
                "table": "users",
                "action": "Delete",
                "age": {"column": "updated_at", "encoding": "UnixSeconds"},
            }]}),
            "NotAllowed",
            "spec.allow",
            json!({"targets": policy("p", "db", FAR_AWAY)["spec"]["targets"]}),
        ),
    ];
    for (name, fault, ..) in &wrong {
        let mut object = policy(name, "db", FAR_AWAY);
        for (field, value) in fault.as_object().unwrap() {
            object["spec"][field] = value.clone();
        }
        bed.make::<RetentionPolicy>(object).await;
    }
    for (name, _, reason, remedy, _) in &wrong {
        let (policy, message) = bed.policy_is(name, "False", reason).await;
        assert!(message.contains(remedy), "{name}: {message}");
        let stalled = condition(conditions_of_policy(&policy), "Stalled").unwrap();
        assert_eq!((stalled.reason.as_str(), &stalled.message), (*reason, &message), "{name}");
        assert_eq!(policy.status.unwrap().next_schedule_time, None, "{name}");
    }
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    bed.works("by-hand", done(1), 0).await;
    bed.run_says("by-hand", "Complete", "Done").await;
    bed.policy_is("chats", "True", "Scheduled").await;
    for (name, _, _, _, fix) in wrong {
        bed.change::<RetentionPolicy>(name, json!({"spec": fix})).await;
        let (policy, _) = bed.policy_is(name, "True", "Scheduled").await;
        assert_eq!(types(conditions_of_policy(&policy)), ["Ready"], "{name}");
    }
}

pub async fn a_run_waits_for_the_policy_and_the_connection_that_it_names(bed: Bed) {
    let _operator = bed.operator().await;
    bed.make::<PurgeRun>(run("by-hand", "chats")).await;
    let (waiting, message) = bed.run_says("by-hand", "Reconciling", "PolicyNotFound").await;
    assert_eq!(types(conditions_of_run(&waiting)), ["Reconciling"]);
    assert!(message.contains("RetentionPolicy chats"), "{message}");
    bed.make::<RetentionPolicy>(policy("chats", "db", FAR_AWAY)).await;
    let (_, message) = bed.run_says("by-hand", "Reconciling", "ConnectionNotFound").await;
    assert!(message.contains("DatabaseConnection db"), "{message}");
    let mut other = connection("db");
    other["spec"]["allow"] = json!([{"tables": ["users"], "actions": ["Delete"]}]);
    bed.make::<DatabaseConnection>(other).await;
    bed.run_says("by-hand", "Reconciling", "NotAllowed").await;
    bed.change::<DatabaseConnection>(
        "db",
        json!({"spec": {"allow": connection("db")["spec"]["allow"]}}),
    )
    .await;
    bed.works("by-hand", done(1), 0).await;
    bed.run_says("by-hand", "Complete", "Done").await;
}
