//! Where something was measured.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::measure::median;
use crate::server::SETTINGS;

#[derive(Serialize, Deserialize)]
pub struct Machine {
    /// Figures of different ones cannot stand beside one another.
    pub kind: String,
    pub versions: String,
    /// How it was just then.
    pub state: String,
}

impl Machine {
    pub async fn look(postgres: &str) -> Self {
        let processor = field("/proc/cpuinfo", "model name").unwrap_or("unknown".into());
        let processors = std::thread::available_parallelism().unwrap();
        let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
        let memory: f64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        let memory = memory / 1024.0 / 1024.0;
        let system = field("/etc/os-release", "PRETTY_NAME").unwrap_or_default().replace('"', "");
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let kernel = kernel.trim();
        let kind = format!("{processors} × {processor}, {memory:.0} GiB, {system}, Linux {kernel}");

        let folder = tempfile::tempdir().unwrap();
        let mut client = Client::sqlite(&folder.path().join("app.db")).await.unwrap();
        let sqlite = client.rows("SELECT sqlite_version()").await[0][0].clone();
        client.close().await;
        let rustc = Command::new("rustc").arg("--version").output();
        let rustc = rustc.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
        let rustc = rustc.unwrap_or_default();
        let own = env!("CARGO_PKG_VERSION");
        let settings = SETTINGS.join(", ");
        let versions = format!(
            "retention-operator {own}, PostgreSQL {postgres} ({settings}), SQLite {sqlite}, {rustc}"
        );

        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default().to_owned();
        let disk = disk().as_secs_f64() * 1e3;
        let state =
            format!("8 KiB were on the disk after {disk:.2} ms, the load was {load} before");
        Self { kind, versions, state }
    }
}

/// What stands behind a word in a file of such lines.
fn field(file: &str, word: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(word))?;
    Some(line.trim_start_matches([' ', '\t', ':', '=']).to_owned())
}

/// What a COMMIT waits for, as the median of many.
fn disk() -> Duration {
    let mut file = tempfile::tempfile().unwrap();
    let mut times: Vec<Duration> = (0..100)
        .map(|_| {
            let began = Instant::now();
            file.write_all(&[1; 8192]).unwrap();
            file.sync_data().unwrap();
            began.elapsed()
        })
        .collect();
    times.sort();
    median(&times)
}
