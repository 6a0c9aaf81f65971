//! A database of one test, and a login that may do in it no more than what it is granted.

use std::sync::atomic::{AtomicU32, Ordering};

use super::bouncer::bouncer;
use super::client::{self, Holding};
use super::server::{Server, server};

/// What a purge needs of one table.
pub enum Grant {
    /// Rows are deleted. They are locked first, and PostgreSQL asks for UPDATE on one column to lock a row.
    Delete {
        table: String,
        column: String,
    },
    Update {
        table: String,
    },
    Read {
        table: String,
    },
}

/// Names as SQL has them, here and below.
pub fn delete(table: &str, column: &str) -> Grant {
    Grant::Delete { table: table.to_owned(), column: column.to_owned() }
}

pub fn update(table: &str) -> Grant {
    Grant::Update { table: table.to_owned() }
}

pub fn read(table: &str) -> Grant {
    Grant::Read { table: table.to_owned() }
}

pub struct Database {
    server: &'static Server,
    name: String,
    /// The purge's login.
    pub role: String,
    password: String,
}

impl Database {
    /// None, and a word aloud, where there is no PostgreSQL.
    pub fn create() -> Option<Self> {
        server().map(Self::create_on)
    }

    pub fn create_on(server: &'static Server) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = format!("{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let database = Self {
            server,
            name: format!("retention_test_{number}"),
            role: format!("purge_{number}"),
            password: format!("{:016x}", fastrand::u64(..)),
        };
        let Self { name, role, password, .. } = &database;
        let server = server.own_url("postgres");
        for statement in [
            format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'"),
            format!("CREATE DATABASE {name}"),
            format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"),
            format!("GRANT CONNECT ON DATABASE {name} TO {role}"),
        ] {
            client::execute(&server, &statement).unwrap();
        }
        database.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC");
        database
    }

    /// The purge's login, without anything in between.
    pub fn url(&self) -> String {
        self.server.url(&self.role, &self.password, &self.name)
    }

    /// The purge's login, through a pooler in transaction mode. None, and a word aloud, where there is no pgbouncer.
    pub fn bouncer_url(&self) -> Option<String> {
        Some(bouncer()?.url(&self.role, &self.password, &self.name))
    }

    pub fn superuser_url(&self) -> String {
        self.server.superuser_url(&self.name)
    }

    /// For who works beside a run.
    pub fn own_url(&self) -> String {
        self.server.own_url(&self.name)
    }

    /// As a superuser.
    pub fn execute(&self, sql: &str) {
        client::execute(&self.own_url(), sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The first column of a query, as a superuser: of type bigint.
    pub fn numbers(&self, sql: &str) -> Vec<i64> {
        client::column(&self.own_url(), sql)
    }

    /// The first column of a query, as a superuser: of type text.
    pub fn texts(&self, sql: &str) -> Vec<String> {
        client::column(&self.own_url(), sql)
    }

    /// What another client does without waiting for locks.
    pub fn elsewhere(&self, sql: &str) -> Result<(), String> {
        client::elsewhere(&self.own_url(), sql)
    }

    /// What another client has done in a transaction that it does not end.
    pub fn holding(&self, sql: &str) -> Holding {
        Holding::begin(&self.own_url(), sql)
    }

    /// No more than the product asks for.
    pub fn grant(&self, grants: &[Grant]) {
        let role = &self.role;
        let mut sql = format!("GRANT USAGE ON SCHEMA public TO {role};");
        for grant in grants {
            sql += &match grant {
                Grant::Delete { table, column } => format!(
                    "GRANT SELECT, DELETE ON {table} TO {role}; GRANT UPDATE ({column}) ON {table} TO {role};"
                ),
                Grant::Update { table } => format!("GRANT SELECT, UPDATE ON {table} TO {role};"),
                Grant::Read { table } => format!("GRANT SELECT ON {table} TO {role};"),
            };
        }
        self.execute(&sql);
    }

    /// Not even what `grant` gave.
    pub fn revoke_all(&self) {
        self.execute(&format!("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}", self.role));
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let server = self.server.own_url("postgres");
        let Self { name, role, .. } = self;
        for statement in [format!("DROP DATABASE {name} WITH (FORCE)"), format!("DROP ROLE {role}")]
        {
            let dropped = client::execute(&server, &statement);
            assert!(dropped.is_ok() || std::thread::panicking(), "{statement}: {dropped:?}");
        }
    }
}
