//! What is measured: rows, what of them is to go, and who does it.

use crate::contestant::Contestant;

#[derive(Clone, Copy, PartialEq)]
pub enum Size {
    Tiny,
    Full,
}

impl Size {
    pub fn of(self, rows: u32) -> u32 {
        match self {
            Self::Tiny => (rows / 500).max(10),
            Self::Full => rows,
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
pub enum Engine {
    Postgres,
    Sqlite,
}

pub struct Scene {
    pub name: &'static str,
    pub title: &'static str,
    pub engine: Engine,
    pub tenants: u32,
    /// Makes tables and rows, as the application.
    pub schema: String,
    /// The rest of the policy's spec, in YAML's flow style.
    pub policy: String,
    /// Who else; the first is what the others are compared with.
    pub others: Vec<Contestant>,
    pub goal: Goal,
    /// Whether another session holds a snapshot from before the first row goes.
    pub snapshot: bool,
}

#[derive(Clone, Copy)]
pub enum Goal {
    /// Of the first contestant's time.
    Ratio(f64),
    MicrosPerTenant(f64),
    /// Of the last tenth of the rows, compared with the first's.
    LastTenth(f64),
}
