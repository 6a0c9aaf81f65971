//! Helm, at whatever place `tests/run` has built it.

use std::path::PathBuf;
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

use crate::cluster::{Cluster, programs};

pub const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/retention-operator");

pub struct Helm {
    program: PathBuf,
}

impl Helm {
    /// None, and a word aloud, where it is not at hand.
    pub fn found() -> Option<Self> {
        let program = programs()?.join("helm");
        assert!(program.is_file(), "{} is not there: run tests/run", program.display());
        Some(Self { program })
    }

    /// Each value is `key=JSON`.
    pub fn command(&self, arguments: &[&str], values: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments);
        for value in values {
            command.args(["--set-json", value]);
        }
        command
    }

    /// What an installation of the name `retention-operator` in the namespace `operator` consists of, or the refusal.
    pub fn rendered(&self, values: &[&str]) -> Result<Vec<Value>, String> {
        let arguments = ["template", "retention-operator", CHART, "--namespace", "operator"];
        let output = self.command(&arguments, values).output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8(output.stderr).unwrap());
        }
        let text = String::from_utf8(output.stdout).unwrap();
        let documents =
            serde_yaml::Deserializer::from_str(&text).map(|one| Value::deserialize(one).unwrap());
        Ok(documents.filter(|document| !document.is_null()).collect())
    }

    /// Of the name `retention-operator`, in the namespace `operator`.
    pub fn install(&self, cluster: &Cluster, values: &[&str]) {
        let arguments =
            ["upgrade", "--install", "retention-operator", CHART, "--namespace", "operator"];
        let mut command = self.command(&arguments, values);
        let output = command.arg("--kubeconfig").arg(cluster.kubeconfig()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    pub fn uninstall(&self, cluster: &Cluster) {
        let arguments = ["uninstall", "retention-operator", "--namespace", "operator", "--wait"];
        let mut command = self.command(&arguments, &[]);
        let output = command.arg("--kubeconfig").arg(cluster.kubeconfig()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
}
