//! What a real API server accepts and refuses, and what `kubectl` shows.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use serde_json::{Value, json};

use super::{crds, documents, files, root};

pub struct ControlPlane {
    dir: PathBuf,
}
impl ControlPlane {
    fn start() -> Option<&'static ControlPlane> {
        static ONE: OnceLock<ControlPlane> = OnceLock::new();
        Some(ONE.get_or_init(|| ControlPlane { dir: "/tmp/h/cp-crds".into() }))
    }
    fn kubectl(&self) -> Command {
        let mut command = Command::new("/tmp/h/bin/kubectl");
        command.arg("--kubeconfig").arg(self.dir.join("kubeconfig"));
        command
    }
}

/// A server that has the committed definitions.
fn server() -> Option<&'static ControlPlane> {
    static READY: OnceLock<()> = OnceLock::new();
    let server = ControlPlane::start()?;
    READY.get_or_init(|| {
        let crds = root().join("crds");
        let applied = kubectl(server, &["apply", "--server-side", "-f"], &[&crds]);
        assert_eq!(warnings(&applied), "", "the server has something to say of the definitions");
        succeeded(&applied);
        let wait = ["wait", "--for=condition=Established", "--timeout=60s", "-f"];
        succeeded(&kubectl(server, &wait, &[&crds]));
    });
    Some(server)
}

fn kubectl(server: &ControlPlane, arguments: &[&str], paths: &[&Path]) -> Output {
    server.kubectl().args(arguments).args(paths).output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn warnings(output: &Output) -> String {
    told(output).lines().filter(|line| line.starts_with("Warning")).collect()
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", told(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

const DRY: [&str; 4] = ["apply", "--server-side", "--dry-run=server", "-f"];

#[test]
fn what_uses_every_field_is_accepted() {
    let Some(server) = server() else { return };
    let applied = kubectl(server, &DRY, &[&root().join("tests/crds/accepted")]);
    assert_eq!(told(&applied), "");
    assert_eq!(succeeded(&applied).lines().count(), 10);
}

#[test]
fn every_fault_is_refused_with_a_remedy_that_the_server_takes() {
    let Some(server) = server() else { return };
    let cases: Vec<PathBuf> = files("tests/crds/refused").into_iter().collect();
    let next = AtomicUsize::new(0);
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(fault) = check(server, case) {
                        faults.lock().unwrap().push(format!("{}: {fault}", case.display()));
                    }
                }
            });
        }
    });
    let mut faults = faults.into_inner().unwrap();
    faults.sort();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n\n"));
}

fn check(server: &ControlPlane, case: &Path) -> Result<(), String> {
    let mut namespace = "default".to_owned();
    if case.join("created.yaml").exists() {
        namespace = case.file_name().unwrap().to_string_lossy().into_owned();
        succeeded(&kubectl(server, &["create", "namespace", &namespace], &[]));
        let create = ["apply", "--server-side", "--namespace", &namespace, "-f"];
        succeeded(&kubectl(server, &create, &[&case.join("created.yaml")]));
    }
    let apply = |file: &str| {
        let owned = ["--force-conflicts", "--namespace", &namespace, "-f"];
        kubectl(server, &[&DRY[..3], &owned].concat(), &[&case.join(file)])
    };
    let said = apply("manifest.yaml");
    if said.status.success() {
        return Err("not refused".to_owned());
    }
    let said = told(&said);
    let expected = case.join("expected.txt");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&expected, &said).unwrap();
    }
    let expected = fs::read_to_string(expected).unwrap_or_default();
    if said != expected {
        return Err(format!("expected\n{expected}and not\n{said}"));
    }
    let fixed = apply("fixed.yaml");
    let fixed = (fixed.status.success(), told(&fixed));
    if fixed != (true, String::new()) {
        return Err(format!("the remedy does not help\n{}", fixed.1));
    }
    Ok(())
}

/// What stands beside a manifest when `validate` reads it.
fn beside(documents: &[Value]) -> Vec<PathBuf> {
    let has = |kind: &str| documents.iter().any(|document| document["kind"] == kind);
    let folder = root().join("tests/crds/beside");
    let kinds = [("RetentionPolicy", "policy.yaml"), ("DatabaseConnection", "connection.yaml")];
    kinds.iter().filter(|(kind, _)| !has(kind)).map(|(_, file)| folder.join(file)).collect()
}

