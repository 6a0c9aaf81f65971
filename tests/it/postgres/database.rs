//! A database of one test, and a login that may do in it no more than what it is granted.

use std::sync::Mutex;
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
    /// Whether any other test may have it.
    is_plain: bool,
}

impl Database {
    /// None, and a word aloud, where there is no PostgreSQL.
    pub fn create() -> Option<Self> {
        let server = server()?;
        let spare = SPARE.lock().unwrap().pop();
        Some(Self::create_on(server, spare))
    }

    /// With the name of an empty database that is there already, or none.
    pub fn create_on(server: &'static Server, spare: Option<String>) -> Self {
        Self::create_with(server, spare, "")
    }

    /// One that holds texts as bytes, whatever they mean.
    pub fn create_of_bytes() -> Option<Self> {
        let how = "TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'";
        Some(Self::create_with(server()?, None, how))
    }

    fn create_with(server: &'static Server, spare: Option<String>, how: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let number = format!("{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let (role, password) = (format!("purge_{number}"), format!("{:016x}", fastrand::u64(..)));
        let mut first = vec![format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'")];
        let name = spare.unwrap_or_else(|| {
            let name = format!("retention_test_{number}");
            first.push(format!("CREATE DATABASE {name} {how}"));
            name
        });
        first.push(format!("REVOKE ALL ON DATABASE {name} FROM PUBLIC"));
        first.push(format!("GRANT CONNECT ON DATABASE {name} TO {role}"));
        for statement in first {
            client::execute(&server.own_url("postgres"), &statement).unwrap();
        }
        let is_plain = how.is_empty();
        let database = Self { server, name, role, password, is_plain };
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

    /// The same name and the same login on another server, with nothing in it.
    pub fn admit_on(&self, other: &Server) {
        let Self { name, role, password, .. } = self;
        for statement in [
            format!("CREATE ROLE {role} LOGIN PASSWORD '{password}'"),
            format!("CREATE DATABASE {name}"),
        ] {
            client::execute(&other.own_url("postgres"), &statement).unwrap();
        }
    }

    pub fn forget_on(&self, other: &Server) {
        let Self { name, role, .. } = self;
        for statement in [format!("DROP DATABASE {name} WITH (FORCE)"), format!("DROP ROLE {role}")]
        {
            client::execute(&other.own_url("postgres"), &statement).unwrap();
        }
    }

    /// Not even what `grant` gave.
    pub fn revoke_all(&self) {
        self.execute(&format!("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}", self.role));
    }
}

/// Databases of our own server that tests have left, clean again: to make one takes ten times as long.
static SPARE: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// All that tests make in a database.
const CLEAN: &str = "DO $$ DECLARE one record; BEGIN
    FOR one IN SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' LOOP
        EXECUTE format('DROP EXTENSION %I CASCADE', one.extname);
    END LOOP;
    FOR one IN SELECT pubname FROM pg_publication LOOP
        EXECUTE format('DROP PUBLICATION %I', one.pubname);
    END LOOP;
    FOR one IN SELECT fdwname FROM pg_foreign_data_wrapper LOOP
        EXECUTE format('DROP FOREIGN DATA WRAPPER %I CASCADE', one.fdwname);
    END LOOP;
    FOR one IN SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
        EXECUTE format('DROP SCHEMA %I CASCADE', one.nspname);
    END LOOP;
    CREATE SCHEMA public;
END $$";

impl Drop for Database {
    fn drop(&mut self) {
        let Self { server, name, role, is_plain, .. } = self;
        let url = server.own_url(name);
        let others = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        let owned = format!("DROP OWNED BY {role} CASCADE");
        let again = [others, CLEAN, &owned].iter().all(|sql| client::execute(&url, sql).is_ok());
        let keep = again && *is_plain && server.is_reused && !std::thread::panicking();
        let mut last = vec![format!("DROP ROLE {role}")];
        if !keep {
            last.insert(0, format!("DROP DATABASE {name} WITH (FORCE)"));
        }
        for statement in last {
            let dropped = client::execute(&server.own_url("postgres"), &statement);
            assert!(dropped.is_ok() || std::thread::panicking(), "{statement}: {dropped:?}");
        }
        if keep {
            SPARE.lock().unwrap().push(std::mem::take(name));
        }
    }
}
