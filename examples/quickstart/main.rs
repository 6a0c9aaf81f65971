//! The application of the quickstart: makes the database of a small chat service with three tenants, and shows what
//! it holds.
//!
//! `quickstart [FILE]` makes it, `quickstart show [FILE]` shows it. FILE is `quickstart/app.db` unless it is named.

use std::error::Error;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Row};

/// Written into the file's header, so that only a file made here is ever replaced.
const OURS: [u8; 4] = *b"quik";

const SCHEMA: &str = "
PRAGMA application_id = 0x7175696b;
CREATE TABLE chats (
    id INTEGER PRIMARY KEY,
    tenant TEXT NOT NULL,
    title TEXT NOT NULL,
    pinned INTEGER NOT NULL DEFAULT 0,
    updated_at TEXT NOT NULL
);
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
    body TEXT NOT NULL
);
CREATE INDEX messages_chat_id ON messages (chat_id);
";

/// Tenant, title, pinned, messages, and when it was last used: counted from now, or a text that is no date.
const CHATS: [(&str, &str, bool, i64, &str); 11] = [
    ("acme", "Spring campaign", false, 3, "-2 days"),
    ("acme", "Invoice 4711", false, 4, "-8 days"),
    ("acme", "Trip to Lyon", false, 6, "-30 days"),
    ("acme", "House rules", true, 2, "-200 days"),
    ("acme", "Reminder", false, 1, "+3 days"),
    ("globex", "Reactor", false, 5, "-60 days"),
    ("globex", "Budget", false, 8, "-91 days"),
    ("globex", "Offsite", false, 3, "-400 days"),
    ("globex", "Imported", false, 2, "31/12/2024"),
    ("initech", "Printer", false, 1, "-5 days"),
    ("initech", "TPS reports", false, 7, "-1000 days"),
];

/// How many days each tenant was promised, as `manifest.yaml` has it; `None`: for ever.
const PROMISED: [(&str, Option<f64>); 3] =
    [("acme", Some(7.0)), ("globex", Some(90.0)), ("initech", None)];

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let show_only = arguments.first().is_some_and(|first| first == "show");
    if show_only {
        arguments.remove(0);
    }
    let path = match &arguments[..] {
        [] => PathBuf::from("quickstart/app.db"),
        [path] if !path.starts_with('-') => PathBuf::from(path),
        _ => {
            eprintln!("usage: quickstart [show] [FILE]");
            return ExitCode::from(2);
        }
    };
    let done = if show_only { show(&path).await } else { make(&path).await };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {error}", path.display());
            ExitCode::FAILURE
        }
    }
}

/// Makes the file anew, and shows it.
async fn make(path: &Path) -> Result<(), Box<dyn Error>> {
    if fs::symlink_metadata(path).is_ok() {
        if !is_ours(path)? {
            return Err("is there already and was not made here: name another file".into());
        }
        fs::remove_file(path)?;
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut database = SqliteConnection::connect_with(&options).await?;
    let mut transaction = database.begin().await?;
    sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await?;
    for (tenant, title, pinned, messages, used) in CHATS {
        // What is no step of time is stored as it stands.
        sqlx::query(
            "INSERT INTO chats (tenant, title, pinned, updated_at) \
             VALUES (?1, ?2, ?3, coalesce(datetime('now', ?4), ?4))",
        )
        .bind(tenant)
        .bind(title)
        .bind(pinned)
        .bind(used)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?) \
             INSERT INTO messages (chat_id, body) SELECT (SELECT max(id) FROM chats), 'message ' || n FROM n",
        )
        .bind(messages)
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    database.close().await?;
    show(path).await
}

/// A SQLite file whose header carries our mark.
fn is_ours(path: &Path) -> io::Result<bool> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok(false);
    }
    let mut header = [0; 100];
    match fs::File::open(path)?.read_exact(&mut header) {
        Ok(()) => Ok(header.starts_with(b"SQLite format 3\0") && header[68..72] == OURS),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Prints every chat, and why it is still there.
async fn show(path: &Path) -> Result<(), Box<dyn Error>> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut database = SqliteConnection::connect_with(&options).await?;
    let rows = sqlx::query(
        "SELECT tenant, title, pinned, updated_at, julianday('now') - julianday(updated_at) AS days, \
         (SELECT count(*) FROM messages WHERE chat_id = chats.id) AS messages FROM chats ORDER BY id",
    )
    .fetch_all(&mut database)
    .await?;
    line("TENANT", "CHAT", "LAST USED", "MESSAGES", "WHY IT IS HERE");
    let mut total = 0;
    for row in &rows {
        let tenant: String = row.try_get("tenant")?;
        let days: Option<f64> = row.try_get("days")?;
        let messages: i64 = row.try_get("messages")?;
        total += messages;
        let used = match days {
            Some(days) if days < 0.0 => format!("in {:.0} days", -days),
            Some(days) => format!("{days:.0} days ago"),
            None => row.try_get("updated_at")?,
        };
        let why = why(&tenant, days, row.try_get("pinned")?);
        let title: String = row.try_get("title")?;
        line(&tenant, &title, &used, &messages.to_string(), &why);
    }
    println!("{} chats, {total} messages", rows.len());
    Ok(database.close().await?)
}

fn line(tenant: &str, chat: &str, used: &str, messages: &str, why: &str) {
    println!("{tenant:<10}{chat:<18}{used:<16}{messages:<11}{why}");
}

/// Worked out from the row and the promise alone.
fn why(tenant: &str, days: Option<f64>, pinned: bool) -> String {
    let promised = PROMISED.iter().find(|(name, _)| *name == tenant);
    let Some((_, promised)) = promised else {
        return "nobody said how long".to_owned();
    };
    match (promised, days) {
        (None, _) => "kept for ever".to_owned(),
        (Some(_), None) => "its date cannot be read".to_owned(),
        (Some(_), Some(days)) if days < 0.0 => "its date is in the future".to_owned(),
        (Some(promised), Some(days)) if days <= *promised => format!("kept for {promised} days"),
        _ if pinned => "pinned".to_owned(),
        (Some(promised), _) => format!("DUE: kept for {promised} days"),
    }
}
