//! `run --report`: a run that is told by its PurgeRun, on a real API server.

mod stage;

use std::io::{BufRead, BufReader, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use retention_operator::api::PurgeRunStatus;
use serde_json::{Value as Json, json};

use crate::bed::{Bed, EXPIRED, elsewhere};
use crate::wal::pinned;
use stage::{NAME, Stage, signal, slow, start_slowly, wait_until};

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

fn log(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn deleted(status: &Json) -> i64 {
    status["totals"]["deleted"].as_i64().unwrap_or_default()
}

#[test]
fn a_run_tells_its_record_all_and_leaves_the_controllers_fields_alone() {
    let Some(stage) = Stage::new(Bed::new()) else { return };
    let of_controller = json!({
        "job": NAME, "startTime": "2026-11-21T02:00:05Z",
        "policy": {"name": "chats", "generation": 3}, "exitCode": 1,
    });
    stage.apply_status("retention-operator", &of_controller);
    let output = stage.run();
    assert_eq!(code(&output), 0, "{output:?}");
    assert_eq!(stage.bed.chats(), [9, 10]);
    let status = stage.status();
    let printed: Json = serde_json::from_slice(&output.stdout).unwrap();
    let read = |status: &Json| serde_json::from_value::<PurgeRunStatus>(status.clone()).unwrap();
    let (told, said) = (read(&status), read(&printed[0]["status"]));
    assert_eq!((&told.clock, told.dry_run), (&said.clock, said.dry_run));
    assert_eq!((told.totals, told.targets), (said.totals, said.targets));
    assert_eq!(printed[0]["metadata"]["name"], NAME);
    assert_eq!(deleted(&status), 8);
    assert_eq!(
        (&status["exitCode"], &status["targets"][0]["outcome"]),
        (&json!(0), &json!("Done"))
    );
    assert_eq!((&status["job"], &status["policy"]["generation"]), (&json!(NAME), &json!(3)));
    let run = stage.get();
    let managed = run["metadata"]["managedFields"].as_array().unwrap();
    let ours =
        managed.iter().find(|entry| entry["manager"] == "retention-operator-runner").unwrap();
    assert_eq!(ours["subresource"], "status");
    let fields = ours["fieldsV1"]["f:status"].as_object().unwrap();
    let fields: Vec<&str> = fields.keys().map(String::as_str).collect();
    assert_eq!(fields, ["f:clock", "f:dryRun", "f:exitCode", "f:targets", "f:totals"]);
}

#[test]
fn orders_that_were_changed_are_refused_and_the_record_says_so() {
    let Some(mut stage) = Stage::new(Bed::new()) else { return };
    let right = std::mem::replace(&mut stage.digest, format!("sha256:{}", "0".repeat(64)));
    let output = stage.run();
    assert_eq!(code(&output), 2, "{output:?}");
    let said = log(&output);
    assert!(
        said.contains("these are not the orders that were given") && said.contains(&right),
        "{said}"
    );
    assert_eq!(stage.bed.chats().len(), 10, "nothing is touched");
    let status = stage.status();
    assert_eq!(
        (&status["exitCode"], &status["refusals"][0]["field"]),
        (&json!(2), &json!("--orders"))
    );
}

#[test]
fn a_refusal_is_told_by_the_record() {
    let bed = Bed::new().with("age: {column: updated_at", "age: {column: updated");
    let Some(stage) = Stage::new(bed) else { return };
    assert_eq!(code(&stage.run()), 2);
    let status = stage.status();
    assert_eq!((&status["exitCode"], &status["clock"]), (&json!(2), &Json::Null));
    assert_eq!(status["refusals"][0]["field"], "spec.targets[chats].age.column");
    assert_eq!(status["refusals"][0]["object"], "RetentionPolicy/chats");
}

#[test]
fn a_database_that_is_not_reached_leaves_the_run_open() {
    let Some(stage) = Stage::new(Bed::new()) else { return };
    elsewhere(&stage.bed.database(), "PRAGMA journal_mode = DELETE").unwrap();
    let locked = stage.bed.locked();
    let output = stage.run();
    drop(locked);
    assert_eq!(code(&output), 3, "{output:?}");
    let status = stage.status();
    assert_eq!(status["exitCode"], Json::Null);
    let why = status["unreachable"].as_str().unwrap();
    assert!(why.contains("DatabaseConnection/app") && why.contains("locked"), "{why}");
    assert_eq!(code(&stage.run()), 0);
    let status = stage.status();
    assert_eq!((&status["unreachable"], &status["exitCode"]), (&Json::Null, &json!(0)));
}

#[test]
fn suspended_replaced_deleted_or_another_nothing_is_touched() {
    let Some(stage) = Stage::new(Bed::new()) else { return };
    stage.patch(&json!({"spec": {"suspend": true}}));
    let output = stage.run();
    assert_eq!(code(&output), 3, "a suspended Job must not fail for good: {output:?}");
    let status = stage.status();
    let target = &status["targets"][0];
    assert_eq!((&target["outcome"], &status["exitCode"]), (&json!("Stopped"), &Json::Null));
    assert_eq!(target["message"], "suspended: set spec.suspend to false to go on");

    stage.patch(&json!({"spec": {"suspend": false},
        "metadata": {"annotations": {"retention-operator.io/replaced-by": "chats-29659500"}}}));
    assert_eq!(code(&stage.run()), 1);
    let status = stage.status();
    assert_eq!(status["exitCode"], 1);
    let message = status["targets"][0]["message"].as_str().unwrap();
    assert!(message.contains("replaced by PurgeRun/chats-29659500"), "{message}");

    stage.delete();
    let output = stage.run();
    assert_eq!(code(&output), 1);
    assert!(log(&output).contains("is not there any more: nothing was touched"), "{output:?}");

    stage.create();
    assert_eq!(code(&stage.run()), 1, "another run of the same name");
    assert_eq!(stage.status(), Json::Null);
    assert_eq!(stage.bed.chats().len(), 10);
}

#[test]
fn a_run_that_waits_says_what_for_in_its_record_and_on_its_way() {
    let (bed, reader) = pinned();
    let bed =
        bed.with("schedule: \"@daily\"\n", "schedule: \"@daily\"\n  activeDeadlineSeconds: 60\n");
    let Some(stage) = Stage::new(bed) else { return };
    let mut child = stage.runner().spawn().unwrap();
    let said = |status: &Json| status["targets"][0]["message"].as_str().map(str::to_owned);
    wait_until("what it waits for is told", || said(&stage.status()).is_some());
    let status = stage.status();
    let message = said(&status).unwrap();
    assert!(message.starts_with("waits: the write-ahead log has 7"), "{message}");
    assert!(status["targets"][0].get("outcome").is_none_or(Json::is_null), "{status}");
    // It ends by itself in a minute.
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find(|line| line.contains("waits")).expect("it says nothing");
    assert!(line.starts_with("chats waits: the write-ahead log has 7"), "{line}");
    drop(reader);
    assert!(child.wait().unwrap().success());
    let status = stage.status();
    let target = &status["targets"][0];
    assert_eq!((&target["outcome"], said(&status)), (&json!("Done"), None));
    assert!(target["work"]["throttledSeconds"]["WalSize"].as_f64() > Some(5.0), "{target}");
}

#[test]
fn killed_in_the_middle_the_next_pod_goes_on_under_the_same_clock_and_adds() {
    let Some(stage) = Stage::new(slow()) else { return };
    let mut child = start_slowly(stage.runner());
    wait_until("progress is told", || deleted(&stage.status()) > 0);
    let before = stage.status();
    assert!(before["targets"][0].get("outcome").is_none_or(Json::is_null), "{before}");
    signal(&child, "-KILL");
    child.wait().unwrap();
    let told = stage.status();
    let left = stage.bed.chats().len() as i64;
    assert!(deleted(&told) <= 510 - left, "never more than went");

    let output = stage.run();
    assert_eq!(code(&output), 0, "{output:?}");
    let after = stage.status();
    assert_eq!(after["clock"], told["clock"]);
    assert_eq!(deleted(&after), deleted(&told) + left - 2);
    assert_eq!(stage.bed.chats(), [9, 10]);
    let notes = after["targets"][0]["access"]["notes"].to_string();
    assert!(notes.contains("these are the least that went"), "{notes}");
}

#[test]
fn evicted_in_the_middle_all_is_told_and_the_next_pod_adds_up_to_the_truth() {
    let Some(stage) = Stage::new(slow()) else { return };
    let child = start_slowly(stage.runner());
    wait_until("rows go", || stage.bed.chats().len() < 500);
    signal(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 3, "the Job is to start another: {output:?}");
    let status = stage.status();
    let target = &status["targets"][0];
    assert_eq!((&target["outcome"], &status["exitCode"]), (&json!("Stopped"), &Json::Null));
    assert!(target["message"].as_str().unwrap().contains("drained"), "{target}");
    assert_eq!(deleted(&status), 510 - stage.bed.chats().len() as i64);

    assert_eq!(code(&stage.run()), 0);
    let after = stage.status();
    assert_eq!((deleted(&after), &after["clock"]), (508, &status["clock"]));
    assert_eq!(
        (&after["targets"][0]["tenants"][0]["deleted"], &after["exitCode"]),
        (&json!(508), &json!(0))
    );
    let notes = &after["targets"][0]["access"]["notes"];
    assert!(!notes.to_string().contains("least"), "{notes}");
}

#[test]
fn suspended_in_the_middle_it_says_so_and_goes_on_when_it_may() {
    let Some(stage) = Stage::new(slow()) else { return };
    let child = start_slowly(stage.runner());
    wait_until("rows go", || stage.bed.chats().len() < 510);
    stage.patch(&json!({"spec": {"suspend": true}}));
    signal(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 3, "{output:?}");
    let message = stage.status()["targets"][0]["message"].clone();
    assert_eq!(message, "suspended: set spec.suspend to false to go on");
    stage.patch(&json!({"spec": {"suspend": false}}));
    assert_eq!(code(&stage.run()), 0);
    assert_eq!(deleted(&stage.status()), 508);
}

#[test]
fn deleted_in_the_middle_the_report_is_in_the_log_and_not_with_another_of_the_name() {
    let Some(stage) = Stage::new(slow()) else { return };
    let child = start_slowly(stage.runner());
    wait_until("rows go", || stage.bed.chats().len() < 510);
    stage.delete();
    stage.create();
    signal(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 1, "{output:?}");
    assert_eq!(stage.status(), Json::Null);
    let printed: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(deleted(&printed[0]["status"]), 510 - stage.bed.chats().len() as i64);
    assert!(log(&output).contains("the report is in this log alone"), "{output:?}");
}

#[test]
fn a_statement_that_hangs_does_not_keep_the_process_beyond_25_seconds() {
    let hanging = "exists (select 1 from notes a join notes b on a.chat_id <> b.chat_id where a.created_at + b.created_at = chats.id)";
    let bed = Bed::new()
        .with("\"pinned > 0\"", &format!("\"{hanging}\""))
        .with("lockTimeout: 1s", "lockTimeout: 1s, statementTimeout: 10m");
    let rows = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
                INSERT INTO notes SELECT i, 100 FROM n";
    elsewhere(&bed.database(), rows).unwrap();
    let Some(stage) = Stage::new(bed) else { return };
    let child = start_slowly(stage.runner());
    wait_until("a batch has the lock", || {
        elsewhere(&stage.bed.database(), "BEGIN IMMEDIATE; ROLLBACK").is_err()
    });
    let told = Instant::now();
    signal(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    assert!(told.elapsed() < Duration::from_secs(25), "{:?}", told.elapsed());
    assert_eq!(code(&output), 3, "{output:?}");
    assert_eq!(stage.status()["targets"][0]["outcome"], "Stopped");
    assert_eq!(stage.bed.chats().len(), 10, "the batch is undone");
}

#[test]
fn a_record_that_cannot_be_asked_or_told_of_the_clock_keeps_every_row() {
    let Some(stage) = Stage::new(Bed::new()) else { return };
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let unreached = stage.runner_at(&silent.local_addr().unwrap().to_string()).spawn().unwrap();
    stage.take_right_to_report();
    let untold = stage.run();
    for (output, word) in
        [(unreached.wait_with_output().unwrap(), "no answer"), (untold, "forbidden")]
    {
        assert_eq!(code(&output), 3, "{output:?}");
        let said = log(&output);
        assert!(said.contains(word) && said.contains("nothing was touched"), "{said}");
    }
    assert_eq!(stage.bed.chats().len(), 10);
    assert_eq!(stage.status(), Json::Null);
}

/// A way to the API server that can be cut.
struct Way {
    address: String,
    open: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Way {
    fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let open = Arc::new(Mutex::new(Some(Vec::new())));
        let (server, ours) = (server.to_owned(), Arc::clone(&open));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut ours = ours.lock().unwrap();
                let Some(streams) = ours.as_mut() else { continue };
                let server = TcpStream::connect(&server).unwrap();
                for (mut from, mut to) in [
                    (client.try_clone().unwrap(), server.try_clone().unwrap()),
                    (server.try_clone().unwrap(), client.try_clone().unwrap()),
                ] {
                    std::thread::spawn(move || copy(&mut from, &mut to));
                }
                streams.extend([client, server]);
            }
        });
        Self { address, open }
    }

    fn cut(&self) {
        for stream in self.open.lock().unwrap().take().into_iter().flatten() {
            drop(stream.shutdown(Shutdown::Both));
        }
    }
}

