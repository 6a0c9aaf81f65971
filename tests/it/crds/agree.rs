//! What the server, `validate`, the examples and the documentation say of one manifest.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{DRY, defined, documents, files, kubectl, root, succeeded, told};

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
const ONLY_THE_SERVERS: [&str; 13] = [
    // Without a cluster no volume is mounted: --root stands for it.
    "a-file-without-a-volume",
    "a-mount-path-that-is-relative",
    "a-mount-path-without-a-volume",
    "a-volume-of-no-kind",
    // Here `on`, `no` and `y` are names, as in YAML 1.2; kubectl makes booleans of them.
    "a-boolean-for-a-column",
    "a-boolean-for-a-column-of-a-dependent",
    // Whether they are missing depends on the column's type: the plan refuses what the server refuses.
    "a-text-without-a-time-zone",
    "the-newest-with-a-zone-and-no-encoding",
    // They are about what is in the cluster already.
    "a-dry-run-that-would-become-real",
    "a-run-that-would-lose-all-tenants",
    "a-run-that-would-lose-more-tenants",
    // Kubernetes' own types, which a pod's fields are read by, let unknown ones pass.
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
    let Some(server) = defined() else { return };
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
    let Some(server) = defined() else { return };
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
    let Some(server) = defined() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for document in ["README.md", "docs/cluster.md", "docs/reference.md", "docs/semantics.md"] {
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
    assert!(count >= 3, "only {count} objects");
    let applied = kubectl(server, &DRY, &[folder.path()]);
    assert_eq!(told(&applied), "");
    assert_eq!(succeeded(&applied).lines().count(), count);
}