/// The reasons for which `validate` refuses a file.
fn validated(file: &Path) -> BTreeSet<String> {
    let mut validate = assert_cmd::Command::cargo_bin("retention-operator").unwrap();
    validate.args(["validate", "-o", "json", "-f"]).arg(file);
    for other in beside(&documents(&fs::read_to_string(file).unwrap())) {
        validate.arg("-f").arg(other);
    }
    let said = validate.output().unwrap();
    let refusals: Vec<Value> = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(refusals.is_empty(), said.status.success(), "{said:?}");
    refusals.iter().map(|refusal| refusal["reason"].as_str().unwrap().to_owned()).collect()
}

/// Faults that only the server knows, and why `validate` does not.
const ONLY_THE_SERVERS: [&str; 14] = [
    // Without a cluster no volume is mounted: --root stands for it.
    "a-file-without-a-volume",
    "a-mount-path-that-is-relative",
    "a-volume-of-no-kind",
    // Here `on`, `no` and `y` are names, as in YAML 1.2; kubectl makes booleans of them.
    "a-boolean-for-a-column",
    "a-boolean-for-a-column-of-a-dependent",
    // Whether they are missing depends on the column's type: the plan refuses what the server refuses.
    "a-text-without-a-time-zone",
    "the-newest-with-a-zone-and-no-encoding",
    // They are about what is in the cluster already.
    "a-dry-run-that-would-become-real",
    "a-run-of-another-policy",
    "a-run-that-would-do-more-targets",
    "a-run-that-would-lose-all-tenants",
    "a-run-that-would-lose-more-tenants",
    // The server reads a pod's fields as it reads a pod's.
    "a-pod-with-a-misspelled-field",
    // A name that stands twice narrows a run as once.
    "a-tenant-named-twice",
];

#[test]
fn the_server_and_validate_refuse_the_same_faults() {
    let refused: BTreeSet<PathBuf> = files("tests/crds/refused");
    let mut differ = Vec::new();
    for case in &refused {
        let name = case.file_name().unwrap().to_str().unwrap();
        let by_validate = !validated(&case.join("manifest.yaml")).is_empty();
        if by_validate == ONLY_THE_SERVERS.contains(&name) {
            differ.push(format!("{name}: validate refuses it: {by_validate}"));
        }
        let mut reasons = validated(&case.join("fixed.yaml"));
        reasons.remove("NotSupported");
        if !reasons.is_empty() {
            differ.push(format!("{name}: validate refuses what is fixed: {reasons:?}"));
        }
    }
    assert!(differ.is_empty(), "\n{}\n", differ.join("\n"));
}

/// What `run` takes after its remedies, the server takes too.
#[test]
fn policies_and_runs_that_run_accepts_are_accepted_by_the_server() {
    let Some(server) = server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for case in files("tests/refused") {
        let fixed = fs::read_to_string(case.join("fixed.yaml")).unwrap_or_default();
        for mut document in documents(&fixed) {
            if let Some(metadata) = document["metadata"].as_object_mut() {
                metadata.remove("namespace");
            }
            if ["RetentionPolicy", "PurgeRun"].iter().any(|kind| document["kind"] == *kind) {
                let name = format!("{count}-{}.json", case.file_name().unwrap().to_str().unwrap());
                fs::write(folder.path().join(name), document.to_string()).unwrap();
                count += 1;
            }
        }
    }
    assert!(count > 100, "only {count} documents");
    let applied = kubectl(server, &DRY, &[folder.path()]);
    assert_eq!(told(&applied), "");
    assert_eq!(succeeded(&applied).lines().count(), count);
}

#[test]
fn every_example_is_accepted() {
    let Some(server) = server() else { return };
    let mut count = 0;
    for folder in files("examples") {
        for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|extension| extension == "yaml") {
                let applied = kubectl(server, &DRY, &[&file]);
                assert_eq!(told(&applied), "", "{}", file.display());
                count += 1;
            }
        }
    }
    assert!(count >= 3, "only {count} files");
}

