//! Sessions with real databases: connect, ask, transact.

mod error;
pub mod postgres;
mod pressure;
mod session;
pub mod sqlite;

pub use error::{Error, ErrorClass};
pub use pressure::{Follower, Log, Pressure};
pub use session::{Mode, Session, Settled};
