//! One folder of `tests/refused` on a disk of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sqlx::sqlite::{SqliteConnectOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

use crate::postgres::database::Database;

/// What the run's login is called in these files.
const LOGIN: &str = "purge";

/// Names below the root, with what each holds; and the server's tables.
pub type Files = BTreeMap<String, Vec<u8>>;

pub struct Stage {
    pub case: PathBuf,
    root: PathBuf,
    _folder: TempDir,
    /// None: the database is a file.
    database: Option<Database>,
}

/// What the program said, with its places called FILE, ROOT and CLOCK, and its login purge.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Stage {
    /// With a server's database, or with a file.
    pub fn build(case: &Path, database: Option<Database>) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let stage = Stage {
            case: case.to_owned(),
            root: folder.path().canonicalize().unwrap(),
            _folder: folder,
            database,
        };
        let script = stage.read("database.sql").unwrap_or_else(|| {
            fs::read_to_string(case.parent().unwrap().join("database.sql")).unwrap()
        });
        stage.execute(&script);
        if let Some(script) = stage.read("altered.sql") {
            stage.execute(&script);
        }
        for line in stage.read("disk.txt").unwrap_or_default().lines() {
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["symlink", path, target] => {
                    std::os::unix::fs::symlink(target, stage.root.join(path)).unwrap();
                }
                ["folder", path] => fs::create_dir(stage.root.join(path)).unwrap(),
                ["text", path] => {
                    fs::write(stage.root.join(path), "These are my notes.\n".repeat(100)).unwrap();
                }
                ["read-only", path] => stage.set_readonly(path, true),
                _ => panic!("{}/disk.txt: {line}", case.display()),
            }
        }
        stage
    }

    /// A file of the folder.
    pub fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.case.join(name)).ok()
    }

    fn set_readonly(&self, path: &str, readonly: bool) {
        let path = self.root.join(path);
        let mut permissions = fs::metadata(&path).unwrap().permissions();
        permissions.set_readonly(readonly);
        fs::set_permissions(path, permissions).unwrap();
    }

    /// What the remedy does outside of the manifest.
    pub fn heal(&self) {
        for line in self.read("disk.txt").unwrap_or_default().lines() {
            if let Some(path) = line.strip_prefix("read-only ") {
                self.set_readonly(path, false);
            }
        }
        if let Some(script) = self.read("fixed.sql") {
            self.execute(&script);
        }
    }

    fn execute(&self, script: &str) {
        if let Some(database) = &self.database {
            return database.execute(&script.replace(LOGIN, &database.role));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let options = SqliteConnectOptions::new()
                .filename(self.root.join("app.db"))
                .create_if_missing(true)
                .synchronous(SqliteSynchronous::Off);
            let mut connection = options.connect().await.unwrap();
            sqlx::raw_sql(AssertSqlSafe(script.to_owned()))
                .execute(&mut connection)
                .await
                .unwrap_or_else(|error| panic!("{}: {error}", self.case.display()));
            connection.close().await.unwrap();
        });
    }

    pub fn run(&self, manifest: &str, arguments: &str, more: &[&str]) -> Said {
        let root = self.root.display().to_string();
        let arguments = self.read(arguments).unwrap_or_default();
        let mut command = Command::new(env!("CARGO_BIN_EXE_retention-operator"));
        match &self.database {
            None => command.args(["run", "--root", &root]),
            Some(database) => command
                .args(["run", "--secret", "app/uri=DATABASE_URL"])
                .env("DATABASE_URL", database.url()),
        };
        if !arguments.contains("--now") {
            command.args(["--now", "2026-11-21T12:00:00Z"]);
        }
        let arguments = arguments.replace("ROOT", &root);
        command.args(arguments.split_whitespace()).args(more);
        self.said(command, manifest)
    }

    pub fn validate(&self, manifest: &str) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_retention-operator"));
        command.arg("validate");
        self.said(command, manifest)
    }

    fn said(&self, mut command: Command, manifest: &str) -> Said {
        let file = self.case.join(manifest).display().to_string();
        let root = self.root.display().to_string();
        let output = command.args(["-f", &file]).output().unwrap();
        let placed = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            let text = without_clock(&text.replace(&file, "FILE").replace(&root, "ROOT"));
            match &self.database {
                Some(database) => text.replace(&database.role, LOGIN),
                None => text,
            }
        };
        Said {
            code: output.status.code().expect("an exit code"),
            stdout: placed(output.stdout),
            stderr: placed(output.stderr),
        }
    }

    pub fn files(&self) -> Files {
        let mut files = Files::new();
        if let Some(database) = &self.database {
            files.insert("the database's tables".to_owned(), marks(database));
        }
        let mut folders = vec![self.root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&self.root).unwrap().display().to_string();
                let content = if path.is_symlink() {
                    fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
                } else if path.is_dir() {
                    folders.push(path);
                    Vec::new()
                } else {
                    fs::read(&path).unwrap()
                };
                files.insert(name, content);
            }
        }
        files
    }
}

/// Every version of every row, and who locked it last.
fn marks(database: &Database) -> Vec<u8> {
    let tables = database.texts(
        "SELECT format('SELECT concat_ws('' '', %L, ctid, xmin, xmax, x::text) FROM ONLY %I.%I x', c.oid::regclass, n.nspname, c.relname)
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
    );
    database.texts(&format!("{} ORDER BY 1", tables.join(" UNION ALL "))).concat().into_bytes()
}

/// The machine's present moment is another each time.
fn without_clock(text: &str) -> String {
    const BEFORE: &str = "this machine's clock, ";
    match text.split_once(BEFORE) {
        Some((head, tail)) => {
            let moment = tail.find(": ").unwrap_or_default();
            format!("{head}{BEFORE}CLOCK{}", &tail[moment..])
        }
        None => text.to_owned(),
    }
}
