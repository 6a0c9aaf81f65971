//! Rates over progress, as a picture.

use std::fmt::Write;

const WIDTH: f64 = 790.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 240.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 50.0;

/// Told apart without colours too, and by people who see few of them.
const STYLES: [&str; 3] = [
    "stroke=\"#d55e00\" stroke-dasharray=\"7 4\"",
    "stroke=\"#009e73\" stroke-dasharray=\"2 3\"",
    "stroke=\"#0072b2\"",
];

/// Names, and rates in equal parts of the way.
pub type Lines = Vec<(String, Vec<f64>)>;

pub fn plot(lines: &Lines) -> String {
    let most = lines.iter().flat_map(|(_, rates)| rates).copied().fold(1.0, f64::max);
    let step = step(most);
    let ticks = (most / step).ceil() as u32;
    let top = f64::from(ticks) * step;
    let x = |share: f64| LEFT + share * (WIDTH - LEFT - RIGHT);
    let y = |rate: f64| HEIGHT - BOTTOM - rate / top * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"13\">
<title>Rows a second over the share of the rows that have gone</title>
<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for tick in 0..=ticks {
        let (rate, left, right) = (f64::from(tick) * step, x(0.0), x(1.0));
        let at = y(rate);
        let (beside, below) = (left - 8.0, at + 4.0);
        writeln!(svg, "<path d=\"M{left} {at:.1}H{right}\" stroke=\"#ddd\"/>").unwrap();
        writeln!(svg, "<text x=\"{beside}\" y=\"{below:.1}\" text-anchor=\"end\">{rate}</text>")
            .unwrap();
    }
    for percent in (0..=100).step_by(20) {
        let (at, below) = (x(f64::from(percent) / 100.0), y(0.0) + 18.0);
        writeln!(
            svg,
            "<text x=\"{at:.1}\" y=\"{below:.1}\" text-anchor=\"middle\">{percent} %</text>"
        )
        .unwrap();
    }
    writeln!(svg, "<text x=\"{LEFT}\" y=\"18\">sessions a second</text>").unwrap();
    let (middle, below) = (x(0.5), HEIGHT - 10.0);
    writeln!(
        svg,
        "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">of the sessions that were to go have gone</text>"
    )
    .unwrap();
    for (at, (name, rates)) in lines.iter().enumerate() {
        let style = STYLES[at % STYLES.len()];
        let share = |part: usize| (part as f64 + 0.5) / rates.len() as f64;
        let points = rates.iter().enumerate();
        let points: Vec<String> =
            points.map(|(part, rate)| format!("{:.1},{:.1}", x(share(part)), y(*rate))).collect();
        let points = points.join(" ");
        writeln!(svg, "<polyline points=\"{points}\" fill=\"none\" stroke-width=\"2\" {style}/>")
            .unwrap();
        let (left, at) = (x(1.0) + 15.0, TOP + 20.0 + 24.0 * at as f64);
        let (beside, below) = (left + 34.0, at + 4.0);
        writeln!(svg, "<path d=\"M{left} {at}h28\" stroke-width=\"2\" {style}/>").unwrap();
        writeln!(svg, "<text x=\"{beside}\" y=\"{below}\">{name}</text>").unwrap();
    }
    svg + "</svg>\n"
}

/// Of 1, 2 or 5 with zeros, so that there are four to ten.
fn step(most: f64) -> f64 {
    let zeros = 10_f64.powf((most / 10.0).log10().ceil());
    [0.2, 0.5, 1.0]
        .into_iter()
        .map(|part| part * zeros)
        .find(|step| most / step <= 10.0)
        .unwrap_or(zeros)
}
