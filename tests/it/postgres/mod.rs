//! Policies on PostgreSQL, each test in a database of its own.

mod bouncer;
mod client;
mod database;
mod keep;
mod server;
mod smoke;
mod tls;
