//! The plan's words to statements. Pure.
//!
//! What a statement says is the same for all engines; `words` knows how each of them spells it.
//! Where engines differ in what they say, each has a room of its own.

mod dependents;
mod judge;
mod kinds;
mod observation;
pub mod postgres;
mod ranking;
mod render;
mod resolve;
mod scopes;
pub mod sqlite;
mod statement;
mod typing;
mod walk;
mod words;

pub use dependents::{
    cascades, count_dependent, count_left, delete_dependent, lock_dependent, may_cascade,
    shares_rows, update_dependent,
};
pub use judge::{act, claim, judge};
pub use observation::{Through, child_rows, newest_number, source, tenants, twins};
pub use ranking::{over_full_partitions, ranking};
pub use resolve::{Surroundings, find_table, readable, resolve};
pub use statement::{Bind, Instants, Statement};
pub use typing::check_assigned;
pub use walk::{Place, along_index, sweep};
pub use words::in_text;
