//! What logs in to a server, from Secrets and variables to the login: read, judged, and never shown.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

const CONNECTION: &str = r#"
apiVersion: retention-operator.io/v1alpha1
kind: DatabaseConnection
metadata: {name: app}
spec:
  postgres: {secretKeyRef: {name: app, key: uri}, caSecretKeyRef: {name: app, key: ca}}
  allow: [{tables: ["*"], actions: [Delete]}]
---
apiVersion: retention-operator.io/v1alpha1
kind: RetentionPolicy
metadata: {name: chats}
spec:
  connectionRef: {name: app}
  schedule: "@daily"
  window: {default: 30d}
  targets: [{name: chats, table: chats, action: Delete, age: {column: updated_at}}]
"#;

/// With a parameter that nobody knows: what was read of it shows in the refusal.
const URL: &str = "postgresql://app:hunter2@db/app?colour=blue";

fn manifest(more: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("manifest.yaml");
    std::fs::write(&file, format!("{CONNECTION}---\n{more}")).unwrap();
    (folder, file)
}

fn program(command: &str, file: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_retention-operator"));
    program.args([command, "-f", &file.display().to_string()]);
    program
}

/// The exit code, and all that was said.
fn said(output: &Output) -> (i32, String) {
    let said = [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat();
    assert!(!said.contains("hunter2") && !said.contains("aHVudGVyM"), "{said}");
    (output.status.code().unwrap(), said)
}

#[test]
fn a_variable_hands_a_key_of_a_secret_over() {
    let (_folder, file) = manifest("");
    let mut run = program("run", &file);
    run.args(["--secret", "app/uri=URI", "--secret", "app/ca=CA", "-o", "json"]);
    run.env("URI", URL).env("CA", "hunter2");
    let (code, told) = said(&run.output().unwrap());
    assert!(code == 2 && told.contains("the URL has a parameter colour"), "{told}");
    // Once it is mended, it is the other key's turn.
    run.env("URI", "postgresql://app:hunter2@db/app");
    let (code, told) = said(&run.output().unwrap());
    assert!(code == 2 && told.contains("spec.postgres.caSecretKeyRef"), "{told}");
    run.env_remove("CA");
    let (code, told) = said(&run.output().unwrap());
    assert!(code == 2 && told.contains("app/ca: there is no variable CA"), "{told}");
    assert!(!told.contains("DatabaseConnection"), "told once: {told}");
}

#[test]
fn a_variable_that_holds_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let (_folder, file) = manifest("");
    let mut run = program("run", &file);
    run.args(["--secret", "app/uri=URI", "--secret", "app/ca=URI"]);
    run.env("URI", std::ffi::OsStr::from_bytes(b"postgresql://app:hunter2\xff@db/app"));
    let (code, told) = said(&run.output().unwrap());
    assert!(code == 2 && told.contains("is no text in UTF-8"), "{told}");
}

#[test]
fn a_flag_of_another_form_is_refused() {
    let (_folder, file) = manifest("");
    for flag in ["uri=URI", "app/uri", "/uri=URI", "app/=URI", "app/uri="] {
        let (code, told) = said(&program("run", &file).args(["--secret", flag]).output().unwrap());
        assert!(code == 2 && told.contains("write NAME/KEY=VARIABLE"), "{told}");
    }
}

#[test]
fn without_its_secret_a_connection_is_valid_with_a_note() {
    let (_folder, file) = manifest("");
    let (code, told) = said(&program("validate", &file).output().unwrap());
    let note =
        "note: Secret/app is not among the files: what it says of the database is not checked";
    assert!(code == 0 && told.contains(note) && told.matches("note:").count() == 1, "{told}");
}

#[test]
fn a_secret_among_the_files_is_checked_by_validate() {
    let secret = format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: app}}\nstringData: {{uri: \"{URL}\", ca: aHVudGVyMg}}\n"
    );
    let (_folder, file) = manifest(&secret);
    let (code, told) = said(&program("validate", &file).output().unwrap());
    assert!(code == 2 && told.contains("the URL has a parameter colour"), "{told}");
}

#[test]
fn a_secret_that_nobody_names_is_noted_and_may_hold_anything() {
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: other}\ndata: {uri: hunter2, port: 5432}\n";
    let (_folder, file) = manifest(secret);
    let (code, told) = said(&program("validate", &file).output().unwrap());
    assert!(
        code == 0 && told.contains("Secret/other: no connection here names it: ignored"),
        "{told}"
    );
}

#[test]
fn what_the_environment_would_add_to_a_login_is_refused() {
    let (_folder, file) = manifest("");
    let mut run = program("run", &file);
    run.args(["--secret", "app/uri=URI"]).env("URI", "postgresql://app:hunter2@db/app");
    run.env("PGOPTIONS", "-c session_replication_role=replica");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(", caSecretKeyRef: {name: app, key: ca}", "")).unwrap();
    let (code, told) = said(&run.output().unwrap());
    assert!(code == 2 && told.contains("unset PGOPTIONS"), "{told}");
}
