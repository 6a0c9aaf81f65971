//! The tenants of a table, each once, by skips through an index that begins with them. Where it is
//! sorted by an age next, the first row of each tells how old its oldest is.
//!
//! Not by min(), which some types do not have.

use std::slice;

use super::array;
use super::schema::named;
use crate::model::{Engine, ROW, Table, Value, quote};
use crate::sql::statement::{Binds, Statement};
use crate::sql::words::{as_text, cast, column, from, shown_column};

/// More would take longer than to look at all of its rows.
const PROBES_A_BLOCK: usize = 100;

/// A tenant, and where a skip beyond it may stop.
type Gap = (Value, Value);

struct Skips<'t> {
    table: &'t Table,
    tenant: &'t str,
    age: Option<&'t str>,
}

/// Tenant, and the age of its oldest row or NULL.
pub fn tenants(table: &Table, tenant: &str, age: Option<&str>) -> Statement {
    let skips = Skips { table, tenant, age };
    let text = format!(
        "WITH RECURSIVE ro_tenants({}) AS (({}) UNION ALL SELECT ro_next.* FROM ro_tenants \
         CROSS JOIN LATERAL ({}) AS ro_next) SELECT {} FROM ro_tenants",
        skips.named(),
        skips.first("IS NOT NULL"),
        skips.first(&format!("> {}", skips.tenant_of("ro_tenants"))),
        skips.shown("ro_tenants"),
    );
    skips.statement(text, Binds::none(Engine::Postgres))
}

/// The same where some tenants are known, in the order of the column: up to each of them the first after
/// the one before. A skip that knows where to stop does not read the rest of a block of the index, and
/// many of one kind cost less than as many that wait for each other.
///
/// Who is found before one that is known is a stranger: a third column says up to where there may be
/// more, and is NULL otherwise. Nobody is probed for beyond the first and the last row, and nobody at
/// all where the table is too small for so many: then the first tenant is a stranger, and so are all
/// behind it.
pub fn known_tenants(table: &Table, tenant: &str, age: Option<&str>, known: &[Value]) -> Statement {
    let skips = Skips { table, tenant, age };
    let mut binds = Binds::none(Engine::Postgres);
    let list = array(table, tenant, known.iter(), &mut binds);
    let own = skips.tenant_of(ROW);
    let end = |order: &str| {
        format!(
            "(SELECT {own} FROM {} WHERE {own} IS NOT NULL ORDER BY {own}{order} LIMIT 1)",
            from(table, ROW)
        )
    };
    let probes = known.len() * table.leaves.len().max(1);
    let parts = if table.leaves.is_empty() { slice::from_ref(&table.name) } else { &table.leaves };
    let list = format!(
        "CASE WHEN (SELECT pg_catalog.sum(pg_catalog.pg_relation_size(c.oid)) \
         FROM pg_catalog.pg_class c WHERE {}) \
         / pg_catalog.current_setting('block_size')::pg_catalog.int8 * {PROBES_A_BLOCK} >= {probes} \
         THEN {list} END",
        named(parts)
    );
    let known = |what: &str| format!("(SELECT {what} FROM ro_known)");
    let up_to = "ro_found.ro_to";
    let text = format!(
        "WITH ro_known(list, least, most) AS MATERIALIZED (SELECT {list}, {least}, {most}) \
         SELECT {shown}, CASE WHEN {found} < {up_to} THEN {up_to_shown} END FROM (\
         SELECT ro_next.*, {first} AS ro_to FROM ({up_to_first}) AS ro_next UNION ALL \
         SELECT ro_next.*, ro_gaps.upto FROM ROWS FROM (pg_catalog.unnest({all}), \
         pg_catalog.unnest(pg_catalog.array_append(({all})[2:], {most_known}))) \
         AS ro_gaps(after, upto) CROSS JOIN LATERAL ({next}) AS ro_next \
         WHERE ro_gaps.upto >= {least_known} AND ro_gaps.after < {most_known}) AS ro_found",
        least = end(""),
        most = end(" DESC"),
        shown = skips.shown("ro_found"),
        found = skips.tenant_of("ro_found"),
        up_to_shown = as_text(up_to),
        first = known("coalesce(list[1], most)"),
        up_to_first = skips.first(&format!("<= {}", known("coalesce(list[1], most)"))),
        all = known("list"),
        least_known = known("least"),
        most_known = known("most"),
        next = skips.first_between("ro_gaps.after", "ro_gaps.upto"),
    );
    skips.statement(text, binds)
}

