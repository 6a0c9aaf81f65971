//! Everything up to the first row, without a right to change anything.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit};

use super::earlier::Earlier;
use super::{Options, place};
use crate::database::{Error, ErrorClass, Mode, Session};
use crate::declare::{Database, Declaration, Refused};
use crate::model::{Reason, Refusal, Value};
use crate::observe::observe;
use crate::plan::{self, Plan};
use crate::purge::{self, Job, Watch};

/// So far the clocks of two machines may be apart.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// A policy whose plan stands against its database.
pub(super) struct Ready {
    pub(super) declaration: Declaration,
    pub(super) plan: Plan,
    pub(super) path: PathBuf,
    /// The schema's version when the plan was made.
    pub(super) schema: Value,
}

/// Why a policy does not run.
pub(super) enum Stopper {
    Refused(Vec<Refused>),
    Unreachable(String),
}

/// Everything up to the first row, without a right to change anything.
pub(super) async fn prepare(
    declaration: Declaration,
    options: &Options,
    earlier: &Earlier,
    watch: &dyn Watch,
    stop: &AtomicBool,
) -> Result<Ready, Stopper> {
    let of_connection = |refusal: Refusal| {
        let object = format!("DatabaseConnection/{}", declaration.connection.name);
        let file = match refusal.field.as_str() {
            place::ROOT => "command line",
            _ => &declaration.connection.file,
        };
        Stopper::Refused(vec![Refused { file: file.to_owned(), object, refusal }])
    };
    let of_policy = |refusals: Vec<Refusal>| {
        let object = format!("RetentionPolicy/{}", declaration.policy);
        let refused = refusals.into_iter().map(|refusal| Refused {
            file: declaration.file.clone(),
            object: object.clone(),
            refusal,
        });
        Stopper::Refused(refused.collect())
    };
    let clock = clock(options, earlier, declaration.dry_run).map_err(|refusal| {
        Stopper::Refused(vec![Refused {
            file: "command line".to_owned(),
            object: format!("RetentionPolicy/{}", declaration.policy),
            refusal,
        }])
    })?;
    let Database::Sqlite { path } = &declaration.connection.database else {
        unreachable!("every other engine was refused")
    };
    let connection = &declaration.connection;
    let path = place::locate(connection, path, &options.roots, declaration.dry_run)
        .map_err(of_connection)?;
    let failed = |error: Error| match error.class {
        ErrorClass::NotADatabase => of_connection(Refusal::new(
            "spec.sqlite.path",
            Reason::BadDatabase,
            format!("{}: {error}", path.display()),
            "name a file that SQLite has made",
        )),
        _ => Stopper::Unreachable(format!(
            "RetentionPolicy/{}: DatabaseConnection/{}: {error}: {}",
            declaration.policy,
            declaration.connection.name,
            error.reason().next_step()
        )),
    };
    let mut session = open_to_read(&declaration, &path).await.map_err(failed)?;
    // Before the catalog is read: a change in between is then found out, and not missed.
    let schema = session.schema_version().await.map_err(failed)?;
    let observed = observe(&declaration, &mut session, clock).await.map_err(failed)?;
    let mut plan = plan::plan(&declaration, &observed).map_err(of_policy)?;
    for target in &mut plan.targets {
        let gone = earlier.gone(&target.target.name);
        target.cap = target.cap.map(|cap| cap.saturating_sub(gone));
    }
    let job = Job {
        clock,
        dry_run: true,
        duty_cycle_percent: declaration.connection.limits.duty_cycle_percent,
        batch_rows: options.batch_rows,
        deadline: None,
        stop,
        stopped: OnceCell::new(),
        watch,
    };
    let mut refusals = Vec::new();
    for target in &plan.targets {
        refusals.extend(purge::preflight(target, &job, &mut session).await.map_err(failed)?);
    }
    session.close().await;
    if refusals.is_empty() {
        Ok(Ready { declaration, plan, path, schema })
    } else {
        Err(of_policy(refusals))
    }
}

/// SQLite has no clock of its own: it is this machine's, in whole seconds. A run that has begun
/// keeps the clock that it has.
fn clock(options: &Options, earlier: &Earlier, dry_run: bool) -> Result<Timestamp, Refusal> {
    let seconds = TimestampRound::new().smallest(Unit::Second).mode(RoundMode::Trunc);
    let truncated = |instant: Timestamp| instant.round(seconds).unwrap_or(instant);
    let real = truncated(Timestamp::now());
    if let Some(clock) = earlier.clock {
        if dry_run || options.allow_future_now || clock <= real + AHEAD {
            return Ok(clock);
        }
        return Err(Refusal::new(
            "--report",
            Reason::Conflict,
            format!(
                "the PurgeRun's clock, {clock}, lies after this machine's, {real}: rows would go before their time"
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
            format!(
                "{now} lies after this machine's clock, {real}: rows would go before their time"
            ),
            "add --dry-run, or --allow-future-now if you mean it",
        ));
    }
    Ok(now)
}

pub(super) async fn open(
    declaration: &Declaration,
    path: &Path,
    mode: Mode,
) -> Result<Session, Error> {
    let limits = &declaration.connection.limits;
    let enforce = plan::enforces_foreign_keys(declaration);
    Session::open(path, mode, enforce, limits.lock_timeout, limits.statement_timeout).await
}

/// A file that a killed writer has left with a hot journal cannot be read before it is rolled
/// back, which is what any reader with the right to write does.
pub(super) async fn open_to_read(declaration: &Declaration, path: &Path) -> Result<Session, Error> {
    let mut session = open(declaration, path, Mode::Read).await?;
    match session.rows(&crate::sql::sqlite::tables()).await {
        Err(error) if error.class == ErrorClass::ReadOnly => {
            open(declaration, path, Mode::Write).await
        }
        Err(error) => Err(error),
        Ok(_) => Ok(session),
    }
}
