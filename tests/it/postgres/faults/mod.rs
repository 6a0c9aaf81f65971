//! What a run says, and leaves, when its server fails, and that the next one finishes.

mod clock;
mod crowded;
mod full;
mod held;
mod login;
mod lost;
mod own;
mod read_only;
mod schema;
mod timeouts;

use retention_operator::run::{Point, Watch};
use std::cell::Cell;

use super::bed::Bed;
use super::stage::Said;

/// Does something when a point is reached for the n-th time.
pub struct At<F: Fn()> {
    point: Point,
    on: usize,
    then: F,
    met: Cell<usize>,
}

pub fn at<F: Fn()>(point: Point, on: usize, then: F) -> At<F> {
    At { point, on, then, met: Cell::new(0) }
}

impl<F: Fn()> Watch for At<F> {
    fn reached(&self, point: Point) {
        if point == self.point {
            self.met.set(self.met.get() + 1);
            if self.met.get() == self.on {
                (self.then)();
            }
        }
    }
}

impl<F: Fn()> At<F> {
    pub fn assert_met(&self) {
        assert!(self.met.get() >= self.on, "{:?} was not reached that often", self.point);
    }
}

/// The only target failed for this reason, with these words, and the process ends with this code.
pub fn assert_failed(said: &Said, exit: u8, reason: &str, words: &str) {
    let target = said.target();
    assert_eq!((said.exit(), target.reason.as_deref()), (exit, Some(reason)), "{said:#?}");
    let message = target.message.as_deref().unwrap_or_default();
    assert!(message.contains(words), "{message}");
}

/// Nothing could be done at all, for a reason with these words.
pub fn assert_unreachable(said: &Said, words: &str) {
    assert_eq!((said.exit(), said.0.unreachable.len()), (3, 1), "{said:#?}");
    assert!(said.0.unreachable[0].contains(words), "{said:#?}");
}

/// What is gone is gone whole, as many as were told, and the next run takes what is left.
pub fn assert_the_next_finishes(bed: &Bed, said: &Said) {
    let told = said.0.reports.first().map_or(0, |_| said.target().rows.deleted);
    assert_eq!(10 - bed.chats().len() as i64, told, "{said:#?}");
    bed.assert_whole_families();
    bed.run(3, &retention_operator::run::Unwatched).assert_done();
    assert_eq!(bed.chats(), [9, 10]);
    bed.assert_whole_families();
}
