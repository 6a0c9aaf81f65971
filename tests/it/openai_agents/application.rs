//! The application: its sessions, its database, and its own package as the only hand that writes and reads them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The clock of every purge, so the cutoff of 7 days is 2025-03-05 02:00:00.
const NOW: &str = "2025-03-12T02:00:00Z";

/// One session: how it is written, what its clock is set to, what becomes of it.
#[derive(Clone, Default)]
pub struct Session {
    pub id: String,
    pub items: usize,
    pub at_once: bool,
    pub emptied: bool,
    pub updated_at: Option<Value>,
    pub goes: bool,
    pub untrimmed: bool,
}

impl Session {
    pub fn with_id(id: &str, items: usize) -> Self {
        let id = id.to_owned();
        Self { id, items, ..Self::default() }
    }

    pub fn of(user: &str, conversation: usize, items: usize) -> Self {
        let id = format!("user_{user}_conv_00000000-0000-4000-8000-{conversation:012}");
        Self::with_id(&id, items)
    }

    pub fn used(mut self, at: impl Into<Value>) -> Self {
        self.updated_at = Some(at.into());
        self
    }

    /// All items are written with one call, within one second.
    pub fn at_once(mut self) -> Self {
        self.at_once = true;
        self
    }

    /// All items are taken out again.
    pub fn emptied(mut self) -> Self {
        self.emptied = true;
        self
    }

    pub fn goes(mut self) -> Self {
        self.goes = true;
        self
    }

    pub fn untrimmed(mut self) -> Self {
        self.untrimmed = true;
        self
    }

    /// What the application hands to the package, oldest first.
    pub fn written(&self) -> Vec<Value> {
        let item = |n| json!({"role": "user", "content": format!("{n} of {}", self.id)});
        (0..self.items).map(item).collect()
    }

    /// What the package must hand back after the purge. `others` are newer messages that it cannot read.
    pub fn readable_afterwards(&self, limit: usize, others: usize) -> Vec<Value> {
        if self.goes || self.emptied {
            return Vec::new();
        }
        let mut written = self.written();
        if !self.untrimmed {
            written.drain(..(written.len() + others).saturating_sub(limit));
        }
        written
    }
}

/// A folder with the application's database, written by the application.
pub struct Application {
    pub sessions: Vec<Session>,
    folder: TempDir,
    python: PathBuf,
    advanced: bool,
}

impl Application {
    /// `sql` is what other hands do to the file afterwards. None, and a word aloud, where the package is not at hand.
    pub fn new(advanced: bool, sessions: Vec<Session>, sql: Vec<Value>) -> Option<Self> {
        let Some(python) = env::var_os("RETENTION_OPERATOR_PYTHON") else {
            let required = env::var_os("CI").is_some()
                || env::var_os("RETENTION_OPERATOR_REQUIRE_ALL").is_some_and(|all| all == "1");
            assert!(!required, "RETENTION_OPERATOR_PYTHON is not set: run tests/run");
            // Past the harness, which keeps for itself what a test that passes prints.
            let word = b"SKIPPED: rows written by openai-agents: tests/run sets RETENTION_OPERATOR_PYTHON\n";
            io::stderr().write_all(word).unwrap();
            return None;
        };
        let application = Self {
            sessions,
            folder: tempfile::tempdir().unwrap(),
            python: python.into(),
            advanced,
        };
        let clocks = application.sessions.iter().filter_map(|session| {
            let set = "update agent_sessions set updated_at = ? where session_id = ?";
            Some(json!([set, [session.updated_at.as_ref()?, session.id]]))
        });
        let sql: Vec<Value> = clocks.chain(sql).collect();
        let sessions = application.sessions.iter().map(|session| {
            json!({
                "id": session.id,
                "items": session.written(),
                "at_once": session.at_once,
                "emptied": session.emptied,
            })
        });
        let sessions: Vec<Value> = sessions.collect();
        application.python("write.py", json!({"sessions": sessions, "sql": sql}));
        Some(application)
    }

    /// What the file holds and what the package makes of it: see read.py.
    pub fn read(&self) -> Value {
        let ids: Vec<&str> = self.sessions.iter().map(|session| session.id.as_str()).collect();
        serde_json::from_str(&self.python("read.py", json!({"sessions": ids}))).unwrap()
    }

    /// The exit code, the policy's status, and all that was said.
    pub fn purge(&self, manifest: &str, flags: &[&str]) -> (i32, Value, String) {
        let file = self.folder.path().join("manifest.yaml");
        fs::write(&file, manifest).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_retention-operator"))
            .args(["run", "--now", NOW, "-o", "json", "-f"])
            .arg(&file)
            .arg("--root")
            .arg(self.folder.path())
            .args(flags)
            .output()
            .unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        let runs: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let code = output.status.code().expect("ended by a signal");
        (code, runs[0]["status"].clone(), said.into_owned())
    }

    /// The file to the byte, with nothing beside it that waits to be put in.
    pub fn bytes(&self) -> Vec<u8> {
        let waiting = fs::metadata(self.database().with_extension("db-wal"));
        assert!(waiting.is_err() || waiting.unwrap().len() == 0, "a write-ahead log is left");
        fs::read(self.database()).unwrap()
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("conversations.db")
    }

    fn python(&self, script: &str, mut input: Value) -> String {
        input["database"] = json!(self.database());
        input["advanced"] = json!(self.advanced);
        let mut child = Command::new(&self.python)
            .arg(root().join("tests/openai-agents").join(script))
            .env("OPENAI_AGENTS_DISABLE_TRACING", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", self.python.display()));
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.to_string().as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{script} failed");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// The project's own folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
