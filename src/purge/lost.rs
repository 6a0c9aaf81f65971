//! A connection that broke: another one, and what became of a batch that broke off at its COMMIT.

use std::time::{Duration, Instant};

use super::watch::Job;
use crate::database::{Error, ErrorClass, Session, Settled};

/// How long a server is tried. A batch that hears nothing from us is ended by the server after half
/// a minute, and a replica takes over within that.
const PATIENCE: Duration = Duration::from_secs(40);
const PATIENCE_WHEN_STOPPED: Duration = Duration::from_secs(4);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Job<'_> {
    /// Ends a batch for good, or not at all. Without an answer nobody knows which, and the server is
    /// asked what became of the transaction. While `unsettled` stands, so many roots went or did not.
    pub(super) async fn commit(&self, roots: u64, session: &mut Session) -> Result<(), Error> {
        self.unsettled.set((roots > 0).then_some(roots));
        let ended = match session.commit().await {
            Err(error) if session.is_lost() && roots > 0 => {
                Box::pin(self.settle(error, session)).await?
            }
            ended => ended,
        };
        self.unsettled.set(None);
        ended
    }

    /// `Err`: it cannot be learned. `Ok`: what COMMIT would have answered.
    async fn settle(
        &self,
        error: Error,
        session: &mut Session,
    ) -> Result<Result<(), Error>, Error> {
        tracing::warn!("the connection broke at COMMIT: {error}");
        let unknown = |why: &str| Error {
            class: ErrorClass::Unreachable,
            message: format!("the connection broke at COMMIT, and {why}: {error}"),
        };
        let mut tries = Tries::begin();
        loop {
            match session.settled().await {
                Ok(Settled::Committed) => return Ok(Ok(())),
                Ok(Settled::Undone) => return Ok(Err(error)),
                Ok(Settled::Unknown) => {
                    return Err(unknown("the server cannot tell whether the batch was committed"));
                }
                Err(again) => {
                    if !tries.again(self).await {
                        return Err(unknown(&again.to_string()));
                    }
                }
            }
        }
    }

    /// Another connection.
    pub(super) async fn reconnect(&self, session: &mut Session) -> Result<(), Error> {
        if let Some(error) = self.unreached.get() {
            return Err(error.clone());
        }
        let mut tries = Tries::begin();
        while let Err(error) = session.reconnect().await {
            if !tries.again(self).await {
                return Err(self.unreached.get_or_init(|| error).clone());
            }
        }
        Ok(())
    }
}

/// Tries with pauses in between, each twice as long as the one before.
struct Tries {
    started: Instant,
    pause: Duration,
}

impl Tries {
    fn begin() -> Self {
        Self { started: Instant::now(), pause: FIRST_PAUSE }
    }

    /// Pauses; `false`: it was long enough.
    async fn again(&mut self, job: &Job<'_>) -> bool {
        let patience = if job.is_stopped() { PATIENCE_WHEN_STOPPED } else { PATIENCE };
        if self.started.elapsed() + self.pause > patience {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}
