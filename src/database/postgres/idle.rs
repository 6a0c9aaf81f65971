//! Rests, on servers that end a session which is idle for long.

use std::time::{Duration, Instant};

use super::Session;
use crate::sql::postgres as sql;

/// How long the session may say nothing, and has said nothing.
#[derive(Debug, Default)]
pub(super) struct Idle {
    /// `None`: for ever.
    pub(super) most: Option<Duration>,
    pub(super) so_far: Duration,
}

impl Session {
    /// Says nothing for so long, outside of any transaction, or a word in between where the server
    /// would end a session that is idle for longer.
    pub async fn rest(&mut self, rest: Duration) {
        let until = Instant::now() + rest;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            // Half of the time is for a server or a network that is slow.
            let Some(half) = self.idle.most.map(|most| most / 2) else {
                return tokio::time::sleep(left).await;
            };
            let step = left.min(half.saturating_sub(self.idle.so_far));
            tokio::time::sleep(step).await;
            self.idle.so_far += step;
            if self.idle.so_far >= half {
                self.idle.so_far = Duration::ZERO;
                if let Err(error) = self.message(&sql::nothing()).await {
                    tracing::debug!("resting: {error}");
                    return;
                }
            }
        }
    }
}
