//! superplane's example on the node: its pods reach a PostgreSQL by TLS, with Secrets as CloudNativePG writes them.

use std::sync::OnceLock;

use serde_json::{Value, json};

use super::place::{OPERATOR, Place, operator};
use crate::postgres::database::Database;
use crate::postgres::tls::{self, Encrypted};
use crate::skip::aloud;
use crate::superplane::example;

/// Of this machine on the node's bridge. No other machine can reach it.
const ADDRESS: &str = "10.244.0.2";

/// None, and a word aloud, where there is no PostgreSQL. The bridge has to be there.
fn server() -> Option<&'static Encrypted> {
    static SERVER: OnceLock<Option<Encrypted>> = OnceLock::new();
    let listens = format!("listen_addresses=127.0.0.1,{ADDRESS}");
    let server = SERVER.get_or_init(|| tls::called(&format!("IP:{ADDRESS}"), &listens));
    aloud("PostgreSQL", server.as_ref())
}

fn secret(name: &str, key: &str, value: &str) -> String {
    let data = json!({key: value});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data})
        .to_string()
}

/// How many rows each of these tables has.
fn rows(database: &Database, tables: &[&str]) -> Vec<i64> {
    let counts: Vec<String> =
        tables.iter().map(|table| format!("SELECT count(*) FROM {table}")).collect();
    database.numbers(&counts.join(" UNION ALL "))
}

/// What of the totals the database itself says.
fn gone(before: &[i64], after: &[i64]) -> Value {
    let gone: Vec<i64> = before.iter().zip(after).map(|(before, after)| before - after).collect();
    json!([gone[0], gone[1..].iter().sum::<i64>()])
}

fn totals(run: &Value) -> Value {
    json!([run["status"]["totals"]["deleted"], run["status"]["totals"]["dependents"]])
}

const CHATS: [&str; 3] = ["agent_chats", "agent_chat_messages", "agent_chat_runs"];
const RUNS: [&str; 5] = [
    "workflow_runs",
    "workflow_events",
    "workflow_node_executions",
    "workflow_node_execution_kvs",
    "workflow_node_requests",
];

#[test]
fn superplanes_policies_run_on_a_postgresql_that_is_verified_and_nobody_learns_the_password() {
    let Some((cluster, _turn)) = operator() else { return };
    let Some(encrypted) = server() else { return };
    let database = Database::create_on(&encrypted.server, None);
    database.execute(&example("schema.sql"));
    database.execute(&example("rows.sql"));
    let role = format!("TO {};", database.role);
    database.execute(&example("grants.sql").replace("TO retention;", &role));
    let url = database.url().replace("@127.0.0.1:", &format!("@{ADDRESS}:"));
    let password = url.split([':', '@']).nth(2).unwrap();

    let place = Place::empty(cluster, "superplane");
    let manifest = example("manifest.yaml");
    let (first, event_runs) = manifest.rsplit_once("---\n").unwrap();
    place.apply(first);
    place.apply(&example("windows.yaml"));
    place.apply(&secret("superplane-ca", "ca.crt", &encrypted.authorities.right));
    place.told("databaseconnection/superplane", "Ready", "Valid");

    // The Secret is there, and has not the key.
    place.apply(&secret("superplane-app", "url", &url));
    let before = rows(&database, &CHATS);
    place.run("agent-chats", "by-hand");
    let told = place.told("purgerun/by-hand", "Reconciling", "CreateContainerConfigError");
    assert!(told.contains("superplane-app") && told.contains("uri"), "{told}");
    assert_eq!(rows(&database, &CHATS), before);
    place.apply(&secret("superplane-app", "uri", &url));
    place.told("purgerun/by-hand", "Complete", "Done");
    let run = place.get(&["purgerun", "by-hand"]);
    assert_eq!(totals(&run), json!([8, 32]), "{run:#}");
    assert_eq!(totals(&run), gone(&before, &rows(&database, &CHATS)), "{run:#}");
    let server = &run["status"]["server"];
    assert_eq!(server["tlsVerified"], true, "{run:#}");
    let version = server["version"].as_str().unwrap();
    assert!(version.starts_with("PostgreSQL "), "{version}");

    place.told("databaseconnection/superplane", "Ready", "Used");
    let connection = place.get(&["databaseconnection", "superplane"]);
    let last = &connection["status"]["lastRun"];
    assert_eq!((&last["serverVersion"], &last["tlsVerified"]), (&json!(version), &json!(true)));

    let before = rows(&database, &RUNS);
    place.apply(event_runs);
    let run = place.until("a run of the schedule is complete", |place| {
        let runs = place.get(&["purgeruns"]);
        let complete = runs["items"].as_array()?.iter().find(|run| {
            run["spec"]["policyRef"]["name"] == "event-runs"
                && run["status"]["completionTime"].is_string()
        })?;
        Some(complete.clone())
    });
    assert_eq!(run["status"]["conditions"][0]["type"], "Complete", "{run:#}");
    // One work order is changed with its run and stays.
    let mut went = gone(&before, &rows(&database, &RUNS));
    went[1] = json!(went[1].as_i64().unwrap() + 1);
    assert_eq!(totals(&run), went, "{run:#}");
    assert_eq!(run["status"]["totals"]["deleted"], 5, "{run:#}");

    let listed = place.until("the policies count it", |place| {
        let listed = place.said(&["get", "dbconn,rp,prun", "-o", "wide"]);
        let counted = |policy: &str, rows: &str| {
            listed.lines().any(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                words[..].first().is_some_and(|name| name.ends_with(policy))
                    && words.contains(&rows)
            })
        };
        (counted("/agent-chats", "8") && counted("/event-runs", "5")).then_some(listed)
    });
    for word in ["superplane", "@hourly", "* * * * *", "True", "Complete", "Scheduled"] {
        assert!(listed.contains(word), "{word}: {listed}");
    }

    let mut told = vec![
        place.said(&["logs", "job/by-hand"]),
        place.said(&["get", "dbconn,rp,prun,jobs,pods,configmaps,events", "-o", "yaml"]),
    ];
    let log = ["logs", "deployment/retention-operator", "--namespace", OPERATOR];
    told.push(String::from_utf8(cluster.kubectl(&log).stdout).unwrap());
    for told in told {
        assert!(!told.is_empty() && !told.contains(password), "the password is told");
    }
}
