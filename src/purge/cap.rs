//! maxRowsPerRun: only the oldest so many rows may go. Where they end is found before the first
//! batch, and again where some of them could not go.

use std::cmp::Ordering;
use std::time::Duration;

use jiff::Timestamp;

use super::judge::{JudgedRow, Verdict};
use crate::model::Value;

/// What "oldest" is measured by: the age, or without one the first value of orderBy.
#[derive(Debug, Clone)]
pub enum Rank {
    At(Timestamp),
    Order(Value),
}

impl Rank {
    pub fn of(row: &JudgedRow) -> Self {
        match (row.age, &row.order) {
            (Some(age), _) => Self::At(age),
            (None, Some(value)) => Self::Order(value.clone()),
            (None, None) => Self::Order(Value::Null),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::At(one), Self::At(other)) => one.cmp(other),
            (Self::Order(one), Self::Order(other)) => one.compare_binary(other),
            (Self::At(_), Self::Order(_)) => Ordering::Less,
            (Self::Order(_), Self::At(_)) => Ordering::Greater,
        }
    }
}

/// The oldest ranks, as many as are asked for and one more.
#[derive(Debug)]
pub struct Oldest {
    most: usize,
    /// With how long each is past its cutoff.
    ranks: Vec<(Rank, Option<Duration>)>,
    /// Rows that were offered.
    pub seen: u64,
}

/// Where the oldest end.
#[derive(Debug)]
pub struct Edge {
    /// The last rank that may go; `None`: none may.
    pub threshold: Option<Rank>,
    /// How long the oldest that stays is past its cutoff.
    pub next_past: Option<Duration>,
}

impl Oldest {
    pub fn new(most: u64) -> Self {
        Self { most: usize::try_from(most).unwrap_or(usize::MAX), ranks: Vec::new(), seen: 0 }
    }

    pub fn offer(&mut self, rank: Rank, past: Option<Duration>) {
        self.seen += 1;
        self.ranks.push((rank, past));
        // Twice as many are kept before the younger half is dropped: each row costs little.
        if self.ranks.len() > self.most.saturating_mul(2).max(1_024) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.ranks.sort_by(|(one, _), (other, _)| one.compare(other));
        self.ranks.truncate(self.most.saturating_add(1));
    }

    /// `None` when all may go.
    pub fn edge(mut self) -> Option<Edge> {
        if self.seen <= self.most as u64 {
            return None;
        }
        self.cut();
        let (_, next_past) = self.ranks.pop()?;
        let threshold = self.ranks.pop().map(|(rank, _)| rank);
        Some(Edge { threshold, next_past })
    }
}

/// What a capped run may still take.
#[derive(Debug)]
pub struct Allowance {
    pub rows: u64,
    pub threshold: Option<Rank>,
}

impl Allowance {
    /// The age of the youngest row that may go, where rows are measured by their age.
    pub fn youngest(&self) -> Option<Timestamp> {
        match self.threshold {
            Some(Rank::At(instant)) => Some(instant),
            Some(Rank::Order(_)) | None => None,
        }
    }

    /// Rows at the threshold tie, and go in any order until the allowance is used up.
    pub fn apply(&self, rows: &mut [JudgedRow]) {
        let mut left = self.rows;
        for row in rows.iter_mut().filter(|row| row.verdict == Verdict::Goes) {
            let old_enough =
                self.threshold.as_ref().is_none_or(|edge| Rank::of(row).compare(edge).is_le());
            if old_enough && left > 0 {
                left -= 1;
            } else {
                row.verdict = Verdict::Capped;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Rank {
        Rank::At(Timestamp::from_second(second).expect("an instant"))
    }

    #[test]
    fn the_threshold_is_the_nth_oldest() {
        let mut oldest = Oldest::new(3);
        for second in (0..5_000).rev() {
            oldest.offer(at(second), None);
        }
        let edge = oldest.edge().expect("more rows than the cap");
        assert!(edge.threshold.expect("the cap is not 0").compare(&at(2)).is_eq());
    }

    #[test]
    fn of_a_cap_that_is_used_up_the_oldest_of_all_stays() {
        let mut oldest = Oldest::new(0);
        assert!(Oldest::new(0).edge().is_none(), "nothing is due");
        oldest.offer(at(2), Some(Duration::from_secs(5)));
        oldest.offer(at(1), Some(Duration::from_secs(6)));
        let edge = oldest.edge().expect("something is due");
        assert!(edge.threshold.is_none());
        assert_eq!(edge.next_past, Some(Duration::from_secs(6)));
    }

    #[test]
    fn a_cap_that_is_not_reached_has_no_threshold() {
        let mut oldest = Oldest::new(2);
        oldest.offer(at(1), None);
        oldest.offer(at(2), None);
        assert!(oldest.edge().is_none());
    }
}
