//! A real API server with its controllers and no node, as `tests/cluster/up` makes it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, thread};

use serde_json::Value;

pub struct ControlPlane {
    folder: PathBuf,
    /// The cluster ends when nobody holds the other end of its stdin: also when this process is killed.
    _lifeline: Child,
}

/// The folder of the programs that `tests/run` has built. None, and a word aloud, where there is none.
pub fn programs(skipped: &str) -> Option<PathBuf> {
    if let Some(folder) = env::var_os("RETENTION_OPERATOR_CLUSTER_BIN") {
        return Some(folder.into());
    }
    let required = env::var_os("CI").is_some()
        || env::var_os("RETENTION_OPERATOR_REQUIRE_ALL").is_some_and(|all| all == "1");
    assert!(!required, "RETENTION_OPERATOR_CLUSTER_BIN is not set: run tests/run");
    let word = format!("SKIPPED: {skipped}: tests/run sets RETENTION_OPERATOR_CLUSTER_BIN\n");
    io::stderr().write_all(word.as_bytes()).unwrap();
    None
}

impl ControlPlane {
    pub fn up() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        programs("a real API server")?;
        let name = format!(
            "control-plane-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let mut lifeline = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/up"))
            .args(["--with-stdin", "control-plane"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        // `wait` would close stdin.
        let stdin = lifeline.stdin.take();
        assert!(lifeline.wait().unwrap().success(), "no control plane came up");
        lifeline.stdin = stdin;
        Some(Self { folder, _lifeline: lifeline })
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.join("kubeconfig")
    }

    pub fn kubectl(&self, arguments: &[&str], input: Option<&Value>) -> Output {
        let mut child = Command::new(programs("kubectl").unwrap().join("kubectl"))
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let text = input.map(Value::to_string).unwrap_or_default();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// The answer, which has to be one.
    pub fn get(&self, arguments: &[&str]) -> Value {
        let output = self.kubectl(&[&["get", "-o", "json"], arguments].concat(), None);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{arguments:?}: {output:?}"))
    }

    pub fn apply(&self, object: &Value) {
        let output = self.kubectl(&["apply", "--server-side", "-f", "-"], Some(object));
        assert!(output.status.success(), "{output:?}");
    }

    /// Looks again until it is so.
    pub fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_mins(1);
        while !holds(self) {
            assert!(Instant::now() < deadline, "not within a minute: {what}");
            thread::yield_now();
        }
    }
}
