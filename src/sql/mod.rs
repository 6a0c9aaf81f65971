//! The plan's words to statements. Pure; one dialect each.

mod kinds;
mod render;
mod resolve;
mod scopes;
pub mod sqlite;
mod statement;
mod typing;

pub use resolve::{Surroundings, find_table, readable, resolve};
pub use statement::{Instants, Statement};
