//! How far replicas are behind, as a server's answers about them tell over time. Pure.
//!
//! What a server tells of a replica's lag is as old as the replica's last answer, up to ten seconds
//! where nothing moves, and for ever where the network swallows answers. So we remember how far the
//! server had written when we asked: who has not replayed that since is behind, whatever is told.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::database::Follower;

/// How many of our own marks fit into the lag that is allowed.
const MARKS: u32 = 500;

#[derive(Debug)]
pub struct Lag {
    most: Duration,
    /// How far the server had written when it was asked; the first is the newest that is older than
    /// the lag that is allowed, if any is.
    marks: VecDeque<(Instant, u64)>,
}

impl Lag {
    pub fn new(most: Duration) -> Self {
        Self { most, marks: VecDeque::new() }
    }

    /// Who is too far behind, or nobody knows how far.
    pub fn behind(&mut self, now: Instant, login: &str, followers: &[Follower]) -> Option<String> {
        let written = followers.iter().map(|follower| follower.written).max()?;
        self.mark(now, written);
        let too_old = |(at, _): &&(Instant, u64)| now.saturating_duration_since(*at) > self.most;
        let due = self.marks.front().filter(too_old).map_or(0, |(_, written)| *written);
        followers.iter().find_map(|follower| self.why(follower, due, login))
    }

    fn mark(&mut self, now: Instant, written: u64) {
        let is_new = self.marks.back().is_none_or(|(at, last)| {
            written > *last && now.saturating_duration_since(*at) >= self.most / MARKS
        });
        if is_new {
            self.marks.push_back((now, written));
        }
        while let [Some(_), Some((second, _))] = [self.marks.front(), self.marks.get(1)]
            && now.saturating_duration_since(*second) > self.most
        {
            self.marks.pop_front();
        }
    }

    fn why(&self, follower: &Follower, due: u64, login: &str) -> Option<String> {
        let Follower { name, state, is_logical, written, replayed, lag } = follower;
        let unknown =
            |why: &str| Some(format!("how far the replica {name} is behind is not known: {why}"));
        let Some(state) = state else {
            return unknown(&format!("GRANT pg_read_all_stats TO {login}"));
        };
        let replayed = replayed.unwrap_or(0);
        if replayed >= *written {
            return None;
        }
        let most = self.most;
        let mib = (written - replayed) >> 20;
        let late = lag.is_some_and(|lag| lag > most);
        // A subscriber says how far it is when it has something to say.
        if late || (replayed < due && !is_logical) {
            return Some(format!(
                "the replica {name} is more than {most:?} behind, by {mib} MiB of log"
            ));
        }
        match (is_logical, state.as_str(), lag) {
            (true, ..) | (false, "streaming", Some(_)) => None,
            (false, "streaming", None) => unknown("it has not told yet"),
            (false, state, _) => unknown(&format!("its state is {state}")),
        }
    }
}

#[cfg(test)]
mod tests;
