//! The plan's words to statements. Pure; one dialect each.

mod kinds;
mod render;
mod resolve;
pub mod sqlite;
mod statement;

pub use resolve::{Surroundings, find_table, readable, resolve};
pub use statement::{Instants, Statement};
