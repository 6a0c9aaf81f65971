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
    /// nobody knows which: rows could go before their time. Where the database has none, this
    /// machine's is held against the API server's, which it is `ahead` of.
    pub fn check(&self, dry_run: bool, ahead: Option<SignedDuration>) -> Result<Real, Refusal> {
        let machine = self.machine;
        let (real, other) = match self.database {
            Some(database) => {
                let real = Real { now: database, whose: "the database's" };
                (real, Some((database, "the database's")))
            }
            None => {
                let other = ahead.map(|ahead| (truncated(machine - ahead), "the API server's"));
                (Real { now: machine, whose: "this machine's" }, other)
            }
        };
        match other {
            Some((other, whose)) if !dry_run && other.duration_since(machine).abs() > APART => {
                Err(Refusal::new(
                    "--now",
                    Reason::Conflict,
                    format!(
                        "{whose} clock says {other} and this machine's {machine}: more than five minutes apart"
                    ),
                    "see which machine's clock is wrong, and set it",
                ))
            }
            _ => Ok(real),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_are_more_than_five_minutes_apart_refuse_a_run_and_no_dry_run() {
        let machine: Timestamp = "2026-11-21T12:00:00Z".parse().expect("an instant");
        let clocks = |database| Clocks {
            machine,
            database,
            follows: false,
            reads_only: false,
            enforces: true,
            version: None,
        };
        for seconds in [0, 300, 301, 365 * 86_400, -300, -301, -365 * 86_400] {
            let apart = SignedDuration::from_secs(seconds);
            let fits = seconds.abs() <= 300;
            let (postgres, sqlite) = (clocks(Some(machine - apart)), clocks(None));
            assert_eq!(postgres.check(false, None).is_ok(), fits, "{seconds}");
            assert_eq!(sqlite.check(false, Some(apart)).is_ok(), fits, "{seconds}");
            assert!(sqlite.check(false, None).is_ok(), "nobody else to ask");
            assert!(postgres.check(true, None).is_ok() && sqlite.check(true, Some(apart)).is_ok());
            // Whose clock counts is the database's, whatever the API server says.
            let real = postgres.check(true, Some(SignedDuration::from_hours(9)));
            assert_eq!(real.map(|real| real.now).ok(), Some(machine - apart));
        }
    }
}
