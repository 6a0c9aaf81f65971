//! Rows of some blocks by one DELETE, where nothing but a row itself decides whether it goes.
//!
//! The database locks a row before it deletes it. One that changed meanwhile is looked at again as it
//! is then, by all conditions, and stays if they do not hold any more.

use std::time::Duration;

use super::{Answer, Outcome, Taking, apart, going};
use crate::database::Session;
use crate::model::{Reading, Value, read_age};
use crate::plan::Fate;
use crate::purge::batch::{self, BatchError};
use crate::purge::judge::Verdict;
use crate::purge::tally::Taken;
use crate::purge::watch::Point;
use crate::sql::{Instants, postgres};

/// How long each row that somebody else has locked is waited for: others may wait meanwhile for rows that
/// the same statement has locked before.
pub(super) const ROW_WAIT: Duration = Duration::from_millis(10);

impl Taking<'_> {
    pub(super) async fn at_once(
        &self,
        instants: &Instants,
        session: &mut Session,
    ) -> Result<(Vec<Vec<Value>>, Outcome), BatchError> {
        let tables = self.dependent_tables();
        let target = self.bench.target;
        let delete = postgres::delete_due(target, instants, &self.blocks(), self.most, &tables);
        let answer = Answer::of(target, session.rows(&delete).await?)?;
        let due = answer.in_all.iter().map(|group| group.rows).sum();
        if due > self.most as u64 {
            return Err(BatchError::TooMany);
        }
        self.job.watch.reached(Point::Locked);
        for group in &answer.by_tenant {
            self.is_due(&group.tenant, &group.youngest)?;
        }
        let odd = if answer.has_odd { self.odd(instants, session).await? } else { Vec::new() };
        let held = answer.in_all.into_iter().filter(|group| group.verdict != Verdict::Goes);
        let taken: Vec<Taken> = answer.by_tenant.into_iter().chain(held).map(Taken::from).collect();
        self.job.watch.reached(Point::Judged);
        let dependents = batch::deleted_since(&answer.before, &tables, session).await?;
        let gone = going(&taken);
        Ok((odd, Outcome { taken, dependents, due, gone }))
    }

    /// What the statement was to ask of each row is asked once more of the youngest that it took of a
    /// tenant, before the commit.
    fn is_due(&self, tenant: &Value, youngest: &Value) -> Result<(), BatchError> {
        let encoding = self.bench.target.age.as_ref().map(|rule| &rule.encoding);
        match (self.bench.cutoffs.of(tenant), encoding.map(|rule| read_age(youngest, rule))) {
            (Fate::Cutoff(own), Some(Reading::At(instant))) if instant < own => Ok(()),
            _ => Err(apart("a row went that its tenant keeps")),
        }
    }
}
