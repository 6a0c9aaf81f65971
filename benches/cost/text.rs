//! What was measured, for a terminal.

use std::fmt::Write;

use crate::foreground;
use crate::measure::{Measured, median};
use crate::ours::Report;
use crate::rate::rates;
use crate::scene::{Goal, Scene};

pub fn race(scene: &Scene, measured: &Measured) -> String {
    let mut text = format!("\n== {}: {}\n", scene.name, scene.title);
    let first = measured.lanes[0].median().as_secs_f64();
    writeln!(text, "{:<28} {:>9} {:>9} {:>9} {:>8}", "", "MEDIAN s", "LEAST", "MOST", "RATIO")
        .unwrap();
    for lane in &measured.lanes {
        let [median, least, most] = [lane.median(), lane.times[0], *lane.times.last().unwrap()]
            .map(|time| time.as_secs_f64());
        let ratio = median / first;
        writeln!(text, "{:<28} {median:>9.3} {least:>9.3} {most:>9.3} {ratio:>8.2}", lane.name)
            .unwrap();
    }
    let ours = measured.purge().as_secs_f64();
    let (idle, ratio) = (median(&measured.idle).as_secs_f64(), ours / first);
    let name = "ours, on empty tables";
    writeln!(text, "{name:<28} {idle:>9.3}").unwrap();
    let name = "ours, the difference";
    writeln!(text, "{name:<28} {ours:>9.3} {:>9} {:>9} {ratio:>8.2}", "", "").unwrap();
    let Report { deleted, batches, path, peak, .. } = &measured.report;
    let mib = *peak as f64 / 1024.0;
    writeln!(text, "{deleted} sessions went; ours: {batches} batches, {path}, {mib:.0} MiB")
        .unwrap();
    match scene.goal {
        Goal::MicrosPerTenant(_) => {
            let micros = ours * 1e6 / f64::from(scene.tenants);
            writeln!(text, "{micros:.1} us a tenant").unwrap();
        }
        Goal::LastTenth(_) => {
            for lane in measured.lanes.iter().filter(|lane| lane.progress.len() > 2) {
                let rates = rates(&lane.progress, 10);
                let (first, last) = (rates[0], rates[9]);
                let name = lane.name;
                writeln!(
                    text,
                    "{name}: {first:.0} rows/s at first, {last:.0} at last: {:.2}",
                    last / first
                )
                .unwrap();
            }
        }
        _ => {}
    }
    writeln!(text, "goal: {}", scene.goal).unwrap();
    text
}

pub fn foreground(scene: &Scene, lanes: &[foreground::Lane]) -> String {
    let mut text = format!("\n== {}: {}\n", scene.name, scene.title);
    writeln!(
        text,
        "{:<28} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}",
        "ms", "P50", "P95", "P99", "MOST", "RATIO", "GONE IN"
    )
    .unwrap();
    let alone = lanes[0].percentile(95).as_secs_f64();
    for lane in lanes {
        let [p50, p95, p99, most] =
            [50, 95, 99, 100].map(|percent| lane.percentile(percent).as_secs_f64() * 1e3);
        let (ratio, purge) = (p95 / 1e3 / alone, median(&lane.purges).as_secs_f64());
        let name = lane.name;
        writeln!(
            text,
            "{name:<28} {p50:>9.2} {p95:>9.2} {p99:>9.2} {most:>9.2} {ratio:>8.2} {purge:>7.1}s"
        )
        .unwrap();
    }
    text
}

pub fn memory(scenes: &[Scene], reports: &[Report]) -> String {
    let mut text = format!("\n== {}: {}\n", scenes[0].name, scenes[0].title);
    for (scene, report) in scenes.iter().zip(reports) {
        let (rows, mib) = (scene.sessions, report.peak as f64 / 1024.0);
        let (gone, elapsed) = (report.deleted, report.elapsed.as_secs_f64());
        writeln!(text, "{rows:>9} sessions, {gone} of them went in {elapsed:.1} s: {mib:.1} MiB")
            .unwrap();
    }
    writeln!(text, "goal: {}", scenes[0].goal).unwrap();
    text
}
