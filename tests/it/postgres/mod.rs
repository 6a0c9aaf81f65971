//! Policies on PostgreSQL, each test in a database of its own.

mod ages;
mod bed;
mod bouncer;
pub mod client;
mod connections;
pub mod database;
mod dependents;
mod dry;
mod keep;
mod kept;
mod keys;
mod logins;
mod partitions;
mod race;
mod server;
mod smoke;
mod stage;
mod tenants;
mod tls;

pub use server::server;
