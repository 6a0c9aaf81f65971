//! A case in a database, the program run on it, and what both then say compared with the oracle.

use super::Case;
use super::clock::civil_text;
use super::file;
use super::manifest::manifests;
use super::oracle::Outcome;
use super::schema::{Table, Value};
use super::script::script;
use super::server::Place;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::path::Path;
use std::process::Output;
use std::time::Duration;
use tokio::runtime::Runtime;

/// A case in its database, and the program beside it.
pub struct Stage<'a> {
    pub case: &'a Case,
    folder: &'a Path,
    bed: Bed<'a>,
}

enum Bed<'a> {
    File(Runtime),
    Server(&'a Place),
}

/// What the program said: its exit code, and its targets in the policy's order.
pub struct Said {
    code: i32,
    pub targets: Vec<Json>,
}

impl Said {
    /// Whether a target failed: its first batch held nothing but rows that cannot go.
    pub fn has_given_up(&self) -> bool {
        self.targets.iter().any(|target| target["outcome"] == "Failed")
    }
}

pub type Checked<T = ()> = Result<T, String>;

pub fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl<'a> Stage<'a> {
    pub fn build(case: &'a Case, folder: &'a Path, place: Option<&'a Place>) -> Stage<'a> {
        let script = script(&case.tables, &case.triggers);
        std::fs::write(folder.join("before.sql"), &script).unwrap();
        let url = place.map(|place| place.url(case.pooled));
        let manifests = manifests(&case.policy, &case.shape, &case.tables, url);
        std::fs::write(folder.join("policy.yaml"), manifests).unwrap();
        let bed = if let Some(place) = place {
            place.build(&script);
            Bed::Server(place)
        } else {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            runtime.block_on(file::create(&folder.join("app.db"), &script, case.wal));
            Bed::File(runtime)
        };
        Stage { case, folder, bed }
    }

    /// The rows of all tables, sorted.
    pub fn rows(&self) -> Vec<Vec<Vec<Value>>> {
        sorted(match &self.bed {
            Bed::Server(place) => place.dump(&self.case.tables),
            Bed::File(runtime) => runtime.block_on(async {
                let mut connection = file::open(&self.folder.join("app.db"), false).await;
                let mut all = Vec::new();
                for table in &self.case.tables {
                    all.push(file::dump(&mut connection, table).await);
                }
                all
            }),
        })
    }

    /// On PostgreSQL the login has at first no right but to read, and then those that the refusal asks for.
    pub fn run(&self, dry: bool) -> Checked<Said> {
        let output = self.ask(dry)?;
        if let Bed::Server(place) = self.bed
            && !dry
            && output.status.code() == Some(2)
        {
            let refusals: Json = serde_json::from_slice(&output.stdout).unwrap_or_default();
            let denied = refusals.as_array().into_iter().flatten();
            let grants: Vec<_> = denied
                .filter(|refusal| refusal["reason"] == "NotPermitted")
                .filter_map(|refusal| refusal["write"].as_str())
                .filter(|write| write.starts_with("GRANT "))
                .collect();
            if !grants.is_empty() {
                place.execute(&grants.concat());
                return self.heard(dry, &self.ask(dry)?);
            }
        }
        self.heard(dry, &output)
    }

    fn ask(&self, dry: bool) -> Checked<Output> {
        let program = std::env::var("RETENTION_MODEL_BINARY")
            .unwrap_or(env!("CARGO_BIN_EXE_retention-operator").into());
        let now = format!("{}Z", civil_text(self.case.policy.now, 'T'));
        let mut command = assert_cmd::Command::new(program);
        command
            .arg("run")
            .arg("-f")
            .arg(self.folder.join("policy.yaml"))
            .arg("--root")
            .arg(self.folder);
        command
            .args(["-o", "json", "--allow-future-now", "--now", &now])
            .args(dry.then_some("--dry-run"));
        command
            .env("RETENTION_OPERATOR_BATCH_ROWS", self.case.batch.to_string())
            .timeout(Duration::from_mins(1));
        command.output().map_err(|error| format!("the program did not start or end: {error}"))
    }

    fn heard(&self, dry: bool, output: &Output) -> Checked<Said> {
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let what = if dry { "dry run" } else { "run" };
        let told = |why: &str| format!("{what}: {why}\nstdout: {stdout}\nstderr: {stderr}");
        let code = output
            .status
            .code()
            .ok_or_else(|| told("killed, perhaps by the minute it was given"))?;
        ensure(code < 2, || told(&format!("exit code {code}")))?;
        let report: Json = serde_json::from_str(&stdout)
            .map_err(|error| told(&format!("stdout is not JSON: {error}")))?;
        let of = |name: &str| {
            report[0]["status"]["targets"]
                .as_array()?
                .iter()
                .find(|target| target["name"] == name)
                .cloned()
        };
        let targets = self.case.policy.targets.iter().map(|target| {
            of(target.name).ok_or_else(|| told(&format!("no target {}", target.name)))
        });
        Ok(Said { code, targets: targets.collect::<Checked<_>>()? })
    }

    /// A dry run, and that it left the file as it was, byte by byte. A server's login could not have changed a thing.
    pub fn dry_run(&self) -> Checked<Said> {
        if matches!(self.bed, Bed::Server(_)) {
            return self.run(true);
        }
        let file = self.folder.join("app.db");
        let before = std::fs::read(&file).unwrap();
        let said = self.run(true)?;
        ensure(before == std::fs::read(&file).unwrap(), || "the dry run changed the file".into())?;
        let wal = std::fs::metadata(self.folder.join("app.db-wal")).map_or(0, |wal| wal.len());
        ensure(wal == 0, || format!("the dry run left {wal} bytes of write-ahead log"))?;
        Ok(said)
    }

    /// Compares a report with what the oracle says; `counts` where rule 17 promises that the held and the selected are known as well.
    pub fn compare(&self, what: &str, said: &Said, outcomes: &[Outcome], counts: bool) -> Checked {
        for ((target, said), outcome) in
            self.case.policy.targets.iter().zip(&said.targets).zip(outcomes)
        {
            let number = |value: &Json| value.as_u64().unwrap_or(0) as usize;
            let told = |name: &str, got: usize, right: usize| {
                ensure(got == right, || {
                    format!(
                        "{what}: target {}: {name}: reported {got}, the oracle says {right}\n{said:#}",
                        target.name
                    )
                })
            };
            let (deleted, updated) =
                if target.set.is_none() { (outcome.gone, 0) } else { (0, outcome.gone) };
            told("rows.deleted", number(&said["rows"]["deleted"]), deleted)?;
            told("rows.updated", number(&said["rows"]["updated"]), updated)?;
            for (dependent, (deleted, updated)) in target.dependents.iter().zip(&outcome.dependents)
            {
                let entry = said["dependents"]
                    .as_array()
                    .and_then(|all| all.iter().find(|entry| entry["name"] == *dependent.name))
                    .unwrap_or(&Json::Null);
                told(
                    &format!("dependents {} deleted", dependent.name),
                    number(&entry["deleted"]),
                    *deleted,
                )?;
                told(
                    &format!("dependents {} updated", dependent.name),
                    number(&entry["updated"]),
                    *updated,
                )?;
            }
            let failed = if what == "dry run" { 0 } else { outcome.failed };
            // Those that a cap leaves out are not even tried.
            if target.cap.is_none() {
                told("kept.failed", number(&said["kept"]["failed"]), failed)?;
            }
            if !counts || target.cap.is_some() {
                continue;
            }
            for (name, held) in &outcome.held {
                told(&format!("kept.held.{name}"), number(&said["kept"]["held"][name]), *held)?;
            }
            if !said["rows"]["selected"].is_null() && what == "dry run" {
                told("rows.selected", number(&said["rows"]["selected"]), outcome.selected)?;
            }
            if !said["kept"]["referenced"].is_null() && what == "dry run" {
                told("kept.referenced", number(&said["kept"]["referenced"]), outcome.referenced)?;
            }
        }
        let uncapped = self.case.policy.targets.iter().all(|target| target.cap.is_none());
        let any = |of: fn(&Outcome) -> bool| outcomes.iter().any(of);
        let must = any(|outcome| !outcome.unknown_and_old.is_empty());
        let must = must || (uncapped && any(|outcome| outcome.failed > 0));
        let may = any(|outcome| {
            !outcome.unknown.is_empty() || outcome.referenced > 0 || outcome.failed > 0
        });
        // The window of a target without tenants can be unknown although it has no row.
        let of_all = |said: &Json| said["unknownTenants"][0]["name"] == "";
        let may = may || said.targets.iter().any(of_all);
        ensure(said.code == 0 || must || may, || {
            format!(
                "{what}: exit code 1, and nothing is unknown or referenced\n{:#?}",
                said.targets
            )
        })?;
        ensure(said.code == 1 || !must, || {
            format!(
                "{what}: exit code 0, and the windows of {:?} are unknown",
                outcomes[0].unknown_and_old
            )
        })?;
        Self::unknown(what, said, outcomes)
    }

    /// An unknown tenant with something to lose is named.
    fn unknown(what: &str, said: &Said, outcomes: &[Outcome]) -> Checked {
        for (said, outcome) in said.targets.iter().zip(outcomes) {
            let named: Vec<_> = said["unknownTenants"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(|tenant| tenant["name"].as_str())
                .map(str::to_lowercase)
                .collect();
            for tenant in outcome.unknown_and_old.iter().filter(|tenant| !tenant.is_empty()) {
                ensure(named.contains(&tenant.to_lowercase()), || {
                    format!("{what}: tenant {tenant} is unknown and not named: {named:?}")
                })?;
            }
        }
        Ok(())
    }
}

pub fn sorted(mut tables: Vec<Vec<Vec<Value>>>) -> Vec<Vec<Vec<Value>>> {
    for rows in &mut tables {
        rows.sort_by_cached_key(|row| format!("{row:?}"));
    }
    tables
}

pub fn values(tables: &[Table]) -> Vec<Vec<Vec<Value>>> {
    sorted(
        tables
            .iter()
            .map(|table| table.rows.iter().map(|row| row.values.clone()).collect())
            .collect(),
    )
}

/// Every row of every table must be what the oracle says, no more and no less.
pub fn same(what: &str, tables: &[Table], found: &[Vec<Vec<Value>>]) -> Checked {
    for ((table, right), found) in tables.iter().zip(values(tables)).zip(found) {
        let difference = |one: &[Vec<Value>], other: &[Vec<Value>]| {
            let mut counts: HashMap<String, i64> = HashMap::new();
            for row in other {
                *counts.entry(format!("{row:?}")).or_default() += 1;
            }
            let mut rest = one.iter().map(|row| format!("{row:?}")).collect::<Vec<_>>();
            rest.retain(|row| counts.get_mut(row).is_none_or(|count| (*count -= 1, *count < 0).1));
            rest.join("\n  ")
        };
        ensure(right == *found, || {
            let columns: Vec<_> = table.columns.iter().map(|column| &column.name).collect();
            let (missing, extra) = (difference(&right, found), difference(found, &right));
            format!(
                "{what}: table {} {columns:?}\n gone or changed, and should be there:\n  {missing}\n there, and should be gone or changed:\n  {extra}",
                table.name
            )
        })?;
    }
    Ok(())
}
