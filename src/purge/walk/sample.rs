//! How much of a table is due, by a look at a few places of it.

use super::{Walk, read};
use crate::database::{Error, Session};
use crate::model::{Engine, Key, Value};
use crate::sql;

/// Places that are looked at, evenly over the table: a block, or so many rows.
const PLACES: u64 = 32;
const ROWS: usize = 32;

impl Walk<'_> {
    /// Which share of its table's rows are candidates, where the table has about so many. Nothing is
    /// decided by it but the way in which they are found.
    pub(in crate::purge) async fn share_due(
        &mut self,
        rows: u64,
        session: &mut Session,
    ) -> Result<f64, Error> {
        match self.target.table.engine {
            Engine::Postgres => self.share_in_blocks(rows, session).await,
            Engine::Sqlite => self.share_along_keys(session).await,
        }
    }

    async fn share_in_blocks(&mut self, rows: u64, session: &mut Session) -> Result<f64, Error> {
        let blocks = session.rows(&sql::postgres::blocks(self.target.rows())).await?;
        let blocks = blocks.first().and_then(|row| row[0].as_integer());
        let blocks = blocks.map_or(0, i64::unsigned_abs);
        let below = self.cutoffs.youngest().map(|cutoff| self.below(cutoff));
        let instants = self.instants();
        let looked_at = blocks.min(PLACES);
        let mut due = 0;
        for at in 0..looked_at {
            let block = at * blocks / looked_at;
            let one = block..block + 1;
            let look = |target: &_| {
                sql::postgres::sweep_blocks(target, &instants, one.clone(), below.as_ref())
            };
            let found = read(self.target, &mut self.unfiltered, look, session).await?;
            due += self.sort(&found).candidates();
        }
        let seen = rows as f64 * looked_at as f64 / blocks.max(1) as f64;
        Ok(due as f64 / seen.max(1.0))
    }

    async fn share_along_keys(&mut self, session: &mut Session) -> Result<f64, Error> {
        let span = session.rows(&sql::sqlite::key_span(&self.target.table)).await?;
        let ends = span.first().and_then(|row| Some((row[0].as_integer()?, row[1].as_integer()?)));
        let is_single = self.target.table.key.len() == 1;
        let Some((first, last)) = ends.filter(|_| is_single) else { return Ok(0.0) };
        let instants = self.instants();
        let (mut due, mut seen) = (0, 0);
        for at in 0..PLACES {
            let step = (i128::from(last) - i128::from(first)) * i128::from(at) / i128::from(PLACES);
            let place = i128::from(first) + step - 1;
            let after = Key(vec![Value::Integer(i64::try_from(place).unwrap_or(i64::MIN))]);
            let look = |target: &_| sql::sweep(target, &instants, Some(&after), ROWS);
            let found = read(self.target, &mut self.unfiltered, look, session).await?;
            seen += found.len();
            due += self.sort(&found).candidates();
        }
        Ok(due as f64 / seen.max(1) as f64)
    }
}
