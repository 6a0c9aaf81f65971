//! Sessions with real databases: connect, ask, transact.

mod error;
pub mod postgres;
mod sqlite;

pub use error::{Error, ErrorClass};
pub use sqlite::{Mode, Session};
