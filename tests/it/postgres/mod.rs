//! Policies on PostgreSQL, each test in a database of its own.

mod ages;
mod bed;
mod blocks;
mod bouncer;
mod bytes;
pub mod client;
mod connections;
pub mod database;
mod dependents;
mod dry;
pub mod keep;
mod kept;
mod keys;
pub mod laws;
mod logins;
mod meddler;
mod pacing;
mod partitions;
mod race;
mod replica;
mod schema;
pub mod server;
mod smoke;
pub mod stage;
mod tenants;
pub mod tls;
mod waiters;
