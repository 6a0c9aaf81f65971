//! Contestants in turns, each on a copy of its own; what is left is compared row for row.

use std::time::Duration;

use crate::bed::Bed;
use crate::client::Client;
use crate::contestant::Progress;
use crate::ours::{Ours, Report};
use crate::scene::Scene;
use crate::server::Server;

pub struct Measured {
    /// In the order of the scene's contestants, ours behind them.
    pub lanes: Vec<Lane>,
    /// Our process where every table is empty: what it costs whatever there is to do. Sorted.
    pub idle: Vec<Duration>,
    /// What ours said of its last run.
    pub report: Report,
    /// The statements that ours sent to the tables, as far as the database tells, and how often.
    pub sent: Vec<(String, usize)>,
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
        median(&self.times)
    }
}

pub fn median(sorted: &[Duration]) -> Duration {
    sorted[sorted.len() / 2]
}

impl Measured {
    /// What the rows cost ours.
    pub fn purge(&self) -> Duration {
        self.lanes.last().unwrap().median().saturating_sub(median(&self.idle))
    }
}

pub async fn measure(server: &Server, scene: &Scene, rounds: usize) -> Measured {
    let bed = Bed::make(server, scene).await;
    let names = scene.others.iter().map(|other| other.name).chain(["ours"]);
    let mut lanes: Vec<Lane> =
        names.map(|name| Lane { name, times: Vec::new(), progress: Vec::new() }).collect();
    let mut left: Option<(String, &str)> = None;
    let (mut idle, mut report) = (Vec::new(), None);
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
                let ours = Ours::new(&scene.policy, 100, &copy.address());
                let said = ours.run();
                lane.times.push(said.elapsed);
                report = Some(said);
            }
            if let Some(snapshot) = snapshot {
                snapshot.close().await;
            }
            let now = survivors(&copy).await;
            let (before, who) = left.get_or_insert_with(|| (now.clone(), lane.name));
            assert_eq!(*before, now, "{}: {} left other rows than {who}", scene.name, lane.name);
            if at == scene.others.len() {
                copy.empty().await;
                idle.push(Ours::new(&scene.policy, 100, &copy.address()).run().elapsed);
            }
            copy.remove().await;
        }
    }
    if scene.snapshot {
        let copy = bed.copy().await;
        let snapshot = hold_snapshot(&copy).await;
        let ours = Ours::new(&scene.policy, 100, &copy.address());
        lanes.last_mut().unwrap().progress = ours.watch().await;
        snapshot.close().await;
        copy.remove().await;
    }
    // Not on the clock: the log takes time.
    let copy = bed.copy().await;
    let ours = Ours::new(&scene.policy, 100, &copy.address());
    let sent = copy.sent(async || drop(ours.run())).await;
    copy.remove().await;
    bed.remove().await;
    for lane in &mut lanes {
        lane.times.sort();
    }
    idle.sort();
    Measured { lanes, idle, report: report.unwrap(), sent }
}

async fn hold_snapshot(bed: &Bed<'_>) -> Client {
    let mut client = bed.client().await;
    client.script("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM organizations").await;
    client
}

/// Which rows are left.
async fn survivors(bed: &Bed<'_>) -> String {
    format!(
        "sessions: {}; messages: {}",
        bed.digest("sessions").await,
        bed.digest("messages").await
    )
}
