//! A PostgreSQL of its own, as it is after installation but for what `SETTINGS` says. It ends with this process.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::keep::{Kept, program};
use crate::scene::Size;

/// The same for all. Nobody is to be lucky with a vacuum, nor pay for a compiler; the rest is what PostgreSQL comes with,
/// and a COMMIT waits for the disk.
pub const SETTINGS: &[&str] =
    &["autovacuum=off", "jit=off", "shared_buffers=256MB", "max_wal_size=4GB"];

/// Where only what is left counts nobody waits for the disk, nor proves who he is.
const HASTE: &[&str] = &["fsync=off"];

/// A place in the log.
const HERE: &str = "SELECT 'read until here'";

pub struct Server {
    kept: Kept,
    password: String,
}

impl Server {
    pub async fn start(size: Size) -> Self {
        let needed = "postgres and initdb are needed: Debian's package postgresql";
        let (postgres, initdb) =
            (program("postgres").expect(needed), program("initdb").expect(needed));
        let password = format!("{:016x}", fastrand::u64(..));
        let kept = Kept::start(
            |_, _| {
                let method = if size == Size::Tiny { "trust" } else { "scram-sha-256" };
                let access = format!("local all all trust\nhost all all all {method}\n");
                vec![("password", password.clone()), ("access", access)]
            },
            |folder, port| {
                let line = "folder=$1 port=$2 initdb=$3 postgres=$4; shift 4
                    \"$initdb\" -D data -U postgres --pwfile password -E UTF8 --locale C.UTF-8 --no-sync &&
                    exec \"$postgres\" -D data -p \"$port\" -c unix_socket_directories=\"$folder\" \
                        -c listen_addresses=127.0.0.1 -c hba_file=\"$folder/access\" \
                        -c logging_collector=on -c log_filename=log \
                        -c log_line_prefix= -c log_parameter_max_length=0 \"$@\"";
                let text = |path: &Path| path.display().to_string();
                let start = ["sh", "-c", line, "sh"].map(str::to_owned).into_iter();
                let paths = [text(folder), port.to_string(), text(&initdb), text(&postgres)];
                let haste = if size == Size::Tiny { HASTE } else { &[] };
                let settings = SETTINGS.iter().chain(haste);
                let settings =
                    settings.flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]);
                start.chain(paths).chain(settings).collect()
            },
            |folder, port| folder.join(format!(".s.PGSQL.{port}")).exists(),
        );
        let server = Self { kept, password };
        let mut admin = server.ready().await;
        for role in ["app", "purge"] {
            admin.script(&format!("CREATE ROLE {role} LOGIN PASSWORD '{}'", server.password)).await;
        }
        admin.close().await;
        server
    }

    /// The socket is there before the server answers.
    async fn ready(&self) -> Client {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            match Client::postgres(&self.url("postgres", "postgres")).await {
                Ok(client) => return client,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Everybody comes in as an application in a cluster would, but without TLS.
    pub fn url(&self, role: &str, database: &str) -> String {
        let Self { password, kept } = self;
        format!("postgres://{role}:{password}@127.0.0.1:{}/{database}?sslmode=disable", kept.port)
    }

    pub async fn client(&self, role: &str, database: &str) -> Client {
        Client::postgres(&self.url(role, database)).await.unwrap()
    }

    pub async fn admin(&self, sql: &[&str]) {
        let mut admin = self.client("postgres", "postgres").await;
        for statement in sql {
            admin.script(statement).await;
        }
        admin.close().await;
    }

    /// What a role sends to a database while something is done, in the order of its first appearance; how often.
    pub async fn sent(
        &self,
        role: &str,
        database: &str,
        work: impl AsyncFnOnce(),
    ) -> Vec<(String, usize)> {
        let log = self.kept.folder.join("data/log/log");
        let before = fs::metadata(&log).unwrap().len();
        let all = format!("ALTER ROLE {role} IN DATABASE {database} SET log_statement = 'all'");
        self.admin(&[&all]).await;
        work().await;
        self.admin(&["SET log_statement = 'all'", HERE]).await;
        let deadline = Instant::now() + Duration::from_secs(30);
        // The log is written by a process of its own.
        loop {
            let bytes = fs::read(&log).unwrap();
            let said = String::from_utf8_lossy(&bytes[before as usize..]);
            if let Some((said, _)) = said.split_once(HERE) {
                return statements(said);
            }
            assert!(Instant::now() < deadline, "the server's log is behind");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn version(&self) -> String {
        let mut admin = self.client("postgres", "postgres").await;
        let version = admin.rows("SELECT current_setting('server_version')").await;
        admin.close().await;
        version[0][0].clone()
    }
}

/// The statements in a server's log, whose further lines are indented.
fn statements(log: &str) -> Vec<(String, usize)> {
    let mut said: Vec<String> = Vec::new();
    let mut is_statement = false;
    for line in log.lines() {
        if let Some(rest) = line.strip_prefix('\t') {
            if is_statement {
                said.last_mut().unwrap().extend(["\n", rest]);
            }
            continue;
        }
        let rest = line.strip_prefix("LOG:  ").unwrap_or_default();
        let words = rest.strip_prefix("statement: ").or_else(|| {
            rest.strip_prefix("execute ").and_then(|rest| Some(rest.split_once(": ")?.1))
        });
        is_statement = words.is_some();
        said.extend(words.map(str::to_owned));
    }
    let mut counted: Vec<(String, usize)> = Vec::new();
    for words in said.iter().map(|words| without_limit(&without_blocks(words))) {
        match counted.iter_mut().find(|(known, _)| *known == words) {
            Some((_, count)) => *count += 1,
            None => counted.push((words, 1)),
        }
    }
    counted
}

/// So are those that differ in how many rows they lock at most: `LIMIT 2357 FOR` becomes `LIMIT N FOR`.
fn without_limit(statement: &str) -> String {
    let Some((before, rest)) = statement.split_once(" LIMIT ") else { return statement.to_owned() };
    match rest.split_once(" FOR UPDATE") {
        Some((number, after)) if number.chars().all(|char| char.is_ascii_digit()) => {
            format!("{before} LIMIT N FOR UPDATE{after}")
        }
        _ => statement.to_owned(),
    }
}

/// Statements that differ in the numbers of blocks alone are the same: `'(7,0)'` becomes `'(N,0)'`.
fn without_blocks(statement: &str) -> String {
    let mut parts = statement.split("'(");
    let first = parts.next().unwrap_or_default().to_owned();
    let part = |part: &str| match part.split_once(",0)'") {
        Some((number, rest)) if number.chars().all(|char| char.is_ascii_digit()) => {
            format!("'(N,0)'{rest}")
        }
        _ => format!("'({part}"),
    };
    first + &parts.map(part).collect::<String>()
}
