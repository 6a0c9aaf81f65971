//! Sessions with real databases: connect, ask, transact.

mod error;
pub mod postgres;
mod session;
pub mod sqlite;

pub use error::{Error, ErrorClass};
pub use session::{Mode, Session};