#[test]
fn a_report_that_cannot_be_told_is_in_the_log_and_the_run_is_tried_again() {
    let Some(stage) = Stage::new(slow()) else { return };
    let way = Way::to(&stage.server());
    let child = start_slowly(stage.runner_at(&way.address));
    wait_until("rows go", || stage.bed.chats().len() < 505);
    way.cut();
    signal(&child, "-TERM");
    let output = child.wait_with_output().unwrap();
    assert_eq!(code(&output), 3, "{output:?}");
    assert!(log(&output).contains("the report is in this log alone"), "{output:?}");
    let printed: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(deleted(&printed[0]["status"]), 510 - stage.bed.chats().len() as i64);
    let told = stage.status();
    assert_eq!(told["clock"], printed[0]["status"]["clock"], "told before the first row went");
    let left = stage.bed.chats().len() as i64;
    assert_eq!(code(&stage.run()), 0);
    assert_eq!(deleted(&stage.status()), deleted(&told) + left - 2);
}

/// What an earlier pod told before it was killed.
fn earlier(deleted: i64) -> Json {
    json!({
        "clock": "2026-11-21T00:00:00Z", "dryRun": false,
        "totals": {"deleted": deleted, "updated": 0, "dependents": 0, "files": 0, "held": 0, "overdue": 0},
        "targets": [{
            "name": "chats",
            "rows": {"examined": deleted, "selected": deleted, "deleted": deleted, "updated": 0},
            "kept": {},
        }],
    })
}

