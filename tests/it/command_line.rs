//! The command line: what it reads, what it prints where, and how it ends.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use crate::bed::{Bed, NOW, elsewhere};

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_retention-operator"));
    command.stdin(Stdio::null());
    command
}

fn run(bed: &Bed, arguments: &[&str]) -> Output {
    let mut command = program();
    command.arg("run").args(["-f", &bed.folder().join("manifest.yaml").display().to_string()]);
    command.args(["--root", &bed.folder().display().to_string()]);
    if !arguments.contains(&"--now") {
        command.args(["--now", NOW, "--allow-future-now"]);
    }
    command.args(arguments).output().unwrap()
}

fn json(output: &Output) -> Json {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn the_report_is_an_array_of_purge_runs_on_standard_output_and_nothing_else_is_there() {
    let bed = Bed::new();
    let output = run(&bed, &["-o", "json"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let report = json(&output);
    assert_eq!(report[0]["apiVersion"], "retention-operator.io/v1alpha1");
    assert_eq!(report[0]["kind"], "PurgeRun");
    assert_eq!(report[0]["spec"]["policyRef"]["name"], "chats");
    assert_eq!(report[0]["status"]["clock"], NOW);
    assert_eq!(report[0]["status"]["totals"]["deleted"], 8);
    assert_eq!(report[0]["status"]["totals"]["dependents"], 16);
    assert_eq!(report[0]["status"]["targets"][0]["outcome"], "Done");
}

#[test]
fn a_folder_for_a_connection_that_is_not_there_is_refused() {
    let bed = Bed::new();
    let root = format!("ap={}", bed.folder().display());
    let output = run(&bed, &["-o", "json", "--root", &root]);
    assert_eq!(code(&output), 2);
    assert_eq!(json(&output)[0]["field"], "--root");
    assert_eq!(json(&output)[0]["write"], "write one of app, or --root DIR");
    assert_eq!(bed.chats().len(), 10);
}

#[test]
fn a_refusal_always_says_what_to_write() {
    let bed = Bed::new();
    let output = run(&bed, &["-o", "json", "--target", "chat"]);
    assert_eq!(json(&output)[0]["write"], "write one of chats");
    std::fs::write(bed.database(), "").unwrap();
    for more in ["-wal", "-shm"] {
        drop(std::fs::remove_file(format!("{}{more}", bed.database().display())));
    }
    let output = run(&bed, &["-o", "json"]);
    assert_eq!(json(&output)[0]["write"], "name another file: this one has no tables");
}

#[test]
fn a_dry_run_leaves_every_byte() {
    let bed = Bed::new();
    let before = std::fs::read(bed.database()).unwrap();
    let output = run(&bed, &["--dry-run", "-o", "json"]);
    assert_eq!(json(&output)[0]["status"]["totals"]["deleted"], 8);
    assert_eq!(json(&output)[0]["status"]["dryRun"], true);
    assert_eq!(std::fs::read(bed.database()).unwrap(), before);
}

#[test]
fn manifests_come_from_standard_input_and_from_folders() {
    let bed = Bed::new();
    let text = std::fs::read(bed.folder().join("manifest.yaml")).unwrap();
    let mut child = program()
        .args([
            "run",
            "-f",
            "-",
            "--dry-run",
            "-o",
            "json",
            "--root",
            &bed.folder().display().to_string(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&text).unwrap();
    assert_eq!(code(&child.wait_with_output().unwrap()), 0);
    let folder = program()
        .args(["run", "-f", &bed.folder().display().to_string(), "--dry-run"])
        .args(["--root", &format!("app={}", bed.folder().display())])
        .output()
        .unwrap();
    assert_eq!(code(&folder), 0, "{folder:?}");
}

#[test]
fn flags_and_purge_runs_narrow_a_run_and_never_widen_it() {
    let narrowed = |arguments: &[&str]| {
        let bed = Bed::new();
        elsewhere(&bed.database(), "UPDATE chats SET org = 'other' WHERE id IN (2, 4)").unwrap();
        let output = run(&bed, arguments);
        (code(&output), bed.chats())
    };
    assert_eq!(narrowed(&["--tenant", "other"]), (0, vec![1, 3, 5, 6, 7, 8, 9, 10]));
    assert_eq!(
        narrowed(&["--tenant", "globex"]).1.len(),
        10,
        "narrowed to whom nothing is taken from"
    );
    assert_eq!(narrowed(&["--tenant", "nobody"]).1.len(), 10);
    let misspelled = run(&Bed::new(), &["--tenant", "amce"]);
    assert!(String::from_utf8_lossy(&misspelled.stdout).contains("no row has the tenant amce"));
    assert_eq!(narrowed(&["--target", "chats", "--policy", "chats"]), (0, vec![9, 10]));
    assert_eq!(narrowed(&["--target", "chat"]).0, 2);
    assert_eq!(narrowed(&["--policy", "chat"]).0, 2);

    let bed = Bed::new();
    elsewhere(&bed.database(), "UPDATE chats SET org = 'other' WHERE id IN (2, 4)").unwrap();
    let order = "apiVersion: retention-operator.io/v1alpha1\nkind: PurgeRun\nmetadata: {generateName: chats-}\n\
                 spec: {policyRef: {name: chats}, tenants: [other]}\n";
    std::fs::write(bed.folder().join("run.yaml"), order).unwrap();
    let file = bed.folder().join("run.yaml").display().to_string();
    let both = run(&bed, &["-f", &file, "--tenant", "acme"]);
    assert_eq!(
        (code(&both), bed.chats().len()),
        (0, 10),
        "two narrowings that exclude each other leave nothing"
    );
    assert_eq!(code(&run(&bed, &["-f", &file])), 0);
    assert_eq!(bed.chats(), [1, 3, 5, 6, 7, 8, 9, 10]);
}

#[test]
fn a_clock_in_the_future_is_refused_unless_nothing_goes_or_it_is_meant() {
    let bed = Bed::new();
    let future = run(&bed, &["--now", "2999-01-01T00:00:00Z"]);
    assert_eq!(code(&future), 2);
    assert!(String::from_utf8_lossy(&future.stderr).contains("--allow-future-now"), "{future:?}");
    assert_eq!(bed.chats().len(), 10);
    assert_eq!(code(&run(&bed, &["--now", "2999-01-01T00:00:00Z", "--dry-run"])), 0);
    assert_eq!(code(&run(&bed, &["--now", "2999-01-01T00:00:00Z", "--allow-future-now"])), 0);
    assert_eq!(bed.chats(), [10], "all but those of the tenant that keeps for ever");
}

#[test]
fn validate_touches_nothing_and_needs_no_database() {
    let validate = |file: &Path| {
        program().args(["validate", "-f", &file.display().to_string()]).output().unwrap()
    };
    let bed = Bed::new();
    std::fs::remove_file(bed.database()).unwrap();
    assert_eq!(code(&validate(bed.folder())), 0);
    let bed = bed.with("exemptions:", "exemption:");
    let output = validate(bed.folder());
    assert_eq!(code(&output), 2);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("RetentionPolicy/chats: spec.targets[chats].exemption: unknown field"),
        "{said}"
    );
}

#[test]
fn a_policy_alone_is_valid_in_the_sql_of_any_engine() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    let validate = |conditions: &[&str]| {
        let policies = conditions.iter().enumerate().map(|(at, condition)| {
            format!(
                "apiVersion: retention-operator.io/v1alpha1
kind: RetentionPolicy
metadata: {{name: policy-{at}}}
spec:
  connectionRef: {{name: connection-{at}}}
  schedule: \"@daily\"
  window: {{default: 30d}}
  targets: [{{name: t, table: t, action: Delete, age: {{column: at}}, where: {condition:?}}}]
---
"
            )
        });
        std::fs::write(&file, policies.collect::<String>()).unwrap();
        let output = program().args(["validate", "-f"]).arg(&file).output().unwrap();
        (code(&output), String::from_utf8(output.stderr).unwrap())
    };
    let postgres = "meta ->> 'kind' = any (array['a', 'b']) and id::text like '1%'";
    let sqlite = "typeof(name) = 'text'";
    let (exit, said) = validate(&[postgres, sqlite]);
    assert_eq!(exit, 0, "{said}");
    assert!(said.contains("connection-0 is not among the files"), "{said}");
    assert_eq!(said.matches("note:").count(), 2, "{said}");
    let (exit, said) = validate(&[postgres, "pg_sleep(1) is null"]);
    assert_eq!((exit, said.matches("RetentionPolicy/policy-1").count()), (2, 1), "{said}");
}

#[test]
fn an_unknown_tenant_is_kept_whole_named_and_makes_the_run_end_with_1() {
    let bed = Bed::new().with(
        "window: {default: 30d, tenants: [{name: globex, window: Forever}]}",
        "window: {default: 30d, sources: [{name: map, unit: Days, configMap: {name: absent}}]}",
    );
    let output = run(&bed, &["-o", "json"]);
    assert_eq!((code(&output), bed.chats().len()), (1, 10));
    let unknown = &json(&output)[0]["status"]["targets"][0]["unknownTenants"];
    assert_eq!(unknown.as_array().unwrap().len(), 2, "{unknown}");
    assert_eq!(unknown[0]["reason"], "SourceFailed");
}

#[test]
fn a_mounted_config_map_of_windows_is_read_and_one_that_is_not_there_keeps_its_tenants() {
    use std::os::unix::fs::symlink;
    let of_map = |map: &str, write: &dyn Fn(&Path)| {
        let bed = Bed::new().with(
            "window: {default: 30d, tenants: [{name: globex, window: Forever}]}",
            "window: {default: 30d, sources: [{name: map, configMap: {name: windows}}]}",
        );
        let mount = bed.folder().join("mount");
        std::fs::create_dir(&mount).unwrap();
        write(&mount);
        let output = run(&bed, &["--config-map", &format!("{map}={}", mount.display())]);
        (code(&output), bed.chats())
    };
    let kubelets = |mount: &Path| {
        std::fs::create_dir(mount.join("..1")).unwrap();
        symlink("..1", mount.join("..data")).unwrap();
        for (tenant, window) in [("globex", "Forever\n"), ("acme", "1000y")] {
            std::fs::write(mount.join("..1").join(tenant), window).unwrap();
            symlink(Path::new("..data").join(tenant), mount.join(tenant)).unwrap();
        }
    };
    assert_eq!(of_map("windows", &kubelets), (0, (1..=10).collect()));
    let one = |mount: &Path| std::fs::write(mount.join("globex"), "Forever").unwrap();
    assert_eq!(of_map("windows", &one), (0, vec![9, 10]), "acme is silent there");
    let all: Vec<i64> = (1..=10).collect();
    assert_eq!(of_map("windows", &|_| ()), (1, all.clone()), "empty: the mount is optional");
    assert_eq!(of_map("windows", &|mount| std::fs::remove_dir(mount).unwrap()), (1, all.clone()));
    assert_eq!(of_map("other", &one), (1, all.clone()), "not the map that the policy names");
    let garbled = |mount: &Path| std::fs::write(mount.join("acme"), b"\xff\xfe").unwrap();
    assert_eq!(of_map("windows", &garbled), (1, (1..=9).collect()), "no text is no silence");
    let dangling = |mount: &Path| {
        one(mount);
        symlink("..data/acme", mount.join("acme")).unwrap();
    };
    assert_eq!(of_map("windows", &dangling), (1, all), "half a map is none");
}

#[test]
fn other_orders_than_those_of_the_digest_are_not_even_read() {
    let bed = Bed::new().with("exemptions:", "exemption:");
    let manifest = std::fs::read_to_string(bed.folder().join("manifest.yaml")).unwrap();
    let output = run(&bed, &["-o", "json", "--orders", "sha256:00"]);
    assert_eq!((code(&output), &json(&output)[0]["field"]), (2, &Json::from("--orders")));
    let mut sum =
        Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let text = format!("manifest.yaml\n{}\n{manifest}", manifest.len());
    sum.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let sum = String::from_utf8(sum.wait_with_output().unwrap().stdout).unwrap();
    let digest = format!("sha256:{}", sum.split(' ').next().unwrap());
    let output = run(&bed, &["-o", "json", "--orders", &digest]);
    assert_eq!(json(&output)[0]["field"], "spec.targets[chats].exemption", "read, and refused");
}

/// A run of 500 rows that rests ninety-nine times as long as it works.
fn slow() -> Bed {
    let bed = Bed::new().with("dutyCyclePercent: 100", "dutyCyclePercent: 1");
    let rows = "WITH RECURSIVE n (i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
                INSERT INTO chats (id, org, updated_at) SELECT i, 'acme', 1700000000 + i FROM n";
    elsewhere(&bed.database(), rows).unwrap();
    bed
}

#[test]
fn a_run_whose_time_is_up_ends_its_batch_and_tells_why() {
    let bed =
        slow().with("schedule: \"@daily\"\n", "schedule: \"@daily\"\n  activeDeadlineSeconds: 1\n");
    let mut command = program();
    command.env("RETENTION_OPERATOR_BATCH_ROWS", "1").arg("run").args([
        "-o",
        "json",
        "--now",
        NOW,
        "--allow-future-now",
    ]);
    let output = command
        .args([
            "-f",
            &bed.folder().display().to_string(),
            "--root",
            &bed.folder().display().to_string(),
        ])
        .output()
        .unwrap();
    let target = &json(&output)[0]["status"]["targets"][0];
    assert_eq!(
        (code(&output), &target["outcome"]),
        (1, &Json::from("DeadlineExceeded")),
        "{target}"
    );
    assert_eq!(target["overdue"]["atLeast"], true);
    assert_eq!(bed.chats().len() as i64, 510 - target["rows"]["deleted"].as_i64().unwrap());
}

#[test]
fn sigterm_ends_the_batch_and_the_report_says_stopped() {
    let bed = slow();
    let child = program()
        .env("RETENTION_OPERATOR_BATCH_ROWS", "1")
        .args([
            "run",
            "-o",
            "json",
            "--now",
            NOW,
            "--allow-future-now",
            "-f",
            &bed.folder().display().to_string(),
        ])
        .args(["--root", &bed.folder().display().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while bed.chats().len() == 510 {
        assert!(Instant::now() < deadline, "no row went");
        std::thread::yield_now();
    }
    assert!(
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success()
    );
    let output = child.wait_with_output().unwrap();
    let target = &json(&output)[0]["status"]["targets"][0];
    assert_eq!((code(&output), &target["outcome"]), (1, &Json::from("Stopped")), "{target}");
    assert_eq!(
        bed.chats().len() as i64,
        510 - target["rows"]["deleted"].as_i64().unwrap(),
        "what went is what is told"
    );
}
