//! The clock of a run: one instant, in whole seconds, for everything it judges.

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

use super::Options;
use super::earlier::Earlier;
use crate::database::{Error, Session};
use crate::model::{Reason, Refusal};

/// So far the clocks of two machines may be apart.
const APART: SignedDuration = SignedDuration::from_mins(5);

/// What the clocks say before a run.
pub struct Clocks {
    machine: Timestamp,
    /// `None`: the database has no clock of its own.
    database: Option<Timestamp>,
    /// Whether the server follows another, and takes no writes.
    pub follows: bool,
    /// Whether the login is set to read only.
    pub reads_only: bool,
    /// Whether its foreign keys do what they are declared to.
    pub enforces: bool,
    /// The server's, as it prints it.
    pub version: Option<String>,
}

/// The clock that counts, and whose it is.
pub struct Real {
    now: Timestamp,
    whose: &'static str,
}

/// Asks the database what time it is.
pub async fn of_database(session: &mut Session) -> Result<Clocks, Error> {
    let server = match session {
        Session::Sqlite(_) => None,
        Session::Postgres(session) => Some(session.server().await?),
    };
    Ok(Clocks {
        machine: truncated(Timestamp::now()),
        database: server.as_ref().map(|server| server.clock),
        follows: server.as_ref().is_some_and(|server| server.follows),
        reads_only: server.as_ref().is_some_and(|server| server.reads_only),
        enforces: server.as_ref().is_none_or(|server| server.enforces),
        version: server.map(|server| server.version),
    })
}

impl Clocks {
    /// The database's clock. Where it and this machine's are far apart one of them is wrong, and
    /// nobody knows which: rows could go before their time.
    pub fn check(&self, dry_run: bool) -> Result<Real, Refusal> {
        let Some(database) = self.database else {
            return Ok(Real { now: self.machine, whose: "this machine's" });
        };
        let apart = database.duration_since(self.machine).abs();
        if dry_run || apart <= APART {
            return Ok(Real { now: database, whose: "the database's" });
        }
        Err(Refusal::new(
            "--now",
            Reason::Conflict,
            format!(
                "the database's clock says {database} and this machine's {}: more than five minutes apart",
                self.machine
            ),
            "see which machine's clock is wrong, and set it",
        ))
    }
}

fn truncated(instant: Timestamp) -> Timestamp {
    let seconds = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Trunc);
    instant.round(seconds).unwrap_or(instant)
}

/// `--now` replaces the real clock. A run that has begun keeps the clock that it has.
pub fn of_run(
    options: &Options,
    earlier: &Earlier,
    dry_run: bool,
    real: &Real,
) -> Result<Timestamp, Refusal> {
    let Real { now: real, whose } = *real;
    if let Some(clock) = earlier.clock {
        if dry_run || options.allow_future_now || clock <= real + APART {
            return Ok(clock);
        }
        return Err(Refusal::new(
            "--report",
            Reason::Conflict,
            format!(
                "the PurgeRun's clock, {clock}, lies after {whose}, {real}: rows would go before their time"
            ),
            "see which machine's clock is wrong, and make a new PurgeRun",
        ));
    }
    let Some(now) = options.now.map(truncated) else {
        return Ok(real);
    };
    if now > real && !dry_run && !options.allow_future_now {
        return Err(Refusal::new(
            "--now",
            Reason::Conflict,
            format!("{now} lies after {whose} clock, {real}: rows would go before their time"),
            "add --dry-run, or --allow-future-now if you mean it",
        ));
    }
    Ok(now)
}
