//! The most memory that a run takes is the same for ten times the rows.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{SIXTY_OF_100, bed};
use crate::bed::NOW;
use crate::postgres::database::{Database, delete};
use crate::postgres::stage::{Stage, old};

/// How often the process is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// The most memory in KiB that the product's own binary had at once, on these manifests.
fn peak(manifest: &Path) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_retention-operator"))
        .args(["run", "--now", NOW, "--allow-future-now", "-f"])
        .arg(manifest)
        .arg("--root")
        .arg(manifest.parent().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(&status).unwrap_or_default();
        let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let most = most.and_then(|most| most.trim().strip_suffix(" kB")?.parse().ok());
        // It has none any more when it has ended and nobody has asked how.
        peak = peak.max(most.unwrap_or(0));
        std::thread::sleep(LOOK);
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    peak
}

/// A process that ends between two looks may have had more than was seen: of few rows the most of three
/// runs counts.
fn assert_same(peak: impl Fn(u64) -> Option<u64>) {
    let few: Option<Vec<u64>> = (0..3).map(|_| peak(20_000)).collect();
    let (Some(few), Some(many)) = (few, peak(200_000)) else { return };
    let most = few.iter().copied().max().unwrap_or_default();
    assert!(
        most > 1_000 && many * 10 <= most * 11,
        "{few:?} KiB, {many} KiB of ten times the rows"
    );
}

#[test]
fn ten_times_the_rows_take_no_more_memory_on_sqlite() {
    assert_same(|rows| {
        Some(peak(&bed(rows, 10, SIXTY_OF_100, true).folder().join("manifest.yaml")))
    });
}

#[test]
fn ten_times_the_rows_take_no_more_memory_on_postgresql() {
    assert_same(|rows| {
        let database = Database::create()?;
        let age = SIXTY_OF_100;
        database.execute(&format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, ten int, at bigint);
             INSERT INTO t SELECT i, i % 10, {age} FROM generate_series(1::bigint, {rows}) i; CREATE INDEX ON t (ten, at)"
        ));
        database.grant(&[delete("t", "id")]);
        let url = database.url();
        let stage = Stage::new(database, url);
        let spec = old(", tenant: {column: ten}");
        let spec = spec.replace("column: at", "column: at, encoding: UnixSeconds");
        let peak = peak(&stage.write(&spec));
        assert_eq!(stage.left().len() as u64, rows / 10 * 4);
        Some(peak)
    });
}
