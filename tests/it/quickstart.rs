//! The quickstart as a newcomer meets it: the steps of `examples/quickstart/run`, and what the README says of them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The example that `cargo test` has built beside this test.
pub fn application() -> PathBuf {
    let test = env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let example = folder.join("examples/quickstart");
    assert!(
        example.exists(),
        "{} is not built: cargo build --example quickstart",
        example.display()
    );
    example
}

fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let said = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{command:?}: {said}");
    String::from_utf8(stdout).unwrap()
}

fn make(folder: &TempDir) -> String {
    succeed(Command::new(application()).arg(folder.path().join("app.db")))
}

fn show(folder: &TempDir) -> String {
    succeed(Command::new(application()).arg("show").arg(folder.path().join("app.db")))
}

fn run(folder: &TempDir, flags: &[&str]) -> String {
    succeed(
        Command::new(env!("CARGO_BIN_EXE_retention-operator"))
            .args(["run", "-f"])
            .arg(root().join("examples/quickstart/manifest.yaml"))
            .arg("--root")
            .arg(folder.path())
            .args(flags),
    )
}

/// What the run tells of its one target, without what depends on the machine's speed.
fn status(folder: &TempDir, flags: &[&str]) -> Value {
    let runs: Value =
        serde_json::from_str(&run(folder, &[flags, &["-o", "json"]].concat())).unwrap();
    runs[0]["status"].clone()
}

#[test]
fn the_quickstart_removes_what_its_dry_run_counted_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let before = make(&folder);
    assert_eq!(before.matches("DUE").count(), 4, "{before}");
    let bytes = fs::read(folder.path().join("app.db")).unwrap();

    let dry = status(&folder, &["--dry-run"]);
    assert_eq!(fs::read(folder.path().join("app.db")).unwrap(), bytes);
    assert_eq!(show(&folder), before, "the dry run changed something");
    let done = status(&folder, &[]);
    for part in ["rows", "kept", "dependents", "overdue"] {
        assert_eq!(
            dry["targets"][0][part], done["targets"][0][part],
            "{part}: a dry run counts otherwise"
        );
    }
    assert_eq!(dry["totals"], done["totals"]);
    assert_eq!(done["totals"]["deleted"], 4);
    assert_eq!(done["totals"]["dependents"], 4 + 6 + 8 + 3);
    assert_eq!(done["targets"][0]["kept"]["held"]["pinned"], 1);

    let stays = |line: &&str| !line.contains("DUE") && !line.contains("messages");
    let left: Vec<&str> = before.lines().filter(stays).collect();
    let after = show(&folder);
    assert_eq!(after.lines().filter(stays).collect::<Vec<_>>(), left);
    assert!(after.ends_with("7 chats, 21 messages\n"), "{after}");
    assert_eq!(status(&folder, &[])["totals"]["deleted"], 0);
}

#[test]
fn the_quickstart_replaces_its_own_file_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let first = make(&folder);
    run(&folder, &[]);
    assert_eq!(make(&folder), first);
    let file = folder.path().join("app.db");
    for stranger in [&b"somebody's notes"[..], &[b'x'; 4096], b""] {
        fs::write(&file, stranger).unwrap();
        let made = Command::new(application()).arg(&file).output().unwrap();
        assert_eq!(made.status.code(), Some(1));
        assert_eq!(fs::read(&file).unwrap(), stranger);
    }
}

/// Instants differ from run to run; everything else may not.
fn without_clock(text: &str) -> String {
    const FORM: &[u8] = b"0000-00-00T00:00:00Z";
    let is_instant = |part: &[u8]| {
        part.iter().zip(FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            other => byte == other,
        })
    };
    let mut bytes = text.as_bytes().to_vec();
    for at in 0..bytes.len().saturating_sub(FORM.len() - 1) {
        if is_instant(&bytes[at..at + FORM.len()]) {
            bytes[at..at + FORM.len()].copy_from_slice(FORM);
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// The first fenced block after a heading.
fn block<'t>(readme: &'t str, heading: &str, fence: &str) -> &'t str {
    let (_, section) = readme.split_once(&format!("\n## {heading}\n")).unwrap();
    let (_, block) = section.split_once(&format!("\n```{fence}\n")).unwrap();
    block.split_once("\n```").unwrap().0
}

#[test]
fn the_readme_shows_what_the_quickstart_prints() {
    let folder = tempfile::tempdir().unwrap();
    let before = make(&folder);
    let dry = run(&folder, &["--dry-run"]);
    let done = run(&folder, &[]);
    let printed = without_clock(&[before, dry, done, show(&folder)].concat());
    let mut printed = printed.lines();

    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let told = without_clock(block(&readme, "Without a cluster", "text"));
    for line in told.lines() {
        let is_printed = !["", "..."].contains(&line.trim()) && !line.starts_with(['$', '=']);
        assert!(
            !is_printed || printed.any(|other| other == line),
            "the README shows a line that is not printed, or not there: {line}"
        );
    }
    assert!(told.lines().count() > 20, "the README shows the report");
}

#[test]
fn the_readmes_policy_is_valid() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    fs::write(&file, block(&readme, "A policy", "yaml")).unwrap();
    succeed(
        Command::new(env!("CARGO_BIN_EXE_retention-operator")).args(["validate", "-f"]).arg(&file),
    );
}
