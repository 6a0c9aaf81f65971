//! Fresh copies of the same rows.

use std::fs;
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::client::Client;
use crate::scene::{Engine, Scene};
use crate::server::Server;

/// No more than docs/postgresql.md asks for.
const GRANTS: &str = "
    GRANT SELECT, DELETE ON sessions, messages TO purge;
    GRANT UPDATE (id) ON sessions, messages TO purge;
    GRANT SELECT ON organizations TO purge;";

/// A database as contestants find it.
pub enum Bed<'a> {
    Postgres { server: &'a Server, database: String },
    Sqlite { folder: TempDir },
}

/// Where ours looks for it.
pub enum Address {
    Url(String),
    /// A folder with `app.db`.
    Folder(PathBuf),
}

impl<'a> Bed<'a> {
    pub async fn make(server: &'a Server, scene: &Scene) -> Self {
        match scene.engine {
            Engine::Postgres => {
                let database = format!("scene_{}", scene.name);
                server.admin(&[&format!("CREATE DATABASE {database} OWNER app")]).await;
                let bed = Self::Postgres { server, database };
                let mut app = bed.client().await;
                app.script(&scene.schema).await;
                app.script(GRANTS).await;
                app.close().await;
                // So that nobody pays for what came before: no hint bits to set, statistics up to date.
                let mut admin = server.client("postgres", bed.name()).await;
                admin.script("VACUUM (FREEZE, ANALYZE)").await;
                admin.close().await;
                bed
            }
            Engine::Sqlite => {
                let bed = Self::Sqlite { folder: tempfile::tempdir().unwrap() };
                let mut app = bed.client().await;
                app.script(&scene.schema).await;
                app.script("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)").await;
                app.close().await;
                bed
            }
        }
    }

    pub async fn copy(&self) -> Bed<'a> {
        match self {
            Self::Postgres { server, database } => {
                let name = format!("{database}_copy");
                let create = format!("CREATE DATABASE {name} TEMPLATE {database} OWNER app");
                server.admin(&[&create]).await;
                let copy = Self::Postgres { server, database: name };
                // What is in memory is the same for all, and what a checkpoint has yet to write.
                let mut app = copy.client().await;
                for table in ["sessions", "messages"] {
                    app.rows(&format!("SELECT count(*)::text FROM {table}")).await;
                }
                app.close().await;
                server.admin(&["CHECKPOINT"]).await;
                copy
            }
            Self::Sqlite { folder } => {
                let copy = tempfile::tempdir().unwrap();
                fs::copy(folder.path().join("app.db"), copy.path().join("app.db")).unwrap();
                Self::Sqlite { folder: copy }
            }
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Postgres { database, .. } => database,
            Self::Sqlite { .. } => "app.db",
        }
    }

    /// Of the application.
    pub async fn client(&self) -> Client {
        match self {
            Self::Postgres { server, database } => server.client("app", database).await,
            Self::Sqlite { folder } => Client::sqlite(&folder.path().join("app.db")).await.unwrap(),
        }
    }

    pub fn address(&self) -> Address {
        match self {
            Self::Postgres { server, database } => Address::Url(server.url("purge", database)),
            Self::Sqlite { folder } => Address::Folder(folder.path().to_owned()),
        }
    }

    /// What ours sends to the tables while something is done, as far as the database tells.
    pub async fn sent(&self, work: impl AsyncFnOnce()) -> Vec<(String, usize)> {
        let mut sent = match self {
            Self::Postgres { server, database } => server.sent("purge", database, work).await,
            Self::Sqlite { .. } => return Vec::new(),
        };
        // Not what reads the catalog, begins and ends, or asks how it would be done.
        sent.retain(|(statement, _)| {
            let is_work =
                ["SELECT", "WITH", "DELETE"].iter().any(|verb| statement.starts_with(verb));
            is_work
                && (statement.contains("FROM \"public\"")
                    || statement.contains("FROM ONLY \"public\""))
        });
        assert!(!sent.is_empty(), "the server's log tells nothing of ours");
        sent
    }

    /// A login of the application.
    pub fn application(&self) -> String {
        match self {
            Self::Postgres { server, database } => server.url("app", database),
            Self::Sqlite { .. } => unreachable!("nobody else works on the file"),
        }
    }

    /// How many rows a table has, and a digest of all that is in them.
    pub async fn digest(&self, table: &str) -> String {
        let mut client = self.client().await;
        let digest = match self {
            // By the server: there are many.
            Self::Postgres { .. } => {
                let row = "hashtextextended(t::text, 0)";
                let query = format!("SELECT concat(count(*), ', ', sum({row})) FROM {table} t");
                client.rows(&query).await[0][0].clone()
            }
            Self::Sqlite { .. } => {
                let row = match table {
                    "sessions" => "concat_ws('|', id, org_id, title, updated_at)",
                    _ => "concat_ws('|', id, session_id, body)",
                };
                let rows = client.rows(&format!("SELECT {row} FROM {table} ORDER BY id")).await;
                let mut digest = Sha256::new();
                for row in &rows {
                    digest.update(&row[0]);
                    digest.update("\n");
                }
                format!("{}, {:x?}", rows.len(), digest.finalize())
            }
        };
        client.close().await;
        digest
    }

    /// The same tables without a row in them.
    pub async fn empty(&self) {
        let mut client = self.client().await;
        client
            .script(match self {
                Self::Postgres { .. } => "TRUNCATE sessions, messages",
                Self::Sqlite { .. } => "DELETE FROM messages; DELETE FROM sessions; VACUUM",
            })
            .await;
        client.close().await;
    }

    pub async fn remove(self) {
        if let Self::Postgres { server, database } = self {
            server.admin(&[&format!("DROP DATABASE {database} WITH (FORCE)")]).await;
        }
    }
}
