//! What the program refuses. Every folder of `tests/refused` is named after one fault, and holds
//!
//! - `manifest.yaml`, a good manifest with that fault in it, and `expected.txt`, what standard error says of it;
//! - `fixed.yaml`, the manifest after the remedy that was printed; with `fixed.sql` where the remedy is a statement;
//! - `database.sql`, which makes `ROOT/app.db`, where the one of `tests/refused` does not show the fault; `altered.sql`,
//!   what is done to it besides;
//! - `disk.txt`, what else lies in `ROOT`: `symlink PATH TARGET`, `folder PATH`, `text PATH` (no database) and
//!   `read-only PATH` (until it is fixed);
//! - `args.txt` and `fixed-args.txt`, further arguments;
//! - `dry-run.txt`, why a dry run is not refused;
//! - `validate.txt`, why the manifest after the remedy is only validated.
//!
//! In `tests/refused/postgres` the database is one of a server: SQL is a superuser's, the run logs in as `purge` and gets
//! the URL from the Secret `app`. There `fixed.sql` is what was printed, or begins with a comment that says why not.
//!
//! In these files `FILE` is the manifest, `ROOT` the folder with the database, `CLOCK` the machine's present moment.
//! `UPDATE_EXPECTED=1` rewrites `expected.txt`: read each line that changes as the person who gets to see it.

mod stage;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::postgres::database::Database;
use crate::postgres::server::server;
use stage::{Said, Stage};

/// The folder of the cases on a server.
const POSTGRES: &str = "postgres";

fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/refused")
}

/// The folders, by name.
fn cases(home: &Path) -> BTreeSet<String> {
    fs::read_dir(home)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .filter(|name| name != POSTGRES)
        .collect()
}

#[test]
fn every_fault_is_refused_with_its_field_and_a_remedy_that_works() {
    check_all(&home(), |case| check(&Stage::build(case, None)));
}

#[test]
fn every_fault_on_postgresql_is_refused_with_its_field_and_a_remedy_that_works() {
    if server().is_none() {
        return;
    }
    check_all(&home().join(POSTGRES), |case| {
        let stage = Stage::build(case, Some(Database::create().unwrap()));
        check(&stage)?;
        said_once(&stage)
    });
}

fn check_all(home: &Path, check: impl Fn(&Path) -> Result<(), String> + Sync) {
    let cases: Vec<String> = cases(home).into_iter().collect();
    let next = AtomicUsize::new(0);
    let faults = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(fault) = check(&home.join(case)) {
                        faults.lock().unwrap().push(format!("{case}: {fault}"));
                    }
                }
            });
        }
    });
    let mut faults = faults.into_inner().unwrap();
    faults.sort();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n\n"));
}

#[test]
fn the_faults_are_many_and_each_folder_is_named_after_its_own() {
    for home in [home(), home().join(POSTGRES)] {
        many_and_named(&home, &cases(&home));
    }
}

fn many_and_named(home: &Path, cases: &BTreeSet<String>) {
    assert!(cases.len() >= 40, "only {} faults", cases.len());
    let mut faults = BTreeSet::new();
    for case in cases {
        let words: Vec<&str> = case.split('-').collect();
        let plain = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
        assert!(words.len() > 1 && words.iter().all(plain), "{case} is no phrase in kebab-case");
        let files = ["manifest.yaml", "database.sql", "altered.sql", "disk.txt", "args.txt"];
        let fault = files.map(|file| fs::read_to_string(home.join(case).join(file)).ok());
        assert!(faults.insert(fault), "{case} is the fault of another folder");
    }
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

fn check(stage: &Stage) -> Result<(), String> {
    let before = stage.files();
    let dry_is_refused = stage.read("dry-run.txt").is_none();
    let mut dry = vec![false];
    if dry_is_refused {
        dry.push(true);
    } else {
        let said = stage.run("manifest.yaml", "args.txt", &["--dry-run"]);
        ensure(said.code == 0, || format!("a dry run should not be refused\n{said:?}"))?;
        same_files(stage, &before)?;
    }
    for dry in dry {
        let dry: &[&str] = if dry { &["--dry-run"] } else { &[] };
        let plain = stage.run("manifest.yaml", "args.txt", dry);
        refused(stage, &plain)?;
        let json = stage.run("manifest.yaml", "args.txt", &[dry, &["-o", "json"]].concat());
        ensure(plain.stdout.is_empty(), || format!("standard output is for reports\n{plain:?}"))?;
        ensure((json.code, &json.stderr) == (plain.code, &plain.stderr), || {
            format!("under -o json something else is said\n{plain:?}\n{json:?}")
        })?;
        objects(&json)?;
        same_files(stage, &before)?;
    }
    stage.heal();
    let said = match stage.read("validate.txt") {
        None => stage.run("fixed.yaml", "fixed-args.txt", &[]),
        Some(_) => stage.validate("fixed.yaml"),
    };
    ensure(said.code == 0, || format!("the remedy does not help\n{said:?}"))
}

/// One fault is one line, and a statement that mends it is printed as it is carried out.
fn said_once(stage: &Stage) -> Result<(), String> {
    let expected = stage.read("expected.txt").unwrap_or_default();
    ensure(expected.lines().count() == 1, || format!("not one line\n{expected}"))?;
    let mended = stage.read("fixed.sql").unwrap_or_default();
    let printed = if mended.starts_with("--") { "" } else { &mended };
    for statement in printed.lines() {
        ensure(expected.contains(statement), || format!("{statement} is not printed\n{expected}"))?;
    }
    Ok(())
}

/// Exit code 2 and the expected lines, and nothing else.
fn refused(stage: &Stage, said: &Said) -> Result<(), String> {
    ensure(said.code == 2, || format!("not refused\n{said:?}"))?;
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(stage.case.join("expected.txt"), &said.stderr).unwrap();
    }
    let expected = stage.read("expected.txt").unwrap_or_default();
    ensure(said.stderr == expected, || format!("expected\n{expected}and not\n{}", said.stderr))
}

/// The lines again, as objects; each with a field, a remedy and a reason.
fn objects(said: &Said) -> Result<(), String> {
    let refusals: Vec<Value> = serde_json::from_str(&said.stdout)
        .map_err(|error| format!("standard output is no array: {error}\n{said:?}"))?;
    let mut lines = String::new();
    for refusal in &refusals {
        let keys: Vec<&String> =
            refusal.as_object().map(|object| object.keys().collect()).unwrap_or_default();
        ensure(keys == ["field", "file", "message", "object", "reason", "write"], || {
            format!("other keys: {keys:?}")
        })?;
        let text = |key: &str| refusal[key].as_str().unwrap_or_default();
        for key in ["file", "field", "reason", "message", "write"] {
            ensure(!text(key).trim().is_empty(), || {
                format!("a refusal without {key}\n{refusal:#}")
            })?;
        }
        let parts = ["file", "object", "field", "message", "write"].map(text);
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        lines += &format!("{}\n", parts.join(": "));
    }
    ensure(lines == said.stderr, || {
        format!("the objects\n{lines}are not the lines\n{}", said.stderr)
    })
}

fn same_files(stage: &Stage, before: &stage::Files) -> Result<(), String> {
    let after = stage.files();
    ensure(after == *before, || {
        let names = |files: &stage::Files| files.keys().cloned().collect::<Vec<_>>().join(", ");
        format!("the files were touched: {} before, {} after", names(before), names(&after))
    })
}