#[test]
fn a_cap_holds_for_all_pods_of_a_run_together() {
    for (gone, goes) in [(4, 2), (6, 0), (7, 0)] {
        let capped = "    tenant: {column: org}\n    maxRowsPerRun: 6\n";
        let bed = Bed::new().with("    tenant: {column: org}\n", capped);
        let Some(stage) = Stage::new(bed) else { return };
        stage.apply_status("retention-operator-runner", &earlier(gone));
        assert_eq!(code(&stage.run()), 0);
        let status = stage.status();
        assert_eq!(stage.bed.chats().len(), 10 - goes, "{gone} went before");
        assert_eq!(deleted(&status), gone + goes as i64);
        assert_eq!(status["targets"][0]["outcome"], "CapReached", "{gone} went before");
        assert_eq!(status["totals"]["overdue"], EXPIRED.len() - goes);
    }
}

#[test]
fn a_runs_time_counts_from_its_beginning_and_not_from_the_pods() {
    let bed = Bed::new()
        .with("schedule: \"@daily\"\n", "schedule: \"@daily\"\n  activeDeadlineSeconds: 600\n");
    let Some(stage) = Stage::new(bed) else { return };
    stage.apply_status("retention-operator", &json!({"startTime": "2026-11-21T02:00:05Z"}));
    let output = stage.run();
    assert_eq!(code(&output), 1, "{output:?}");
    assert_eq!(stage.status()["targets"][0]["outcome"], "DeadlineExceeded");
    assert_eq!(stage.bed.chats().len(), 10);
}
