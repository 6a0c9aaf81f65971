//! How fast rows go while there are fewer and fewer of them.

use crate::contestant::Progress;

/// Rows a second in each of so many equal parts of the rows that went.
pub fn rates(progress: &Progress, parts: u32) -> Vec<f64> {
    let all = progress.last().map_or(0, |&(_, gone)| gone) as f64;
    let part = all / f64::from(parts);
    let ends: Vec<f64> =
        (0..=parts).map(|end| moment(progress, (f64::from(end) * part).min(all))).collect();
    ends.windows(2).map(|ends| part / (ends[1] - ends[0])).collect()
}

/// When so many rows had gone, in seconds; between two batches in a straight line.
fn moment(progress: &Progress, rows: f64) -> f64 {
    let (mut since, mut before) = (0.0, 0.0);
    for &(at, gone) in progress {
        let (at, gone) = (at.as_secs_f64(), gone as f64);
        if gone >= rows && gone > before {
            return since + (at - since) * (rows - before) / (gone - before);
        }
        (since, before) = (at, gone);
    }
    since
}
