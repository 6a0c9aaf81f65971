//! What was measured, for a terminal.

use std::fmt::Write;

use crate::measure::{Measured, median};
use crate::ours::Report;
use crate::rate::rates;
use crate::scene::{Goal, Scene};

pub fn render(scene: &Scene, measured: &Measured) -> String {
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
        Goal::Ratio(most) => writeln!(text, "goal: ratio {most}").unwrap(),
        Goal::MicrosPerTenant(most) => {
            let micros = ours * 1e6 / f64::from(scene.tenants);
            writeln!(text, "goal: {most} us a tenant; {micros:.1} us").unwrap();
        }
        Goal::LastTenth(least) => {
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
            writeln!(text, "goal: {least}").unwrap();
        }
    }
    text
}
