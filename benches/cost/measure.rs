//! Contestants in turns, each on a copy of its own; what is left is compared row for row.

use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::bed::{Bed, Copy};
use crate::client::Client;
use crate::contestant::Progress;
use crate::ours::Ours;
use crate::scene::Scene;
use crate::server::Server;

pub struct Measured {
    /// In the order of the scene's contestants, ours behind them.
    pub lanes: Vec<Lane>,
    /// Our process where every table is empty: what it costs whatever there is to do.
    pub idle: Duration,
    /// Rows of `sessions` that went.
    pub gone: u64,
    /// Ours: batches and how rows were found.
    pub batches: u64,
    pub path: String,
}

pub struct Lane {
    pub name: &'static str,
    /// Sorted.
    pub times: Vec<Duration>,
    /// Of the last round.
    pub progress: Progress,
}

impl Lane {
    pub fn median(&self) -> Duration {
        self.times[self.times.len() / 2]
    }
}

pub async fn measure(server: &Server, scene: &Scene, rounds: usize) -> Measured {
    let bed = Bed::make(server, scene).await;
    let ours = Ours::new(&scene.policy, 100);
    let names = scene.others.iter().map(|other| other.name).chain(["ours"]);
    let mut lanes: Vec<Lane> =
        names.map(|name| Lane { name, times: Vec::new(), progress: Vec::new() }).collect();
    let mut left: Option<(String, &str)> = None;
    let (mut gone, mut batches, mut path) = (0, 0, String::new());
    let mut idle = Vec::new();
    for round in 0..rounds {
        for turn in 0..lanes.len() {
            // Whoever comes first in one round comes later in the next.
            let at = (round + turn) % lanes.len();
            let copy = bed.copy().await;
            let snapshot = if scene.snapshot { Some(hold_snapshot(&copy).await) } else { None };
            let lane = &mut lanes[at];
            if let Some(other) = scene.others.get(at) {
                let mut client = copy.client().await;
                lane.progress = other.perform(&mut client).await;
                client.close().await;
                lane.times.push(lane.progress.last().unwrap().0);
            } else {
                let report = ours.run(&copy.url());
                lane.times.push(report.elapsed);
                (gone, batches, path) = (report.deleted, report.batches, report.path);
            }
            if let Some(snapshot) = snapshot {
                snapshot.close().await;
            }
            let now = survivors(&copy).await;
            let (before, who) = left.get_or_insert_with(|| (now.clone(), lane.name));
            assert_eq!(*before, now, "{}: {} left other rows than {who}", scene.name, lane.name);
            if at == scene.others.len() {
                let mut client = copy.client().await;
                client.script("TRUNCATE sessions, messages").await;
                client.close().await;
                idle.push(ours.run(&copy.url()).elapsed);
            }
            copy.remove().await;
        }
    }
    idle.sort();
    bed.remove().await;
    for lane in &mut lanes {
        lane.times.sort();
    }
    Measured { lanes, idle: idle[idle.len() / 2], gone, batches, path }
}

async fn hold_snapshot(copy: &Copy<'_>) -> Client {
    let mut client = copy.client().await;
    client.script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM organizations").await;
    client
}

/// A digest of every row that is left.
async fn survivors(copy: &Copy<'_>) -> String {
    let mut client = copy.client().await;
    let mut digest = Sha256::new();
    let mut counts = Vec::new();
    for table in ["sessions", "messages"] {
        let rows = client.rows(&format!("SELECT t::text FROM {table} t ORDER BY id")).await;
        counts.push(format!("{} {table}", rows.len()));
        for row in rows {
            digest.update(&row[0]);
            digest.update("\n");
        }
    }
    client.close().await;
    format!("{}: {:x?}", counts.join(", "), digest.finalize())
}
