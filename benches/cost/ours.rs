//! The product as it is installed: its binary, on a manifest.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use retention_operator::run::{self, Options, Point, Watch};
use serde_json::Value;
use tempfile::TempDir;

use crate::bed::Address;
use crate::contestant::Progress;

/// The clock of every contestant. It lies in the past of every machine, as ours takes no other.
pub const NOW: &str = "2025-01-01T00:00:00Z";

/// How often the memory of our process is looked at.
const LOOK: Duration = Duration::from_millis(5);

pub struct Ours {
    folder: TempDir,
    root: PathBuf,
}

pub struct Report {
    pub elapsed: Duration,
    pub deleted: u64,
    pub batches: u64,
    /// How its rows were found.
    pub path: String,
    /// The most memory that was its own at once, in KiB.
    pub peak: u64,
}

impl Ours {
    pub fn new(policy: &str, duty_cycle: u32, address: &Address) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut manifests = manifests(policy, duty_cycle, address);
        let mut root = folder.path().to_owned();
        match address {
            Address::Url(url) => {
                manifests += &format!(
                    "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: app}}\nstringData: {{uri: \"{url}\"}}\n"
                );
            }
            Address::Folder(own) => root.clone_from(own),
        }
        fs::write(folder.path().join("manifest.yaml"), manifests).unwrap();
        Self { folder, root }
    }

    fn manifest(&self) -> String {
        self.folder.path().join("manifest.yaml").display().to_string()
    }

    /// From the start of its process to its end.
    pub fn run(&self) -> Report {
        let file = |name| fs::File::create(self.folder.path().join(name)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_retention-operator"));
        command
            .args(["run", "-o", "json", "--now", NOW, "-f", &self.manifest(), "--root"])
            .arg(&self.root)
            .stdin(Stdio::null())
            .stdout(file("report"))
            .stderr(file("words"));
        let began = Instant::now();
        let mut process = command.spawn().unwrap();
        let status = format!("/proc/{}/status", process.id());
        let ended = AtomicBool::new(false);
        let (elapsed, peak, exit) = std::thread::scope(|scope| {
            let peak = scope.spawn(|| {
                let mut peak = 0;
                while !ended.load(Ordering::Relaxed) {
                    peak = peak.max(high_water(&status).unwrap_or(0));
                    std::thread::sleep(LOOK);
                }
                peak
            });
            let exit = process.wait().unwrap();
            let elapsed = began.elapsed();
            ended.store(true, Ordering::Relaxed);
            (elapsed, peak.join().unwrap(), exit)
        });
        let said = |name| fs::read_to_string(self.folder.path().join(name)).unwrap();
        assert!(exit.success(), "ours: {exit}: {}", said("words"));
        let report: Value = serde_json::from_str(&said("report")).unwrap();
        let target = &report[0]["status"]["targets"][0];
        assert_eq!(target["outcome"], "Done", "{report:#}");
        let work = &target["work"];
        Report {
            elapsed,
            deleted: target["rows"]["deleted"].as_u64().unwrap_or_default(),
            batches: work["batches"].as_u64().unwrap_or_default(),
            path: target["access"]["path"].as_str().unwrap_or_default().to_owned(),
            peak,
        }
    }

    /// The same inside of this process, where one sees when how much had gone.
    pub async fn watch(&self) -> Progress {
        let options = Options {
            files: vec![self.manifest()],
            roots: vec![(None, self.root.clone())],
            now: Some(NOW.parse().unwrap()),
            ..Options::default()
        };
        let watch = Clocked { began: Cell::new(Instant::now()), progress: RefCell::default() };
        let outcome = run::run(&options, &watch, &AtomicBool::new(false)).await;
        assert_eq!(outcome.exit, 0, "{outcome:?}");
        watch.progress.into_inner()
    }
}

struct Clocked {
    began: Cell<Instant>,
    progress: RefCell<Progress>,
}

impl Watch for Clocked {
    fn reached(&self, point: Point) {
        if point == Point::Planned {
            self.began.set(Instant::now());
        }
    }

    fn gone(&self, _target: &str, rows: u64) {
        self.progress.borrow_mut().push((self.began.get().elapsed(), rows));
    }
}

/// None when the process has ended.
fn high_water(status: &str) -> Option<u64> {
    let status = fs::read_to_string(status).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

fn manifests(policy: &str, duty_cycle: u32, address: &Address) -> String {
    let (database, schema) = match address {
        Address::Url(_) => ("postgres: {secretKeyRef: {name: app, key: uri}}", "public."),
        Address::Folder(_) => {
            ("sqlite: {path: app.db}\n  volume: {persistentVolumeClaim: {claimName: app}}", "")
        }
    };
    format!(
        "apiVersion: retention-operator.io/v1alpha1
kind: DatabaseConnection
metadata: {{name: app}}
spec:
  {database}
  allow:
  - {{tables: [{schema}sessions, {schema}messages], actions: [Delete]}}
  - {{tables: [{schema}organizations], actions: [Read]}}
  limits: {{dutyCyclePercent: {duty_cycle}}}
---
apiVersion: retention-operator.io/v1alpha1
kind: RetentionPolicy
metadata: {{name: sessions}}
spec:
  connectionRef: {{name: app}}
  schedule: \"@daily\"
  {policy}
"
    )
}
