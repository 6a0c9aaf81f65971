//! Before a batch, outside of any transaction: whoever else needs the database goes first.

use std::time::{Duration, Instant};

use super::End;
use super::runner::Runner;
use crate::database::{Pressure, Session};
use crate::model::Cause;

/// How long a pause goes on before it is looked whether the run is to end.
const SLICE: Duration = Duration::from_millis(200);

impl Runner<'_> {
    /// Asks how the database fares, if it is time to, and waits as long as a batch would hurt. It
    /// ends when the run's time is up or it is stopped, and a pooler may lend our connection to
    /// others meanwhile.
    pub(super) async fn gate(&mut self, session: &mut Session) -> Result<(), End> {
        if !self.throttle.is_due(Instant::now()) {
            return Ok(());
        }
        let mut held = None;
        loop {
            let pressure = self.pressure(session).await?;
            let hold = {
                let mut lag = self.job.lag.borrow_mut();
                self.throttle.judge(Instant::now(), &pressure, &mut lag)
            };
            let Some(hold) = hold else { break };
            // A lock that others wait for is held up less by small batches.
            if hold.cause == Cause::LockWaiters && held != Some(hold.cause) {
                self.pace.hindered();
            }
            held = Some(hold.cause);
            self.job.watch.waits(&self.planned.target.name, &hold.why);
            let until_due = self.throttle.until_due(Instant::now());
            self.pause(hold.cause, until_due, Some(hold.why), session).await;
            self.is_over()?;
        }
        if held.is_some() {
            self.tally.throttled(self.throttle.waited(Instant::now()), None);
        }
        Ok(())
    }

    async fn pressure(&self, session: &mut Session) -> Result<Pressure, End> {
        match session.pressure(&self.bench.target.written()).await {
            Ok(pressure) => Ok(pressure),
            Err(error) if error.is_of_the_server() => Err(error.into()),
            // Nobody knows, and that is a reason to wait.
            Err(error) => Ok(Pressure { unasked: Some(error.to_string()), ..Pressure::default() }),
        }
    }

    /// `waits`: what it waits for, where that is not the clock alone.
    pub(super) async fn pause(
        &mut self,
        cause: Cause,
        length: Duration,
        waits: Option<String>,
        session: &mut Session,
    ) {
        let started = Instant::now();
        self.throttle.turn(Some(cause), started);
        self.tally.throttled(self.throttle.waited(started), waits.clone());
        if waits.is_some() {
            self.job.watch.counted(&|| self.tally.so_far());
        }
        while started.elapsed() < length && !self.job.is_stopped() && !self.job.is_late() {
            let left = length.saturating_sub(started.elapsed());
            session.rest(left.min(SLICE)).await;
        }
        let ended = Instant::now();
        self.throttle.turn(None, ended);
        self.tally.throttled(self.throttle.waited(ended), waits);
    }
}
