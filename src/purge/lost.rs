//! A connection that broke: another one, and what became of a batch that broke off at its COMMIT.

use std::time::{Duration, Instant};

use super::End;
use super::runner::Runner;
use super::tally::Tally;
use super::watch::Job;
use crate::database::{Error, ErrorClass, Session, Settled};
use crate::model::KeySet;

/// How often a target goes on after its connection broke. A server that breaks it whenever some row
/// goes is not to be broken by us for hours.
const MOST_BREAKS: u32 = 5;
/// Doubled before each time.
const BEFORE_GOING_ON: Duration = Duration::from_millis(100);

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
                    if is_final(&again) || !tries.again(self).await {
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
            if is_final(&error) || !tries.again(self).await {
                return Err(self.unreached.get_or_init(|| error).clone());
            }
        }
        Ok(())
    }
}

impl Runner<'_> {
    /// To its end, and leaves the database tended.
    pub(super) async fn run_and_tend(&mut self, session: &mut Session) -> Result<End, End> {
        let ended = self.run(session).await;
        session.tend(Duration::MAX).await;
        ended
    }

    /// To its end. Where the connection breaks, the target is walked once more, by the same plan: all
    /// that is gone by then stays counted.
    pub(super) async fn run(&mut self, session: &mut Session) -> Result<End, End> {
        for breaks in 1..=MOST_BREAKS {
            let ended = self.through(session).await;
            let Err(End::Failed { reason, message }) = &ended else { return ended };
            // Of a batch that nobody knows of, the next could not be counted either.
            if !reason.passes() || !session.is_lost() || self.job.unsettled.get().is_some() {
                return ended;
            }
            self.is_over()?;
            let why = format!("the connection broke: {message}");
            tracing::warn!("target {}: {why}", self.planned.target.name);
            self.job.watch.waits(&self.planned.target.name, &why);
            tokio::time::sleep(BEFORE_GOING_ON * 2_u32.pow(breaks)).await;
            if let Err(error) = Box::pin(self.job.reconnect(session)).await {
                let message = format!("{message}; and no other connection could be made: {error}");
                return Err(End::Failed { reason: error.reason(), message });
            }
            self.begin_again();
        }
        self.through(session).await
    }

    fn begin_again(&mut self) {
        self.allowance = None;
        if self.job.dry_run {
            self.failed = KeySet::default();
            self.failures.clear();
            self.tally = Tally::new(self.planned);
        } else {
            self.tally.begin_again();
            self.keep_off_failed_rows();
        }
    }
}

/// A login that is refused is not tried again from here: it would be locked out for all who use it.
fn is_final(error: &Error) -> bool {
    error.class == ErrorClass::LoginRefused
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
