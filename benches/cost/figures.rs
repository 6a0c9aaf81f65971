//! What was measured of one scene, in words and tables, and whether it is what was to be reached.

use serde::{Deserialize, Serialize};

use crate::application::{RATE, READ, WRITE};
use crate::foreground;
use crate::measure::{self, Measured, median};
use crate::ours::Report;
use crate::plot::Lines;
use crate::rate::rates;
use crate::scene::{Goal, Scene};
use crate::table::{seconds, table};

#[derive(Serialize, Deserialize)]
pub struct Figures {
    pub day: String,
    pub reached: String,
    /// By how much the goal is missed.
    pub missed: Option<String>,
    /// In Markdown.
    pub text: String,
    /// The statements of ours, and how often each was sent.
    pub sent: Vec<(String, usize)>,
    /// For a picture that belongs to it.
    pub plot: Option<Lines>,
}

impl Figures {
    fn new((reached, missed): (String, Option<String>), text: String) -> Self {
        let day = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        Self { day, reached, missed, text, sent: Vec::new(), plot: None }
    }
}

fn at_most(value: f64, most: f64) -> Option<String> {
    (value > most).then(|| format!("{:.0} % above", (value / most - 1.0) * 100.0))
}

fn at_least(value: f64, least: f64) -> Option<String> {
    (value < least).then(|| format!("{:.0} % below", (1.0 - value / least) * 100.0))
}

fn mib(report: &Report) -> f64 {
    report.peak as f64 / 1024.0
}

pub fn race(scene: &Scene, measured: &Measured) -> Figures {
    let first = measured.lanes[0].median();
    let ratio = |time: std::time::Duration| time.as_secs_f64() / first.as_secs_f64();
    let ours = measured.purge();
    let head = ["", "median", "least", "most", "of one DELETE's"];
    let row = |name: &str, times: &[std::time::Duration]| {
        let [least, most] = [times[0], *times.last().unwrap()].map(seconds);
        let median = median(times);
        vec![name.to_owned(), seconds(median), least, most, format!("{:.2}", ratio(median))]
    };
    let mut rows: Vec<Vec<String>> =
        measured.lanes.iter().map(|lane| row(lane.name, &lane.times)).collect();
    rows.push(row("ours, on empty tables", &measured.idle));
    let none = String::new();
    let difference = format!("{:.2}", ratio(ours));
    rows.push(vec!["ours, the difference".into(), seconds(ours), none.clone(), none, difference]);
    let mut text = table(&head, &rows);

    let Report { deleted, batches, path, .. } = &measured.report;
    let rounds = measured.idle.len();
    let mib = mib(&measured.report);
    text += &format!(
        "\n{deleted} sessions went. Ours took {batches} batches, found rows by {path} and had {mib:.0} MiB. Rounds: {rounds}.\n"
    );
    let outcome = match scene.goal {
        Goal::MicrosPerTenant(most) => {
            let micros = ours.as_secs_f64() * 1e6 / f64::from(scene.tenants);
            (format!("{micros:.1} µs"), at_most(micros, most))
        }
        Goal::LastTenth(least) => {
            let ours = measured.lanes.last().unwrap();
            let rates = rates(&ours.progress, 10);
            let share = rates[9] / rates[0];
            (format!("{share:.2}"), at_least(share, least))
        }
        Goal::Ratio(most) => (format!("{:.2}", ratio(ours)), at_most(ratio(ours), most)),
        Goal::Latency(_) | Goal::Memory { .. } => unreachable!("these are no races"),
    };
    let mut figures = Figures::new(outcome, text);
    figures.sent.clone_from(&measured.sent);
    if scene.snapshot {
        let lanes: Vec<_> = measured.lanes.iter().filter(|lane| lane.progress.len() > 2).collect();
        for lane in &lanes {
            let rates = rates(&lane.progress, 10);
            let (name, first, last) = (lane.name, rates[0], rates[9]);
            let share = last / first;
            figures.text += &format!(
                "\n* {name}: the first tenth of the rows at {first:.0} a second, the last at {last:.0}, {share:.2} of it"
            );
        }
        figures.text.push('\n');
        let whole = |rates: Vec<f64>| rates.iter().map(|rate| rate.round()).collect();
        let line = |lane: &&measure::Lane| (lane.name.to_owned(), whole(rates(&lane.progress, 20)));
        figures.plot = Some(lanes.iter().map(line).collect());
    }
    figures
}

pub fn foreground(scene: &Scene, lanes: &[foreground::Lane]) -> Figures {
    let alone = lanes[0].percentile(95).as_secs_f64();
    let ratio = |lane: &foreground::Lane| lane.percentile(95).as_secs_f64() / alone;
    let row = |lane: &foreground::Lane| {
        let percentiles = [50, 95, 99, 100]
            .map(|percent| format!("{:.2} ms", lane.percentile(percent).as_secs_f64() * 1e3));
        let gone = format!("{:.1} s", median(&lane.purges).as_secs_f64());
        let gone = if lane.name == "alone" { String::new() } else { gone };
        let times = format!("{:.2}", ratio(lane));
        [vec![lane.name.to_owned()], percentiles.to_vec(), vec![times, gone]].concat()
    };
    let head = ["", "p50", "p95", "p99", "most", "p95 of alone's", "rows gone in"];
    let rows: Vec<_> = lanes.iter().map(row).collect();
    let Goal::Latency(most) = scene.goal else { unreachable!("its goal is a latency") };
    let ours = ratio(lanes.last().unwrap());
    let application = format!(
        "The application, {RATE} times a second, timed from when each is due; seven of ten times the first:\n\n```sql\n{READ};\n\n{WRITE};\n```\n\n"
    );
    let text = application + &table(&head, &rows);
    Figures::new((format!("{ours:.2}"), at_most(ours, most)), text)
}

pub fn memory(scenes: &[Scene], reports: &[Report]) -> Figures {
    let row = |(scene, report): (&Scene, &Report)| {
        let (rows, gone) = (scene.sessions.to_string(), report.deleted.to_string());
        vec![rows, gone, seconds(report.elapsed), format!("{:.1} MiB", mib(report))]
    };
    let rows: Vec<_> = scenes.iter().zip(reports).map(row).collect();
    let Goal::Memory { mib: most, growth } = scenes[0].goal else {
        unreachable!("its goal is memory")
    };
    let peaks: Vec<f64> = reports.iter().map(mib).collect();
    let grown = peaks[1] / peaks[0];
    let missed = at_most(peaks[0].max(peaks[1]), most).or_else(|| at_most(grown, growth));
    let reached = format!("{:.1} MiB, {:.1} MiB: {grown:.2}", peaks[0], peaks[1]);
    let head = ["sessions", "of them went", "in", "most memory"];
    Figures::new((reached, missed), table(&head, &rows))
}