/// Whole objects as they stand, and lists of targets in a policy that has a window.
#[test]
fn every_manifest_in_the_documentation_is_accepted() {
    let Some(server) = server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for document in ["README.md", "docs/reference.md", "docs/semantics.md"] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        for block in text.split("```yaml\n").skip(1) {
            let block = block.split("```").next().unwrap();
            let mut objects = documents(block);
            if objects[0].get("targets").is_some() {
                let window = json!({"default": "30d"});
                let mut spec = json!({"connectionRef": {"name": "app"}, "schedule": "@daily", "window": window});
                spec["targets"] = objects[0]["targets"].take();
                objects[0] = json!({
                    "apiVersion": "retention-operator.io/v1alpha1",
                    "kind": "RetentionPolicy",
                    "metadata": {"name": "of-the-documentation"},
                    "spec": spec,
                });
            }
            for object in objects {
                fs::write(folder.path().join(format!("{count}.json")), object.to_string()).unwrap();
                count += 1;
            }
        }
    }
    assert!(count >= 2, "only {count} objects");
    let applied = kubectl(server, &DRY, &[folder.path()]);
    assert_eq!(told(&applied), "");
    assert_eq!(succeeded(&applied).lines().count(), count);
}

#[test]
fn a_policy_may_be_as_large_as_it_is_documented_and_no_larger() {
    let Some(server) = server() else { return };
    let path = root().join("tests/crds/accepted/every-field-of-a-policy.yaml");
    let policy = documents(&fs::read_to_string(path).unwrap()).remove(0);
    let target = |name: usize, dependents: usize| {
        let name_of = |at: usize| if at == 0 { "messages".to_owned() } else { format!("d{at}") };
        let dependent = |at: usize| {
            let mut dependent =
                json!({"name": name_of(at), "table": "t", "references": {"a": "b"}});
            if at > 0 {
                dependent["of"] = json!(name_of(at - 1));
            }
            dependent
        };
        let mut target = policy["spec"]["targets"][0].clone();
        target["name"] = json!(format!("t{name}"));
        target["dependents"] = (0..dependents).map(dependent).collect();
        target
    };
    let sized = |tenants: usize, targets: usize, dependents: usize| {
        let mut policy = policy.clone();
        let tenant = |at| json!({"name": format!("tenant-{at}"), "window": "365d"});
        policy["spec"]["window"]["tenants"] = (0..tenants).map(tenant).collect();
        policy["spec"]["targets"] = (0..targets).map(|at| target(at, dependents)).collect();
        policy
    };
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    let applied = |policy: &Value| {
        fs::write(file.path(), policy.to_string()).unwrap();
        told(&kubectl(server, &DRY, &[file.path()]))
    };
    assert_eq!(applied(&sized(1000, 32, 32)), "");
    for (tenants, targets, dependents, most) in [
        (1001, 1, 1, "tenants: Too many: 1001: must have at most 1000"),
        (1, 33, 1, "33"),
        (1, 1, 33, "33"),
    ] {
        let said = applied(&sized(tenants, targets, dependents));
        assert!(said.contains("Too many") && said.contains(most), "{said}");
    }
}

#[test]
fn explain_describes_every_field() {
    let Some(server) = server() else { return };
    for crd in crds() {
        let kind = crd["spec"]["names"]["singular"].as_str().unwrap();
        let all = succeeded(&kubectl(server, &["explain", kind, "--recursive"], &[]));
        assert!(!all.contains("<no value>"), "{all}");
        for part in ["spec", "status"] {
            let said = succeeded(&kubectl(server, &["explain", &format!("{kind}.{part}")], &[]));
            assert!(!said.contains("<empty>") && !said.contains("<no description>"), "{said}");
        }
    }
    let said = succeeded(&kubectl(server, &["explain", "rp.spec.concurrencyPolicy"], &[]));
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let word = "ENUM: Forbid Replace DESCRIPTION: Default Forbid. What happens when a run is due while another";
    assert!(said.contains(word), "{said}");
}

