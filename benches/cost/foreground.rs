//! What an application notices while rows go.

use std::time::Duration;

use crate::application::Application;
use crate::bed::Bed;
use crate::ours::Ours;
use crate::scene::{Scene, Size};
use crate::server::Server;

/// Until each connection knows its statements, and how long an application is watched alone.
fn times(size: Size) -> (Duration, Duration) {
    match size {
        Size::Full => (Duration::from_secs(2), Duration::from_secs(10)),
        Size::Tiny => (Duration::from_millis(100), Duration::from_millis(500)),
    }
}

pub struct Lane {
    pub name: &'static str,
    /// Of all rounds, sorted.
    latencies: Vec<Duration>,
    /// How long it took, sorted.
    pub purges: Vec<Duration>,
}

impl Lane {
    pub fn percentile(&self, percent: usize) -> Duration {
        self.latencies[(self.latencies.len() * percent / 100).min(self.latencies.len() - 1)]
    }
}

/// The application alone, beside each of the others, beside ours at its defaults.
pub async fn measure(server: &Server, scene: &Scene, rounds: usize, size: Size) -> Vec<Lane> {
    let (warming, quiet) = times(size);
    let bed = Bed::make(server, scene).await;
    let names =
        ["alone"].into_iter().chain(scene.others.iter().map(|other| other.name)).chain(["ours"]);
    let mut lanes: Vec<Lane> =
        names.map(|name| Lane { name, latencies: Vec::new(), purges: Vec::new() }).collect();
    // Who comes first meets a cold server: that is nobody's figure.
    let copy = bed.copy().await;
    let application = Application::start(copy.application(), scene.sessions);
    tokio::time::sleep(quiet).await;
    application.end();
    copy.remove().await;
    for round in 0..rounds {
        for turn in 0..lanes.len() {
            let at = (round + turn) % lanes.len();
            let copy = bed.copy().await;
            let application = Application::start(copy.application(), scene.sessions);
            tokio::time::sleep(warming).await;
            application.begin();
            let took = if at == 0 {
                tokio::time::sleep(quiet).await;
                quiet
            } else if let Some(other) = scene.others.get(at - 1) {
                let mut client = copy.client().await;
                let progress = other.perform(&mut client).await;
                client.close().await;
                progress.last().unwrap().0
            } else {
                Ours::new(&scene.policy, 50, &copy.address()).run().elapsed
            };
            lanes[at].latencies.extend(application.end());
            lanes[at].purges.push(took);
            copy.remove().await;
        }
    }
    bed.remove().await;
    for lane in &mut lanes {
        lane.latencies.sort();
        lane.purges.sort();
    }
    lanes
}
