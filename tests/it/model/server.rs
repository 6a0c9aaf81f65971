//! PostgreSQL's half: a database that many cases use one after another, straight and through the pooler.

use super::engine::{LABEL, printed};
use super::schema::{Table, Value, quoted};
use crate::postgres::client;
use crate::postgres::database::Database;

/// Where cases have their tables. Types of extensions have a schema of their own, in which a careless search path
/// does not look.
const SCHEMAS: [&str; 3] = ["public", "app", "Other schema"];
const EXTENSIONS: &str = "Types of others";

pub struct Place {
    database: Database,
    straight: String,
    pooled: String,
}

impl Place {
    /// None, and a word aloud, where there is no PostgreSQL or no pgbouncer.
    pub fn create() -> Option<Place> {
        let database = Database::create()?;
        let (straight, pooled) = (database.url(), database.bouncer_url()?);
        database.execute(&format!(
            "CREATE SCHEMA {0}; CREATE EXTENSION citext SCHEMA {0}; CREATE DOMAIN {0}.{LABEL} AS text;
             GRANT USAGE ON SCHEMA {0} TO {1}",
            quoted(EXTENSIONS),
            database.role
        ));
        Some(Place { database, straight, pooled })
    }

    pub fn url(&self, is_pooled: bool) -> &str {
        if is_pooled { &self.pooled } else { &self.straight }
    }

    /// As a superuser.
    pub fn execute(&self, sql: &str) {
        self.database.execute(sql);
    }

    /// Nothing but the case's tables; a trusted login may read them.
    pub fn build(&self, script: &str, is_trusted: bool) {
        let (schemas, role) = (SCHEMAS.map(quoted).join(", "), &self.database.role);
        let made: String = SCHEMAS.map(|name| format!("CREATE SCHEMA {};", quoted(name))).concat();
        self.execute(&format!("DROP SCHEMA IF EXISTS {schemas} CASCADE; {made}"));
        let grants = format!(
            "GRANT USAGE ON SCHEMA {schemas} TO {role};
             GRANT SELECT ON ALL TABLES IN SCHEMA {schemas} TO {role};"
        );
        let grants = if is_trusted { &grants } else { "" };
        let extensions = quoted(EXTENSIONS);
        self.execute(&format!("SET search_path = public, {extensions}; {script} {grants}"));
    }

    /// One array of flags.
    pub fn truths(&self, query: &str) -> Vec<Option<bool>> {
        client::column::<Vec<Option<bool>>>(&self.database.own_url(), query).concat()
    }

    /// Every row of all tables, as PostgreSQL prints it.
    pub fn dump(&self, tables: &[Table]) -> Vec<Vec<Vec<Value>>> {
        let queries = tables.iter().enumerate().map(|(number, table)| {
            let texts =
                table.columns.iter().map(|column| format!("{}::text", quoted(&column.name)));
            let texts: Vec<_> = std::iter::once(format!("'{number}'")).chain(texts).collect();
            format!("SELECT ARRAY[{}] FROM {}", texts.join(", "), table.path())
        });
        let query = queries.collect::<Vec<_>>().join(" UNION ALL ");
        let url = format!("{}&options[TimeZone]=UTC", self.database.own_url());
        let mut dumped = vec![Vec::new(); tables.len()];
        for row in client::column::<Vec<Option<String>>>(&url, &query) {
            let mut texts = row.into_iter();
            let number: usize = texts.next().flatten().unwrap().parse().unwrap();
            let columns = &tables[number].columns;
            let values = columns.iter().zip(texts).map(|(column, text)| printed(column.kind, text));
            dumped[number].push(values.collect());
        }
        dumped
    }
}
