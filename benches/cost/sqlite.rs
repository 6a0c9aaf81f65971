//! What is measured on SQLite: the same application with a file of its own.

use crate::contestant::{Contestant, Way};
use crate::scene::{Engine, Goal, Scene, Size};

const SESSIONS: u32 = 150_000;
const TENANTS: u32 = 1_000;
/// `ours::NOW`.
const NOW: u32 = 1_735_689_600;

pub fn scenes(size: Size) -> Vec<Scene> {
    vec![Scene {
        name: "sqlite",
        title: "SQLite, 62 % expired; the database cascades into the messages",
        engine: Engine::Sqlite,
        tenants: size.of(TENANTS),
        sessions: size.of(SESSIONS),
        schema: rows(size.of(SESSIONS), size.of(TENANTS), 0.62),
        policy: POLICY.to_owned(),
        others: others(),
        goal: Goal::Ratio(2.5),
        snapshot: false,
    }]
}

/// Rows lie in the order of time, all organizations among one another.
fn rows(sessions: u32, tenants: u32, expired: f64) -> String {
    let mut random = fastrand::Rng::with_seed(1);
    let mut drawn: Vec<(u32, u32)> = (0..sessions)
        .map(|_| {
            // Zipf: twice as far down the list, half as many rows.
            let org = f64::from(tenants + 1).powf(random.f64()) as u32;
            let window = f64::from(days(org) * 86_400);
            (NOW - (window * random.f64() / (1.0 - expired)) as u32, org)
        })
        .collect();
    drawn.sort_unstable();
    let mut sql = String::from(TABLES);
    insert(
        &mut sql,
        "organizations",
        (1..=tenants).map(|org| format!("'org-{org}', {}", days(org))),
    );
    let row = |(id, (at, org)): (usize, &(u32, u32))| {
        format!("{id}, 'org-{org}', 'Session number {id}', {at}")
    };
    insert(&mut sql, "sessions", drawn.iter().enumerate().map(row));
    sql + MESSAGES
}

fn days(org: u32) -> u32 {
    30 * (1 + org % 3)
}

/// Many rows in a statement: each is prepared from a copy of all that follows it.
fn insert(sql: &mut String, table: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.map(|row| format!("({row})")).collect();
    sql.push_str("BEGIN;\n");
    for rows in rows.chunks(5_000) {
        sql.push_str(&format!("INSERT INTO {table} VALUES {};\n", rows.join(",\n")));
    }
    sql.push_str("COMMIT;\n");
}

const TABLES: &str = "PRAGMA journal_mode = WAL;
CREATE TABLE organizations (id TEXT PRIMARY KEY, window_days INTEGER NOT NULL);
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY, org_id TEXT NOT NULL REFERENCES organizations (id), title TEXT NOT NULL,
    updated_at INTEGER NOT NULL);
CREATE INDEX sessions_org_age ON sessions (org_id, updated_at);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY, session_id INTEGER NOT NULL REFERENCES sessions (id) ON DELETE CASCADE, body TEXT NOT NULL);
CREATE INDEX messages_session ON messages (session_id);
";

const MESSAGES: &str = "
INSERT INTO messages (session_id, body)
SELECT id, 'word word word word word word word word word word word word word word word word word word word word'
FROM sessions, (VALUES (1), (2), (3));
";

const POLICY: &str = "window: {default: Forever, sources: [{name: organizations, unit: Days,
    table: {name: organizations, tenant: id, value: window_days}}]}
  targets: [{name: sessions, table: sessions, action: Delete,
    tenant: {column: org_id}, age: {column: updated_at, encoding: UnixSeconds},
    dependents: [{name: messages, table: messages, references: {session_id: id}}]}]";

fn others() -> Vec<Contestant> {
    let days = "(SELECT window_days FROM organizations WHERE organizations.id = org_id)";
    let all = format!("updated_at < {NOW} - 86400 * {days}");
    let one = format!("org_id = ?1 AND updated_at < {NOW} - 86400 * ?2");
    vec![
        Contestant {
            name: "one DELETE",
            way: Way::AtOnce(vec![format!("DELETE FROM sessions WHERE {all}")]),
        },
        Contestant {
            name: "loop over tenants, by 500",
            way: Way::PerTenant {
                tenants: "SELECT id, CAST(window_days AS TEXT) FROM organizations".to_owned(),
                rows: 500,
                batch: format!(
                    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE {one} LIMIT 500)"
                ),
            },
        },
        Contestant {
            name: "batches of 1,000",
            way: Way::Batches {
                rows: 1_000,
                batch: format!(
                    "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE {all} LIMIT 1000)"
                ),
            },
        },
    ]
}
