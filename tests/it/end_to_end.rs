//! The main job, whole: Helm, API server, controllers, kubelet, a volume and the database on it.

mod faults;
mod place;
mod superplane;
mod walk;

use std::time::Duration;

use serde_json::json;

use crate::openai_agents::application::{Application, Session, root};
use place::{Place, operator};

const ANN: &str = "3f0c7a52-6a1d-4a53-9d2e-0b6f1c0a7e01";
const BOB: &str = "9b1e4d07-2c58-4f0b-8a44-5d7c93e2b602";

#[test]
fn at_its_slot_a_policy_becomes_a_run_a_pod_and_rows_that_are_gone() {
    let Some((cluster, _turn)) = operator() else { return };
    let sessions = vec![
        Session::of(ANN, 1, 30).used("2025-03-05 01:59:59").goes(),
        Session::of(ANN, 2, 3),
        Session::of(BOB, 3, 250).at_once(),
    ];
    let Some(application) = Application::new(false, sessions, vec![]) else { return };
    let place = Place::new(cluster, "agents", application.folder(), "agent-sessions");
    let manifest = std::fs::read_to_string(root().join("examples/openai-agents/manifest.yaml"));
    let manifest = manifest.unwrap();
    let (daily, claim) = ("schedule: \"0 2 * * *\"", "{claimName: agent-sessions}}\n");
    assert!(manifest.contains(daily) && manifest.contains(claim));
    let manifest = manifest
        .replace(daily, "schedule: \"* * * * *\"")
        .replace(claim, &format!("{claim}  runner: {}\n", place.runner()));
    place.apply(&manifest);

    let run = place.until("a run of the schedule is complete", |place| {
        let runs = place.get(&["purgeruns"]);
        let complete = runs["items"].as_array()?.iter().find(|run| {
            run["metadata"]["annotations"]["retention-operator.io/scheduled-at"].is_string()
                && run["status"]["completionTime"].is_string()
        })?;
        Some(complete.clone())
    });
    let name = run["metadata"]["name"].as_str().unwrap();
    let status = &run["status"];
    assert_eq!(status["conditions"][0]["type"], "Complete", "{run:#}");
    assert_eq!(status["exitCode"], 0, "{run:#}");
    assert_eq!(status["totals"]["deleted"], 1 + 50, "{run:#}");
    assert_eq!(status["totals"]["dependents"], 30, "{run:#}");

    let read = application.read();
    for session in &application.sessions {
        let expected = json!(session.readable_afterwards(200, 0));
        assert_eq!(read["items"][&session.id], expected, "{}", session.id);
    }

    place.said(&["wait", "--for=condition=Complete", &format!("purgerun/{name}"), "--timeout=5s"]);
    let log = place.said(&["logs", &format!("job/{name}")]);
    assert!(log.contains("idle-sessions   Done"), "{log}");
    let policies = place.until("the policy counts it", |place| {
        let text = place.said(&["get", "rp,prun", "-o", "wide"]);
        text.contains(" 51 ").then_some(text)
    });
    for word in ["agent-sessions", "* * * * *", "True", name, "Complete", "Scheduled"] {
        assert!(policies.contains(word), "{word}: {policies}");
    }
    // The operator's own words, for people who look there first.
    let events = place.said(&["events", "--for", "retentionpolicy/agent-sessions"]);
    assert!(events.contains("PurgeRunCreated"), "{events}");
}

#[test]
fn a_run_that_is_suspended_ends_its_batch_says_so_and_goes_on_under_the_same_clock() {
    let Some((cluster, _turn)) = operator() else { return };
    let place = Place::with_rows(cluster, "suspended", 200_000);
    place.apply(&place.policy("slow", "slow.db", "\"0 0 1 1 *\"", ""));
    place.run("slow", "by-hand");
    let deleted =
        |run: &serde_json::Value| run["status"]["totals"]["deleted"].as_u64().unwrap_or(0);
    let run = place.until("rows go", |place| {
        let run = place.get(&["purgerun", "by-hand"]);
        (deleted(&run) > 0).then_some(run)
    });
    assert!(run["status"]["exitCode"].is_null(), "too fast to be suspended: {run:#}");
    let clock = run["status"]["clock"].clone();
    let suspend = |yes: bool| format!("{{\"spec\": {{\"suspend\": {yes}}}}}");
    place.said(&["patch", "purgerun", "by-hand", "--type=merge", "-p", &suspend(true)]);
    let run = place.until("it is suspended", |place| {
        let run = place.get(&["purgerun", "by-hand"]);
        (run["status"]["conditions"][0]["type"] == "Suspended").then_some(run)
    });
    assert_eq!(run["status"]["targets"][0]["outcome"], "Stopped", "{run:#}");
    let left = place.rows("slow.db");
    assert_eq!(deleted(&run) + left, 200_000, "{run:#}");
    assert!(left > 0, "nothing was left to go on with");
    place.said(&["patch", "purgerun", "by-hand", "--type=merge", "-p", &suspend(false)]);
    let run = place.until("it is complete", |place| {
        let run = place.get(&["purgerun", "by-hand"]);
        (run["status"]["conditions"][0]["type"] == "Complete").then_some(run)
    });
    assert_eq!((deleted(&run), &run["status"]["clock"]), (200_000, &clock), "{run:#}");
    assert_eq!(place.rows("slow.db"), 0);
}

#[test]
fn an_operator_that_is_killed_while_a_pod_works_finds_its_report() {
    let Some((cluster, _turn)) = operator() else { return };
    let place = Place::with_rows(cluster, "killed", 50_000);
    place.apply(&place.policy("rows", "slow.db", "\"0 0 1 1 *\"", ""));
    place.run("rows", "by-hand");
    place.until("the Job is there", |place| {
        place.get(&["job", "by-hand"]).is_object().then_some(())
    });
    let now =
        ["delete", "pod", "--namespace", place::OPERATOR, "--all", "--grace-period=0", "--force"];
    let killed = cluster.kubectl(&now);
    assert!(killed.status.success(), "{killed:?}");
    let complete = ["wait", "--for=condition=Complete", "purgerun/by-hand", "--timeout=120s"];
    place.said(&complete);
    let run = place.get(&["purgerun", "by-hand"]);
    assert_eq!(run["status"]["totals"]["deleted"], 50_000, "{run:#}");
    assert_eq!(place.rows("slow.db"), 0);
    place::rolled_out(cluster, Duration::from_mins(2));
}
