//! How large the next batch is, and how long to rest after one. A pure state machine.

use std::time::Duration;

use crate::model::Engine;

/// SQLite's writers wait for a whole batch, so it is short. PostgreSQL's wait for its rows alone.
const AIM: Duration = Duration::from_millis(20);
const AIM_BY_ROW: Duration = Duration::from_millis(50);
const FIRST: usize = 100;
/// What one page finds, and what a statement can bind whatever the key.
const MOST: usize = 1_000;
/// PostgreSQL binds a whole array as one value.
const MOST_BY_ROW: usize = 4_000;

/// Batches aim at a time, sized by a moving average, halved at once when somebody is in the way.
#[derive(Debug)]
pub struct Pace {
    aim: Duration,
    most: usize,
    fixed: Option<usize>,
    rows: usize,
    seen: Seen,
    duty_cycle_percent: u32,
}

/// Moving averages of batches: rows, their square, seconds, and rows times seconds.
#[derive(Debug, Default)]
struct Seen {
    averages: Option<[f64; 4]>,
    /// What a batch costs whatever its size, in seconds: keepNewest reads a partition for each.
    fixed: f64,
}

impl Seen {
    /// How many rows fit. Where the fixed part alone takes too long, a smaller batch makes
    /// everybody wait longer in all: then the rows may take as long again.
    fn fitting(&mut self, aim: Duration, rows: usize, took: Duration) -> f64 {
        let (rows, seconds) = (rows.max(1) as f64, took.as_secs_f64());
        let new = [rows, rows * rows, seconds, rows * seconds];
        let old = self.averages.unwrap_or(new);
        let averages: [f64; 4] = std::array::from_fn(|at| 0.7 * old[at] + 0.3 * new[at]);
        self.averages = Some(averages);
        let [rows, squares, seconds, products] = averages;
        let variance = squares - rows * rows;
        if variance > 0.01 * rows * rows {
            let slope = (products - rows * seconds) / variance;
            self.fixed = (seconds - slope * rows).clamp(0.0, 0.99 * seconds);
        }
        let each = ((seconds - self.fixed) / rows).max(0.01 * seconds / rows);
        let aim = aim.as_secs_f64();
        if each > 0.0 { (aim - self.fixed).max(self.fixed) / each } else { f64::INFINITY }
    }
}

impl Pace {
    pub fn new(engine: Engine, duty_cycle_percent: u32, fixed: Option<usize>) -> Self {
        let (aim, most) = match engine {
            Engine::Sqlite => (AIM, MOST),
            Engine::Postgres => (AIM_BY_ROW, MOST_BY_ROW),
        };
        Self {
            aim,
            most,
            fixed,
            rows: FIRST,
            seen: Seen::default(),
            duty_cycle_percent: duty_cycle_percent.clamp(1, 100),
        }
    }

    /// At least one row.
    pub fn rows(&self) -> usize {
        self.fixed.unwrap_or(self.rows).clamp(1, self.most)
    }

    /// Learns from a batch, and gives the rest that the duty cycle asks for after it.
    pub fn batch(&mut self, rows: usize, took: Duration) -> Duration {
        let fitting = self.seen.fitting(self.aim, rows, took) as usize;
        // It grows at most to the double: one quick batch says little about the next.
        self.rows = fitting.clamp(1, (self.rows * 2).min(self.most));
        self.rest_after(took)
    }

    /// The rest that the duty cycle asks for after so much work.
    pub fn rest_after(&self, took: Duration) -> Duration {
        took.saturating_mul(100 - self.duty_cycle_percent) / self.duty_cycle_percent
    }

    /// Somebody was in the way: half the batch, down to one row.
    pub fn hindered(&mut self) {
        self.rows = (self.rows / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What happens to a pace: a batch that took so many microseconds, or a hindrance.
    fn events() -> impl Strategy<Value = Vec<Option<u64>>> {
        prop::collection::vec(prop::option::of(0..2_000_000_u64), 0..60)
    }

    proptest! {
        #[test]
        fn whatever_happens_a_batch_has_a_row_and_no_more_than_fit(
            events in events(),
            fixed in prop::option::of(0..5_000_usize),
            sqlite in any::<bool>(),
        ) {
            let engine = if sqlite { Engine::Sqlite } else { Engine::Postgres };
            let mut pace = Pace::new(engine, 50, fixed);
            for event in events {
                let before = pace.rows();
                match event {
                    Some(micros) => {
                        pace.batch(before, Duration::from_micros(micros));
                        prop_assert!(pace.rows() <= before * 2, "it doubles at most");
                    }
                    None => pace.hindered(),
                }
                let most = if sqlite { MOST } else { MOST_BY_ROW };
                prop_assert!((1..=most).contains(&pace.rows()));
            }
        }

        #[test]
        fn every_hindrance_halves_it(events in events(), hindrances in 0..20_u32) {
            let mut pace = Pace::new(Engine::Postgres, 50, None);
            for micros in events.into_iter().flatten() {
                pace.batch(pace.rows(), Duration::from_micros(micros));
            }
            let before = pace.rows();
            for _ in 0..hindrances {
                pace.hindered();
            }
            prop_assert_eq!(pace.rows(), (before >> hindrances).max(1));
        }

        #[test]
        fn after_hindrances_quick_batches_make_it_large_again(hindrances in 0..20_u32) {
            let mut pace = Pace::new(Engine::Postgres, 50, None);
            for _ in 0..hindrances {
                pace.hindered();
            }
            for _ in 0..40 {
                let rows = u32::try_from(pace.rows()).expect("small");
                pace.batch(pace.rows(), Duration::from_micros(100) * rows);
            }
            prop_assert!((480..=520).contains(&pace.rows()), "{}", pace.rows());
        }

        #[test]
        fn work_is_the_share_of_time_that_the_duty_cycle_says(
            micros in 1..60_000_000_u64,
            percent in 1..=100_u32,
        ) {
            let took = Duration::from_micros(micros);
            let rest = Pace::new(Engine::Sqlite, percent, None).batch(1, took);
            let share = took.as_secs_f64() / (took + rest).as_secs_f64();
            prop_assert!((share - f64::from(percent) / 100.0).abs() < 1e-3, "{share}");
        }
    }

    #[test]
    fn a_batch_grows_towards_its_time_and_not_beyond() {
        let mut pace = Pace::new(Engine::Sqlite, 100, None);
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
        let mut pace = Pace::new(Engine::Sqlite, 100, None);
        pace.batch(100, Duration::from_secs(1));
        assert_eq!(pace.rows(), 2);
        pace.hindered();
        pace.hindered();
        assert_eq!(pace.rows(), 1);
    }

    #[test]
    fn a_cost_that_no_batch_escapes_does_not_shrink_it_to_nothing() {
        let mut pace = Pace::new(Engine::Sqlite, 100, None);
        for _ in 0..40 {
            let rows = u32::try_from(pace.rows()).expect("small");
            let took = Duration::from_millis(50) + Duration::from_micros(100) * rows;
            pace.batch(pace.rows(), took);
        }
        assert!((300..=700).contains(&pace.rows()), "{}", pace.rows());
    }

    #[test]
    fn the_rest_follows_from_the_duty_cycle() {
        let took = Duration::from_millis(10);
        assert_eq!(Pace::new(Engine::Sqlite, 50, None).batch(1, took), took);
        assert_eq!(Pace::new(Engine::Sqlite, 25, None).batch(1, took), took * 3);
        assert_eq!(Pace::new(Engine::Sqlite, 100, None).batch(1, took), Duration::ZERO);
    }
}
