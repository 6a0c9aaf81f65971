//! Fresh copies of the same rows.

use crate::client::Client;
use crate::scene::Scene;
use crate::server::Server;

pub struct Bed<'a> {
    server: &'a Server,
    /// The database that is copied.
    original: String,
}

impl<'a> Bed<'a> {
    pub async fn make(server: &'a Server, scene: &Scene) -> Self {
        let original = format!("scene_{}", scene.name);
        let create = format!("CREATE DATABASE {original} OWNER app");
        server.admin(&[&create]).await;
        let mut app = Client::connect(&server.url("app", &original)).await;
        app.script(&scene.schema).await;
        app.script(GRANTS).await;
        app.close().await;
        // So that nobody pays for what came before: no hint bits to set, statistics up to date.
        let mut admin = Client::connect(&server.url("postgres", &original)).await;
        admin.script("VACUUM (FREEZE, ANALYZE)").await;
        admin.close().await;
        Self { server, original }
    }

    pub async fn copy(&self) -> Copy<'_> {
        let name = format!("{}_copy", self.original);
        let create = format!("CREATE DATABASE {name} TEMPLATE {} OWNER app", self.original);
        self.server.admin(&[&create]).await;
        let copy = Copy { server: self.server, name };
        // What is in memory is the same for all, and so is what a checkpoint has yet to write.
        let mut app = copy.client().await;
        app.rows(
            "SELECT count(*)::text FROM sessions UNION ALL SELECT count(*)::text FROM messages",
        )
        .await;
        app.close().await;
        self.server.admin(&["CHECKPOINT"]).await;
        copy
    }

    pub async fn remove(self) {
        self.server.admin(&[&format!("DROP DATABASE {}", self.original)]).await;
    }
}

/// No more than docs/postgresql.md asks for.
const GRANTS: &str = "
    GRANT SELECT, DELETE ON sessions, messages TO purge;
    GRANT UPDATE (id) ON sessions, messages TO purge;
    GRANT SELECT ON organizations TO purge;";

pub struct Copy<'a> {
    server: &'a Server,
    name: String,
}

impl Copy<'_> {
    pub async fn client(&self) -> Client {
        Client::connect(&self.server.url("app", &self.name)).await
    }

    /// For our login.
    pub fn url(&self) -> String {
        self.server.url("purge", &self.name)
    }

    pub async fn remove(self) {
        self.server.admin(&[&format!("DROP DATABASE {} WITH (FORCE)", self.name)]).await;
    }
}
