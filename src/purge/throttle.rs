//! What a batch has to wait for, and how long it was waited, by cause. A pure state machine.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::lag::Lag;
use crate::database::Pressure;
use crate::model::Cause;

/// How often the database is asked how it fares.
const EVERY: Duration = Duration::from_secs(1);
/// A write-ahead log that grows beyond this, while a reader keeps it from being emptied, would grow
/// without end.
const LARGE_LOG: u64 = 64 << 20;

/// Why the next batch does not begin.
#[derive(Debug, PartialEq, Eq)]
pub struct Hold {
    pub cause: Cause,
    pub why: String,
}

#[derive(Debug, Default)]
pub struct Throttle {
    asked: Option<Instant>,
    pausing: Option<(Cause, Instant)>,
    waited: BTreeMap<Cause, Duration>,
}

impl Throttle {
    pub fn is_due(&self, now: Instant) -> bool {
        self.until_due(now).is_zero()
    }

    pub fn until_due(&self, now: Instant) -> Duration {
        let since = self.asked.map(|asked| now.saturating_duration_since(asked));
        since.map_or(Duration::ZERO, |since| EVERY.saturating_sub(since))
    }

    /// What there is to wait for. Of several causes the first is told, and has the time.
    pub fn judge(&mut self, now: Instant, pressure: &Pressure, lag: &mut Lag) -> Option<Hold> {
        self.asked = Some(now);
        let Pressure { login, followers, waiters, log, unasked } = pressure;
        let hold = |cause, why| Some(Hold { cause, why });
        if let Some(why) = unasked {
            return hold(
                Cause::ReplicaLag,
                format!("how far replicas are behind cannot be asked: {why}"),
            );
        }
        if let Some(why) = lag.behind(now, login, followers) {
            return hold(Cause::ReplicaLag, why);
        }
        if *waiters {
            let why = "others wait for a lock on a table that the target writes".to_owned();
            return hold(Cause::LockWaiters, why);
        }
        match log {
            Some(log) if log.bytes > LARGE_LOG && !log.emptied => hold(
                Cause::WalSize,
                format!(
                    "the write-ahead log has {} MiB, and somebody who reads keeps it from being emptied",
                    log.bytes >> 20
                ),
            ),
            _ => None,
        }
    }

    /// From now on it pauses for this, or not at all.
    pub fn turn(&mut self, cause: Option<Cause>, now: Instant) {
        self.waited = self.waited(now);
        self.pausing = cause.map(|cause| (cause, now));
    }

    /// Every moment of a pause has one cause.
    pub fn waited(&self, now: Instant) -> BTreeMap<Cause, Duration> {
        let mut waited = self.waited.clone();
        if let Some((cause, since)) = self.pausing {
            *waited.entry(cause).or_default() += now.saturating_duration_since(since);
        }
        waited
    }
}

#[cfg(test)]
mod tests;
