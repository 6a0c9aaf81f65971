//! How a database fares, asked between batches.

use std::time::Duration;

/// What a batch may have to wait for.
#[derive(Debug, Clone, Default)]
pub struct Pressure {
    /// Who asked, as SQL names it.
    pub login: String,
    /// Servers that replay what this one writes.
    pub followers: Vec<Follower>,
    /// Others wait for a lock on one of the tables.
    pub waiters: bool,
    /// SQLite's write-ahead log, where there is one.
    pub log: Option<Log>,
    /// Why it could not be asked.
    pub unasked: Option<String>,
}

/// A server that replays what this one writes.
#[derive(Debug, Clone)]
pub struct Follower {
    pub name: String,
    /// As PostgreSQL calls it. `None`: the login may see nothing of it.
    pub state: Option<String>,
    /// A subscriber, which takes some changes and not the log itself.
    pub is_logical: bool,
    /// How far our server's log goes, and how far this one has replayed it.
    pub written: u64,
    pub replayed: Option<u64>,
    /// As our server tells it.
    pub lag: Option<Duration>,
}

/// SQLite's write-ahead log after a checkpoint.
#[derive(Debug, Clone, Copy)]
pub struct Log {
    pub bytes: u64,
    /// All of it is in the database's file: who writes next begins it anew, unless somebody reads it.
    pub emptied: bool,
}
