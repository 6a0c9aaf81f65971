//! pgbouncer in transaction mode before the server: two transactions of one login rarely meet the same connection.

use std::path::Path;
use std::sync::{Mutex, OnceLock};

use super::client::{self, Holding};
use super::keep::{Kept, program};
use super::server::server;
use crate::skip::{self, aloud};

/// Server connections for each login in each database.
const POOL: usize = 2;

pub struct Bouncer {
    kept: Kept,
    /// Of `admin`, who may tell it to read its files anew.
    password: String,
    users: Mutex<String>,
}

/// None, and a word aloud, where there is no pgbouncer or no server behind it.
pub fn bouncer() -> Option<&'static Bouncer> {
    static BOUNCER: OnceLock<Option<Bouncer>> = OnceLock::new();
    let bouncer = BOUNCER.get_or_init(|| Bouncer::start(&server()?.authority, ""));
    aloud("pgbouncer", bouncer.as_ref())
}

impl Bouncer {
    /// With further settings.
    pub fn start(authority: &str, more: &str) -> Option<Self> {
        let Some(pgbouncer) = program("pgbouncer") else {
            skip::lacking("pgbouncer");
            return None;
        };
        let password = format!("{:016x}", fastrand::u64(..));
        let users = entry("admin", &password);
        let (host, port) = authority.rsplit_once(':').unwrap();
        // What a startup message may say is left as it comes: a client has to know what poolers refuse. Connections are
        // taken in turns, so that what one transaction leaves behind is not there in the next.
        let settings = |folder: &Path, own_port: u16| {
            format!(
                "[databases]
                * = host={host} port={port}
                [pgbouncer]
                listen_addr = 127.0.0.1
                listen_port = {own_port}
                unix_socket_dir =
                auth_type = scram-sha-256
                auth_file = {}/users
                admin_users = admin
                pool_mode = transaction
                default_pool_size = {POOL}
                server_round_robin = 1
                max_client_conn = 500\n",
                folder.display()
            )
            .replace("                ", "")
                + more
        };
        let kept = Kept::start(
            |folder, port| vec![("users", users.clone()), ("ini", settings(folder, port))],
            |_, _| vec![pgbouncer.display().to_string(), "ini".to_owned()],
            |_, port| client::execute(&console(port, &password), "SHOW VERSION").is_ok(),
        );
        Some(Self { kept, password, users: Mutex::new(users) })
    }

    /// From its next transactions on they reach another server, whose socket lies in this folder.
    pub fn turn_to(&self, folder: &Path, port: u16) {
        let ini = self.kept.folder.join("ini");
        let text = std::fs::read_to_string(&ini).unwrap();
        let (head, rest) = text.split_once("* = ").unwrap();
        let (_, rest) = rest.split_once('\n').unwrap();
        // Written in place, because the file is another user's.
        std::fs::write(ini, format!("{head}* = host={} port={port}\n{rest}", folder.display()))
            .unwrap();
        client::execute(&console(self.kept.port, &self.password), "RELOAD").unwrap();
    }

    /// The same login and database by this pooler.
    pub fn by(&self, url: &str) -> String {
        let parts = url.split_once("://").and_then(|(_, rest)| {
            let (login, rest) = rest.split_once('@')?;
            Some((login.split_once(':')?, rest.split_once('/')?.1.split('?').next()?))
        });
        let ((user, password), database) = parts.expect("user, password and database");
        self.admit(user, password);
        self.at(user, password, database)
    }

    fn at(&self, user: &str, password: &str, database: &str) -> String {
        let port = self.kept.port;
        format!("postgres://{user}:{password}@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    /// Lets a login in, and opens all connections of its pool.
    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        let url = self.at(user, password, database);
        self.admit(user, password);
        let at_once: Vec<_> = (0..POOL).map(|_| Holding::begin(&url, "SELECT 1")).collect();
        drop(at_once);
        url
    }

    fn admit(&self, user: &str, password: &str) {
        let mut users = self.users.lock().unwrap();
        let entry = entry(user, password);
        if users.contains(&entry) {
            return;
        }
        *users += &entry;
        // Written in place, because the file is another user's.
        std::fs::write(self.kept.folder.join("users"), &*users).unwrap();
        client::execute(&console(self.kept.port, &self.password), "RELOAD").unwrap();
    }
}

fn entry(user: &str, password: &str) -> String {
    format!("\"{user}\" \"{password}\"\n")
}

fn console(port: u16, password: &str) -> String {
    format!("postgres://admin:{password}@127.0.0.1:{port}/pgbouncer?sslmode=disable")
}
