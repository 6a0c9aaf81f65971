//! Another client, at work when a run is at one of its named points.

use std::cell::Cell;

use retention_operator::run::{Point, Watch};

use super::client;
use super::stage::Stage;

/// Where anybody can still change anything: after the plan, after the rows were found, between batches.
pub const OPEN: [Point; 3] = [Point::Planned, Point::Found, Point::Committed];
/// Where the batch holds its rows.
pub const CLOSED: [Point; 3] = [Point::Locked, Point::Judged, Point::Acted];

/// Does something elsewhere when a point is reached for the n-th time.
pub struct Meddler<'a> {
    point: Point,
    on: usize,
    sql: &'a str,
    url: String,
    met: Cell<usize>,
    /// Whether it could be done; `None`: the point was not reached.
    pub went: Cell<Option<bool>>,
}

impl<'a> Meddler<'a> {
    pub fn new(stage: &Stage, point: Point, on: usize, sql: &'a str) -> Self {
        let url = stage.database.own_url();
        Self { point, on, sql, url, met: Cell::new(0), went: Cell::new(None) }
    }
}

impl Watch for Meddler<'_> {
    fn reached(&self, point: Point) {
        if point == self.point {
            self.met.set(self.met.get() + 1);
            if self.met.get() == self.on {
                self.went.set(Some(client::elsewhere(&self.url, self.sql).is_ok()));
            }
        }
    }
}
