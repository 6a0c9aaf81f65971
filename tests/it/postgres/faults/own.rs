//! A server that these tests may stop, starve and fill, one of them at a time.

use std::net::TcpStream;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::super::bed::{Bed, Variant};
use super::super::client;
use super::super::database::Database;
use super::super::server::{Server, Start};
use crate::skip::aloud;

pub struct Own {
    pub server: Server,
}

/// None, and a word aloud, where there is no PostgreSQL.
pub fn own() -> Option<(&'static Own, MutexGuard<'static, ()>)> {
    static OWN: OnceLock<Option<Own>> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let settings = ["max_connections=20", "deadlock_timeout=20ms"];
    let start = || {
        let start = Start { settings: &settings, comes_back: true, ..Start::default() };
        Own::start(&start)
    };
    let own = aloud("PostgreSQL", OWN.get_or_init(start).as_ref())?;
    own.up();
    Some((own, turn))
}

pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Own {
    pub fn start(start: &Start<'_>) -> Option<Self> {
        Some(Self { server: Server::start_with(start, |_| Vec::new(), "?sslmode=disable")? })
    }

    pub fn database(&'static self) -> Database {
        Database::create_on(&self.server, None)
    }

    pub fn bed(&'static self, variant: Variant) -> Bed {
        let database = self.database();
        let url = database.url();
        Bed::on(database, url, variant)
    }

    pub fn execute(&self, sql: &str) {
        client::execute(&self.server.own_url("postgres"), sql).unwrap();
    }

    /// `pg_ctl stop -m immediate`: no farewell to anybody. It stays down.
    pub fn down(&self) {
        let folder = self.server.folder();
        std::fs::write(folder.join("down"), "").unwrap();
        let pid = std::fs::read_to_string(folder.join("data/postmaster.pid")).unwrap();
        signal("QUIT", pid.lines().next().unwrap());
        until("its end", || TcpStream::connect(&self.server.authority).is_err());
    }

    pub fn up(&self) {
        let _ = std::fs::remove_file(self.server.folder().join("down"));
        self.until_up();
    }

    /// Makes a setting hold for sessions that are there already.
    pub fn reloaded(&self, setting: &str, value: &str) {
        self.execute("SELECT pg_reload_conf()");
        let url = self.server.own_url("postgres");
        let now = format!("SELECT current_setting('{setting}')");
        until(setting, || client::column::<String>(&url, &now) == [value]);
    }

    pub fn write_again(&self) {
        self.execute("ALTER SYSTEM RESET default_transaction_read_only");
        self.reloaded("default_transaction_read_only", "off");
    }

    pub fn until_up(&self) {
        let url = self.server.own_url("postgres");
        until("the server", || client::execute(&url, "SELECT 1").is_ok());
    }
}

pub fn signal(name: &str, process: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), process]).status().unwrap();
    assert!(sent.success(), "SIG{name} to {process}");
}
