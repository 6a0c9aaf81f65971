//! How large the next batch is, and how long to rest after one. A pure state machine.

use std::time::Duration;

/// SQLite's writers wait for a whole batch, so it is short.
const AIM: Duration = Duration::from_millis(20);
const FIRST: usize = 100;
/// What one page finds, and what a statement can bind whatever the key.
const MOST: usize = 1_000;

/// Batches aim at a time, sized by a moving average, halved at once when somebody is in the way.
#[derive(Debug)]
pub struct Pace {
    fixed: Option<usize>,
    rows: usize,
    /// Moving average of what one row costs, in seconds.
    row_seconds: Option<f64>,
    duty_cycle_percent: u32,
}

impl Pace {
    pub fn new(duty_cycle_percent: u32, fixed: Option<usize>) -> Self {
        Self {
            fixed,
            rows: FIRST,
            row_seconds: None,
            duty_cycle_percent: duty_cycle_percent.clamp(1, 100),
        }
    }

    /// At least one row.
    pub fn rows(&self) -> usize {
        self.fixed.unwrap_or(self.rows).clamp(1, MOST)
    }

    /// Learns from a batch, and gives the rest that the duty cycle asks for after it.
    pub fn batch(&mut self, rows: usize, took: Duration) -> Duration {
        let cost = took.as_secs_f64() / rows.max(1) as f64;
        let average = self.row_seconds.map_or(cost, |average| 0.7 * average + 0.3 * cost);
        self.row_seconds = Some(average);
        let fitting = if average > 0.0 { (AIM.as_secs_f64() / average) as usize } else { MOST };
        // It grows at most to the double: one quick batch says little about the next.
        self.rows = fitting.clamp(1, (self.rows * 2).min(MOST));
        took.saturating_mul(100 - self.duty_cycle_percent) / self.duty_cycle_percent
    }

    /// Somebody was in the way: half the batch, down to one row.
    pub fn hindered(&mut self) {
        self.rows = (self.rows / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_grows_towards_its_time_and_not_beyond() {
        let mut pace = Pace::new(100, None);
        for _ in 0..20 {
            pace.batch(
                pace.rows(),
                Duration::from_micros(40) * u32::try_from(pace.rows()).expect("small"),
            );
        }
        assert!((480..=520).contains(&pace.rows()), "{}", pace.rows());
    }

    #[test]
    fn a_slow_batch_shrinks_it_and_a_hindrance_halves_it_down_to_one() {
        let mut pace = Pace::new(100, None);
        pace.batch(100, Duration::from_secs(1));
        assert_eq!(pace.rows(), 2);
        pace.hindered();
        pace.hindered();
        assert_eq!(pace.rows(), 1);
    }

    #[test]
    fn the_rest_follows_from_the_duty_cycle() {
        let took = Duration::from_millis(10);
        assert_eq!(Pace::new(50, None).batch(1, took), took);
        assert_eq!(Pace::new(25, None).batch(1, took), took * 3);
        assert_eq!(Pace::new(100, None).batch(1, took), Duration::ZERO);
    }
}
