//! A PostgreSQL of this process's own, made when the first test asks. Or the one that `RETENTION_OPERATOR_POSTGRES_URL`
//! names, so that every version can be tested.

use std::path::Path;
use std::sync::OnceLock;

use super::client;
use super::keep::{Kept, Small, program};
use crate::skip::{self, aloud};

/// So that nothing here is right only because the server's zone is the run's.
const ZONE: &str = "America/St_Johns";

pub struct Server {
    /// Of a superuser.
    user: String,
    password: String,
    /// `host:port`.
    pub authority: String,
    /// What of a URL comes behind the database: `?sslmode=disable`.
    options: &'static str,
    /// Where helpers come in without a password; nobody else can.
    socket: Option<String>,
    /// Whether a test may take the database that another one left.
    pub is_reused: bool,
    kept: Option<Kept>,
}

/// What a server of one purpose is started with.
#[derive(Default)]
pub struct Start<'a> {
    pub settings: &'a [&'a str],
    /// Beyond those of every cluster.
    pub initdb: &'a str,
    pub small: Small,
    /// Whether it comes back when it ends, unless there is a file `down`. A file `room` makes room in `small` first.
    pub comes_back: bool,
}

/// None, and a word aloud, where there is no PostgreSQL.
pub fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| match std::env::var("RETENTION_OPERATOR_POSTGRES_URL") {
        Ok(url) => Some(Server::elsewhere(&url)),
        Err(_) => Server::start(&[], |_| Vec::new(), "?sslmode=disable")
            .map(|server| Server { is_reused: true, ..server }),
    });
    aloud("PostgreSQL", server.as_ref())
}

impl Server {
    fn elsewhere(url: &str) -> Self {
        let parts = url.split_once("://").and_then(|(_, rest)| {
            let (login, rest) = rest.rsplit_once('@')?;
            let (user, password) = login.split_once(':')?;
            let authority = rest.split(['/', '?']).next()?;
            Some((user.to_owned(), password.to_owned(), authority.to_owned()))
        });
        let (user, password, mut authority) = parts.expect("postgres://USER:PASSWORD@HOST:PORT/");
        if !authority.contains(':') {
            authority.push_str(":5432");
        }
        Self {
            user,
            password,
            authority,
            options: "?sslmode=prefer",
            socket: None,
            is_reused: false,
            kept: None,
        }
    }

    /// A server with further settings and files. None where PostgreSQL is not installed.
    pub fn start(
        settings: &[&str],
        files: impl Fn(&Path) -> Vec<(&'static str, String)>,
        options: &'static str,
    ) -> Option<Self> {
        Self::start_with(&Start { settings, ..Start::default() }, files, options)
    }

    pub fn start_with(
        start: &Start<'_>,
        files: impl Fn(&Path) -> Vec<(&'static str, String)>,
        options: &'static str,
    ) -> Option<Self> {
        let Start { settings, initdb: with, small, comes_back } = start;
        let (Some(postgres), Some(initdb)) = (program("postgres"), program("initdb")) else {
            skip::lacking("initdb and postgres");
            return None;
        };
        let password = format!("{:016x}", fastrand::u64(..));
        let access = "local all all trust\nhost all all all scram-sha-256\n";
        let run = if *comes_back {
            "while :; do
                while [ -e down ]; do sleep 0.05; done
                if [ -e room ]; then rm -f small/filler; fi
                setpriv --pdeathsig QUIT \"$@\"
                sleep 0.1
            done"
        } else {
            "exec \"$@\""
        };
        let kept = Kept::start_with(
            *small,
            |folder, _| {
                let own = [("password", password.clone()), ("access", access.to_owned())];
                own.into_iter().chain(files(folder)).collect()
            },
            |folder, port| {
                let line = format!("folder=$1 port=$2 initdb=$3 postgres=$4; shift 4
                    \"$initdb\" -D data -U postgres --pwfile password -E UTF8 --locale C.UTF-8 -A scram-sha-256 --no-sync {with} || exit
                    set -- \"$postgres\" -D data -p \"$port\" -c unix_socket_directories=\"$folder\" \"$@\"
                    {run}");
                let fixed = [
                    "listen_addresses=127.0.0.1".to_owned(),
                    format!("hba_file={}/access", folder.display()),
                    format!("timezone={ZONE}"),
                    "fsync=off".to_owned(),
                    "full_page_writes=off".to_owned(),
                    "max_connections=200".to_owned(),
                    "shared_buffers=32MB".to_owned(),
                    // Nobody gathers statistics or takes locks but who the test is about.
                    "autovacuum=off".to_owned(),
                ];
                let settings = fixed.into_iter().chain(settings.iter().map(ToString::to_string));
                let text = |path: &Path| path.display().to_string();
                let start = ["sh", "-c", &line, "sh", &text(folder), &port.to_string()];
                start
                    .into_iter()
                    .map(str::to_owned)
                    .chain([text(&initdb), text(&postgres)])
                    .chain(settings.flat_map(|setting| ["-c".to_owned(), setting]))
                    .collect()
            },
            |folder, port| {
                folder.join(format!(".s.PGSQL.{port}")).exists()
                    && client::execute(&socket(folder, port, "postgres"), "SELECT 1").is_ok()
            },
        );
        Some(Self {
            user: "postgres".to_owned(),
            password,
            authority: format!("127.0.0.1:{}", kept.port),
            options,
            socket: Some(socket(&kept.folder, kept.port, "")),
            is_reused: false,
            kept: Some(kept),
        })
    }

    pub fn url(&self, user: &str, password: &str, database: &str) -> String {
        format!("postgres://{user}:{password}@{}/{database}{}", self.authority, self.options)
    }

    /// Of a server of our own.
    pub fn folder(&self) -> &Path {
        &self.kept.as_ref().expect("it is somebody else's").folder
    }

    /// As anybody else would come in.
    pub fn superuser_url(&self, database: &str) -> String {
        self.url(&self.user, &self.password, database)
    }

    /// As helpers come in: a superuser, and the fastest way.
    pub fn own_url(&self, database: &str) -> String {
        match &self.socket {
            Some(socket) => socket.replace("/?", &format!("/{database}?")),
            None => self.superuser_url(database),
        }
    }
}

fn socket(folder: &Path, port: u16, database: &str) -> String {
    format!("postgres://postgres@localhost:{port}/{database}?host={}", folder.display())
}