#[test]
fn get_shows_what_an_operator_asks_first() {
    let Some(server) = server() else { return };
    succeeded(&kubectl(server, &["create", "namespace", "shown"], &[]));
    let ready = json!({"type": "Ready", "status": "False", "reason": "RunFailed", "message": "see the run",
                       "lastTransitionTime": "2026-11-21T02:00:00Z"});
    let failed = json!({"type": "Failed", "status": "True", "reason": "Refused", "message": "mend the manifest",
                        "lastTransitionTime": "2026-11-21T02:00:00Z"});
    let totals =
        json!({"deleted": 7, "updated": 3, "dependents": 0, "files": 0, "held": 2, "overdue": 5});
    let statuses = [
        (
            "dbconn",
            "app",
            json!({"conditions": [ready], "lastRun": {"name": "r", "time": "2026-11-21T02:00:00Z"}}),
        ),
        (
            "rp",
            "old-chats",
            json!({"conditions": [ready], "deletedTotal": 812, "overdue": {"rows": 4},
            "nextScheduleTime": "2026-11-22T02:00:00Z", "lastRun": {"name": "r", "completionTime": "2026-11-21T02:00:00Z"}}),
        ),
        ("prun", "by-hand", json!({"conditions": [failed], "dryRun": true, "totals": totals})),
    ];
    let objects = "tests/crds/beside/connection.yaml tests/crds/beside/policy.yaml tests/crds/refused/a-run-of-another-policy/created.yaml";
    for file in objects.split(' ') {
        let create = ["create", "--namespace", "shown", "-f"];
        succeeded(&kubectl(server, &create, &[&root().join(file)]));
    }
    for (kind, name, status) in statuses {
        let patch = json!({"status": status}).to_string();
        let patch = [
            "patch",
            kind,
            name,
            "-n",
            "shown",
            "--subresource=status",
            "--type=merge",
            "-p",
            &patch,
        ];
        succeeded(&kubectl(server, &patch, &[]));
    }
    // Ages depend on the moment, so their cells are left out.
    let shown = |arguments: &[&str]| {
        let all = [&["get", "-n", "shown"], arguments].concat();
        let table = succeeded(&kubectl(server, &all, &[]));
        let age = |word: &str| {
            word.ends_with(['s', 'm', 'h', 'd', 'y']) && word.as_bytes()[0].is_ascii_digit()
        };
        let words = table.split_whitespace().filter(|word| !age(word)).collect::<Vec<_>>();
        words.join(" ")
    };
    assert_eq!(
        shown(&["retentionpolicies"]),
        "NAME CONNECTION SCHEDULE READY LAST RUN DELETED OVERDUE NEXT RUN AGE \
         old-chats app 0 2 * * * False 812 4 2026-11-22T02:00:00Z"
    );
    assert_eq!(
        shown(&["prun"]),
        "NAME POLICY STATUS DRY RUN DELETED OVERDUE AGE by-hand old-chats Failed true 7 5"
    );
    assert_eq!(
        shown(&["prun", "-o", "wide"]),
        "NAME POLICY STATUS DRY RUN DELETED UPDATED HELD OVERDUE STARTED AGE REASON MESSAGE \
         by-hand old-chats Failed true 7 3 2 5 Refused mend the manifest"
    );
    assert_eq!(
        shown(&["dbconn", "-o", "wide"]),
        "NAME READY LAST RUN AGE REASON MESSAGE app False RunFailed see the run"
    );
    let all = shown(&["retention", "-o", "name"]);
    let of = |kind: &str| format!("{kind}.retention-operator.io/");
    for kind in ["databaseconnection", "retentionpolicy", "purgerun"] {
        assert!(all.contains(&of(kind)), "{all}");
    }
    for (field, kind) in
        [(".spec.policyRef.name=old-chats", "prun"), (".spec.connectionRef.name=app", "rp")]
    {
        let field = field.trim_start_matches('.');
        let found = shown(&[kind, "-o", "name", "--field-selector", field]);
        assert_eq!(found.split(' ').count(), 1, "{kind}: {found}");
        assert!(!found.is_empty(), "{kind} by {field}");
    }
}
