//! The most memory that our process takes, with rows and with ten times as many.

use crate::bed::Bed;
use crate::ours::{Ours, Report};
use crate::scene::Scene;
use crate::server::Server;

pub async fn measure(server: &Server, scenes: &[Scene]) -> Vec<Report> {
    let mut reports = Vec::new();
    for scene in scenes {
        let bed = Bed::make(server, scene).await;
        reports.push(Ours::new(&scene.policy, 100, &bed.address()).run());
        bed.remove().await;
    }
    reports
}
