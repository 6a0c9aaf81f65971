//! A PostgreSQL database.

mod login;

pub use login::{Fault, Options, Part, options};
