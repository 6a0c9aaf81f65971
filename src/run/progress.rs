//! Progress on standard error: a bar on a terminal, otherwise a line every ten seconds.

use std::cell::RefCell;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::purge::Watch;

const EVERY: Duration = Duration::from_secs(10);

/// Shows how many rows have gone.
pub struct Progress {
    bar: Option<ProgressBar>,
    told: RefCell<Instant>,
}

impl Progress {
    /// For this process's standard error.
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(ProgressStyle::default_spinner());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self { bar, told: RefCell::new(Instant::now()) }
    }

    /// Takes the bar away, so that the report stands alone.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Watch for Progress {
    fn gone(&self, target: &str, rows: u64) {
        match &self.bar {
            Some(bar) => bar.set_message(format!("{target}: {rows} rows")),
            None if self.told.borrow().elapsed() >= EVERY => {
                self.told.replace(Instant::now());
                eprintln!("{target}: {rows} rows so far");
            }
            None => {}
        }
    }

    fn waits(&self, target: &str, why: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(format!("{target} waits: {why}")),
            None if self.told.borrow().elapsed() >= EVERY => {
                self.told.replace(Instant::now());
                eprintln!("{target} waits: {why}");
            }
            None => {}
        }
    }
}
