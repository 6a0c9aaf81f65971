//! The product as it is installed: its binary, on a manifest.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// The clock of every contestant. It lies in the past of every machine, as ours takes no other.
pub const NOW: &str = "2025-01-01T00:00:00Z";

pub struct Ours {
    folder: TempDir,
}

pub struct Report {
    pub elapsed: Duration,
    pub deleted: u64,
    pub batches: u64,
    /// How its rows were found.
    pub path: String,
}

impl Ours {
    pub fn new(policy: &str, duty_cycle: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manifest = format!(
            "apiVersion: retention-operator.io/v1alpha1
kind: DatabaseConnection
metadata: {{name: app}}
spec:
  postgres: {{secretKeyRef: {{name: app, key: uri}}}}
  allow:
  - {{tables: [public.sessions, public.messages], actions: [Delete]}}
  - {{tables: [public.organizations], actions: [Read]}}
  limits: {{dutyCyclePercent: {duty_cycle}}}
---
apiVersion: retention-operator.io/v1alpha1
kind: RetentionPolicy
metadata: {{name: sessions}}
spec: {{connectionRef: {{name: app}}, schedule: \"@daily\", {policy}}}
"
        );
        fs::write(folder.path().join("manifest.yaml"), manifest).unwrap();
        Self { folder }
    }

    pub fn manifest(&self) -> PathBuf {
        self.folder.path().join("manifest.yaml")
    }

    /// From the start of its process to its end.
    pub fn run(&self, url: &str) -> Report {
        let mut command = Command::new(env!("CARGO_BIN_EXE_retention-operator"));
        command
            .args(["run", "-o", "json", "--now", NOW, "--secret", "app/uri=APP_URI", "-f"])
            .arg(self.manifest())
            .env("APP_URI", url)
            .stdin(Stdio::null());
        let began = Instant::now();
        let output = command.output().unwrap();
        let elapsed = began.elapsed();
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "ours: {}: {words}", output.status);
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let target = &report[0]["status"]["targets"][0];
        assert_eq!(target["outcome"], "Done", "{report:#}");
        Report {
            elapsed,
            deleted: target["rows"]["deleted"].as_u64().unwrap_or_default(),
            batches: target["work"]["batches"].as_u64().unwrap_or_default(),
            path: target["access"]["path"].as_str().unwrap_or_default().to_owned(),
        }
    }
}
