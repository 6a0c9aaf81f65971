//! A case in a database, and the program run on it.

use super::Case;
use super::clock::civil_text;
use super::compare::sorted;
use super::file;
use super::manifest::manifests;
use super::schema::Value;
use super::script::script;
use super::server::Place;
use serde_json::Value as Json;
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
    pub code: i32,
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
            place.build(&script, case.trusted);
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

    /// On PostgreSQL the login gets the rights that refusals ask for, and no others.
    pub fn run(&self, dry: bool) -> Checked<Said> {
        let mut output = self.ask(dry)?;
        // What the plan reads it knows when it may read what it was told of.
        for _ in 0..3 {
            let grants = Self::grants(&output);
            let Bed::Server(place) = &self.bed else { break };
            if grants.is_empty() {
                break;
            }
            ensure(
                !dry || !["DELETE", "UPDATE"].iter().any(|right| grants.contains(right)),
                || format!("a dry run asks for more than to read: {grants}"),
            )?;
            place.execute(&grants);
            output = self.ask(dry)?;
        }
        self.heard(dry, &output)
    }

    /// What a refusal says to grant.
    fn grants(output: &Output) -> String {
        let refusals: Json = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let denied = refusals.as_array().into_iter().flatten();
        denied
            .filter(|refusal| refusal["reason"] == "NotPermitted")
            .filter_map(|refusal| refusal["write"].as_str())
            .filter(|write| write.starts_with("GRANT "))
            .collect()
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
        if self.case.blocks {
            command.env("RETENTION_OPERATOR_NEARLY_ALL", "-1");
        }
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
}
