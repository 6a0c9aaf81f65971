//! What a run on a file says, and leaves, when something fails around it.

mod clock;
mod sqlite;
