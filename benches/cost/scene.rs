//! What is measured: rows, what of them is to go, and who does it.

use std::fmt;

use crate::contestant::Contestant;
use crate::{postgres, sqlite};

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
    pub sessions: u32,
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

pub struct Scenes {
    /// Whoever is first.
    pub races: Vec<Scene>,
    /// Beside an application at work.
    pub foreground: Scene,
    /// The same with ten times the rows.
    pub memory: [Scene; 2],
}

impl Scenes {
    pub fn new(size: Size) -> Self {
        let races = postgres::scenes(size).into_iter().chain(sqlite::scenes(size)).collect();
        Self { races, foreground: postgres::foreground(size), memory: postgres::memory(size) }
    }

    pub fn all(&self) -> Vec<&Scene> {
        self.races.iter().chain([&self.foreground, &self.memory[0]]).collect()
    }
}

#[derive(Clone, Copy)]
pub enum Goal {
    /// Of the first contestant's time.
    Ratio(f64),
    MicrosPerTenant(f64),
    /// Of the last tenth of the rows, compared with the first's.
    LastTenth(f64),
    /// The slowest but five of a hundred transactions of an application, compared with when it is alone.
    Latency(f64),
    /// At most so much, and with ten times the rows at most so many times of it.
    Memory {
        mib: f64,
        growth: f64,
    },
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(most) => write!(f, "at most {most} of one DELETE's time"),
            Self::MicrosPerTenant(most) => write!(f, "at most {most} µs a tenant"),
            Self::LastTenth(least) => {
                write!(f, "the last tenth of the rows goes at {least} or more of the first's rate")
            }
            Self::Latency(most) => {
                write!(f, "a 95th percentile at most {most} times as long as alone")
            }
            Self::Memory { mib, growth } => {
                write!(
                    f,
                    "at most {mib} MiB, and at most {growth} times as much for ten times the rows"
                )
            }
        }
    }
}