/// Those that lie between tenants and where a skip may stop, by skips from each of them.
pub fn tenants_between(table: &Table, tenant: &str, age: Option<&str>, gaps: &[Gap]) -> Statement {
    let skips = Skips { table, tenant, age };
    let mut binds = Binds::none(Engine::Postgres);
    let mut list = |of: fn(&Gap) -> &Value| {
        // A list that the planner could count would make it remember what is asked once.
        format!("(SELECT {})", array(table, tenant, gaps.iter().map(of), &mut binds))
    };
    let (after, up_to) = (list(|gap| &gap.0), list(|gap| &gap.1));
    let text = format!(
        "WITH RECURSIVE ro_tenants({named}, ro_to) AS (SELECT ro_next.*, ro_gaps.upto FROM \
         ROWS FROM (pg_catalog.unnest({after}), pg_catalog.unnest({up_to})) \
         AS ro_gaps(after, upto) CROSS JOIN LATERAL ({first}) AS ro_next UNION ALL \
         SELECT ro_next.*, ro_tenants.ro_to FROM ro_tenants CROSS JOIN LATERAL ({next}) AS ro_next) \
         SELECT {shown} FROM ro_tenants",
        named = skips.named(),
        first = skips.first_between("ro_gaps.after", "ro_gaps.upto"),
        next = skips.first_between(&skips.tenant_of("ro_tenants"), "ro_tenants.ro_to"),
        shown = skips.shown("ro_tenants"),
    );
    skips.statement(text, binds)
}

impl Skips<'_> {
    fn names(&self) -> impl Iterator<Item = &str> {
        [self.tenant].into_iter().chain(self.age)
    }

    fn named(&self) -> String {
        self.names().map(quote).collect::<Vec<_>>().join(", ")
    }

    fn tenant_of(&self, alias: &str) -> String {
        column(self.table, alias, self.tenant)
    }

    /// The first row of the first tenant of whom this holds.
    fn first(&self, condition: &str) -> String {
        let values: Vec<String> = self.names().map(|name| column(self.table, ROW, name)).collect();
        let values = values.join(", ");
        format!(
            "SELECT {values} FROM {} WHERE {} {condition} ORDER BY {values} LIMIT 1",
            from(self.table, ROW),
            self.tenant_of(ROW)
        )
    }

    fn first_between(&self, after: &str, up_to: &str) -> String {
        self.first(&format!("> {after} AND {} <= {up_to}", self.tenant_of(ROW)))
    }

    fn shown(&self, alias: &str) -> String {
        let age = self.age.map_or_else(|| "NULL".to_owned(), |age| self.shown_age(alias, age));
        format!("{}, {age}", shown_column(self.table, alias, self.tenant))
    }

    /// An age of which it is not yet known what it means: a number as a number, all else as text, and so
    /// a `numeric`, which may be too large for a number.
    fn shown_age(&self, alias: &str, age: &str) -> String {
        match self.table.column(age).map(|column| column.declared.as_str()) {
            Some("float4" | "float8") => {
                cast(&column(self.table, alias, age), "\"pg_catalog\".\"float8\"")
            }
            _ => shown_column(self.table, alias, age),
        }
    }

    fn statement(&self, text: String, binds: Binds) -> Statement {
        let statement = Statement::new(text, binds);
        if self.age.is_some() { statement.along_index() } else { statement }
    }
}
