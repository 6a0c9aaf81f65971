//! A PostgreSQL of its own, as it is after installation but for what `SETTINGS` says. It ends with this process.

use std::path::Path;

use crate::client::Client;
use crate::keep::{Kept, program};
use crate::scene::Size;

/// The same for all. Nobody is to be lucky with a vacuum, nor pay for a compiler; the rest is what PostgreSQL comes with,
/// and a COMMIT waits for the disk.
pub const SETTINGS: &[&str] =
    &["autovacuum=off", "jit=off", "shared_buffers=256MB", "max_wal_size=4GB"];

/// Where only what is left counts nobody waits for the disk, nor proves who he is.
const HASTE: &[&str] = &["fsync=off"];

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
                        -c listen_addresses=127.0.0.1 -c hba_file=\"$folder/access\" \"$@\"";
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
        let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
        loop {
            match Client::postgres(&self.url("postgres", "postgres")).await {
                Ok(client) => return client,
                Err(error) => assert!(std::time::Instant::now() < deadline, "{error}"),
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
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

    pub async fn version(&self) -> String {
        let mut admin = self.client("postgres", "postgres").await;
        let version = admin.rows("SELECT current_setting('server_version')").await;
        admin.close().await;
        version[0][0].clone()
    }
}
