//! A server and one that replays what it writes, made by `pg_basebackup`, both of this process's own.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use super::client;
use super::database::{Database, delete};
use super::keep::{Kept, program};
use super::server::Server;
use super::stage::Stage;
use crate::skip::aloud;

const ACCESS: &str =
    "local all all trust\nlocal replication all trust\nhost all all all scram-sha-256\n";

pub struct Pair {
    pub primary: Server,
    replica: Kept,
}

/// None, and a word aloud, where there is no PostgreSQL. To stop one replica's replay is to stop it for
/// every test: one at a time.
pub fn pair() -> Option<(&'static Pair, MutexGuard<'static, ()>)> {
    static PAIR: OnceLock<Option<Pair>> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let pair = aloud("PostgreSQL and pg_basebackup", PAIR.get_or_init(Pair::start).as_ref())?;
    pair.resume();
    Some((pair, turn))
}

impl Pair {
    fn start() -> Option<Self> {
        let (basebackup, postgres) = (program("pg_basebackup")?, program("postgres")?);
        let access = |_: &Path| vec![("access", ACCESS.to_owned())];
        let primary = Server::start(&[], access, "?sslmode=disable")?;
        let from = primary.own_url("postgres");
        let replica = Kept::start(
            |_, _| vec![("access", ACCESS.to_owned())],
            |folder, port| {
                let line = "folder=$1 port=$2 from=$3 basebackup=$4 postgres=$5
                    \"$basebackup\" -d \"$from\" -D data -R -X stream -c fast --no-sync &&
                    exec \"$postgres\" -D data -p \"$port\" -c unix_socket_directories=\"$folder\" \
                        -c hba_file=\"$folder/access\" -c listen_addresses= -c max_connections=200 -c fsync=off \
                        -c wal_receiver_status_interval=1s";
                let text = |path: &Path| path.display().to_string();
                ["sh", "-c", line, "sh", &text(folder), &port.to_string(), &from]
                    .into_iter()
                    .map(str::to_owned)
                    .chain([text(&basebackup), text(&postgres)])
                    .collect()
            },
            |folder, port| client::execute(&at(folder, port), "SELECT 1").is_ok(),
        );
        Some(Self { primary, replica })
    }

    /// A database with ten old rows and a policy's stage.
    pub fn stage(&'static self) -> Stage {
        let database = Database::create_on(&self.primary, None);
        database.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamptz)");
        database.grant(&[delete("t", "id")]);
        let url = database.url();
        self.fill(&database);
        Stage::new(database, url)
    }

    pub fn fill(&self, database: &Database) {
        database.execute("INSERT INTO t SELECT g, '2020-01-01Z' FROM generate_series(1, 10) g ON CONFLICT DO NOTHING");
    }

    /// From here on it takes the log and replays nothing.
    pub fn pause(&self) {
        self.tell("SELECT pg_wal_replay_pause()");
        self.until("a pause", || {
            let state = "SELECT pg_get_wal_replay_pause_state()";
            client::column::<String>(&self.replica_url(), state) == ["paused"]
        });
    }

    pub fn resume(&self) {
        self.tell("SELECT pg_wal_replay_resume()");
    }

    fn tell(&self, sql: &str) {
        client::execute(&self.replica_url(), sql).unwrap();
    }

    fn replica_url(&self) -> String {
        self.replica_at("postgres", "postgres")
    }

    /// The replica, for this login and database.
    pub fn replica_at(&self, user: &str, database: &str) -> String {
        let Kept { folder, port, .. } = &self.replica;
        let database = database.split('?').next().unwrap_or_default();
        format!("postgres://{user}@localhost:{port}/{database}?host={}", folder.display())
    }

    /// The folder of the replica's socket, and its port.
    pub fn replica_socket(&self) -> (&Path, u16) {
        (&self.replica.folder, self.replica.port)
    }

    /// Until the replica shows all that the primary has written so far.
    pub fn until_replayed(&self) {
        let primary = self.primary.own_url("postgres");
        let now = "SELECT (pg_current_wal_lsn() - '0/0')::bigint";
        let written: i64 = client::column(&primary, now)[0];
        let replayed = "SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint";
        self.until("the replay", || {
            client::column::<i64>(&self.replica_url(), replayed)[0] >= written
        });
    }

    /// Until the primary says so.
    pub fn until_told(&self, condition: &str) {
        let sql = format!("SELECT count(*) FROM pg_stat_replication WHERE {condition}");
        self.until(condition, || {
            client::column::<i64>(&self.primary.own_url("postgres"), &sql) == [1]
        });
    }

    fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_so() {
            assert!(Instant::now() < deadline, "{what} did not come");
            std::thread::yield_now();
        }
    }

    /// Somebody who keeps the log and replays nothing, as archives do. None where there is no such program.
    pub fn archive(&self) -> Option<Archive> {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(program("pg_receivewal")?)
            .args(["-s", "1", "-d", &self.primary.own_url("postgres"), "-D"])
            .arg(folder.path())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let archive = Archive { child, _folder: folder };
        self.until_told("application_name = 'pg_receivewal' AND write_lsn IS NOT NULL");
        Some(archive)
    }
}

fn at(folder: &Path, port: u16) -> String {
    format!("postgres://postgres@localhost:{port}/postgres?host={}", folder.display())
}

pub struct Archive {
    child: std::process::Child,
    _folder: tempfile::TempDir,
}

impl Drop for Archive {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
