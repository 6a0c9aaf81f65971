//! The core, driven from manifests on disk: for each policy declare, observe, plan, purge, tell.
//!
//! Two phases. In the first nothing can change: sessions are read-only, and one refusal of any
//! policy ends the run. Only then rows go, policy by policy.

mod load;
mod place;
mod progress;
mod report;
mod table;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::{RoundMode, TimestampRound, Unit};

pub use crate::purge::{Point, Unwatched, Watch};
pub use progress::Progress;
pub use table::render as render_table;

use crate::api::PurgeRun;
use crate::database::{Error, ErrorClass, Mode, Session};
use crate::declare::{self, Declaration, Manifests, Narrowing, Refused};
use crate::model::{Reason, Refusal};
use crate::observe::observe;
use crate::plan::{self, Plan};
use crate::purge::{self, End, Job};

/// What a run is asked for beyond its manifests.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Files, folders, or `-` for standard input.
    pub files: Vec<String>,
    /// Only these policies; empty: all.
    pub policies: Vec<String>,
    /// Only these tenants; empty: all.
    pub tenants: Vec<String>,
    /// Only these targets; empty: all.
    pub targets: Vec<String>,
    /// Count, and change nothing.
    pub dry_run: bool,
    /// Replaces the database's clock.
    pub now: Option<Timestamp>,
    /// Lets `now` lie after the database's clock in a run that is not dry.
    pub allow_future_now: bool,
    /// Folders that stand for volumes: of one connection, or of all (`None`).
    pub roots: Vec<(Option<String>, PathBuf)>,
    /// A fixed batch size, for tests and benchmarks.
    pub batch_rows: Option<usize>,
}

/// One thing that is wrong with the input; nothing was touched.
#[derive(Debug, Clone, serde::Serialize)]
pub struct RefusalLine {
    /// The manifest, or `command line`.
    pub file: String,
    /// `Kind/name`.
    pub object: String,
    /// Where in the object.
    pub field: String,
    /// A documented word.
    pub reason: String,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub write: String,
}

impl std::fmt::Display for RefusalLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            file,
            object,
            field,
            reason: _,
            message,
            write,
        } = self;
        for part in [file, object, field] {
            if !part.is_empty() {
                write!(f, "{part}: ")?;
            }
        }
        write!(f, "{}: {write}", one_line(message))
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// One for each policy that ran.
    pub reports: Vec<PurgeRun>,
    /// Not empty: nothing was touched.
    pub refusals: Vec<RefusalLine>,
    /// Databases that could not be reached, each with its policy.
    pub unreachable: Vec<String>,
    /// What was left aside, for the log.
    pub notes: Vec<String>,
    /// 0 complete, 1 something that should have gone did not, 2 refused, 3 not reached.
    pub exit: u8,
}

impl Outcome {
    fn refused(refused: Vec<Refused>, notes: Vec<String>) -> Self {
        let refusals = refused.into_iter().map(line).collect();
        Self {
            reports: Vec::new(),
            refusals,
            unreachable: Vec::new(),
            notes,
            exit: 2,
        }
    }
}

fn line(
    Refused {
        file,
        object,
        refusal,
    }: Refused,
) -> RefusalLine {
    let Refusal {
        field,
        reason,
        message,
        write,
    } = refusal;
    RefusalLine {
        file,
        object,
        field,
        reason: reason.word().to_owned(),
        message,
        write,
    }
}

/// Only parses, strictly: what a team puts into its CI.
pub fn validate(files: &[String]) -> Outcome {
    let mut manifests = load::load(files);
    load::stand_in_for_absent_connections(&mut manifests);
    let notes = manifests.notes.clone();
    match declare::declare(&manifests, &Narrowing::default()) {
        Ok(_) => Outcome {
            reports: Vec::new(),
            refusals: Vec::new(),
            unreachable: Vec::new(),
            notes,
            exit: 0,
        },
        Err(refused) => Outcome::refused(refused, notes),
    }
}

/// A policy whose plan stands against its database.
struct Ready {
    declaration: Declaration,
    plan: Plan,
    path: PathBuf,
}

/// Runs policies to their reports. `stop`, set from outside, ends the batch and the run.
pub async fn run(options: &Options, watch: &dyn Watch, stop: &AtomicBool) -> Outcome {
    let started = Instant::now();
    let manifests: Manifests = load::load(&options.files);
    let mut notes = manifests.notes.clone();
    let narrowing = Narrowing {
        policies: options.policies.clone(),
        tenants: options.tenants.clone(),
        targets: options.targets.clone(),
        dry_run: options.dry_run,
    };
    let declarations = match declare::declare(&manifests, &narrowing) {
        Ok(declarations) => declarations,
        Err(refused) => return Outcome::refused(refused, notes),
    };
    if declarations.is_empty() {
        notes.push("no policy is asked for: nothing to do".to_owned());
    }
    let mut ready = Vec::new();
    let mut refused = Vec::new();
    let mut unreachable = Vec::new();
    for declaration in declarations {
        match prepare(declaration, options, watch, stop).await {
            Ok(planned) => ready.push(planned),
            Err(Stopper::Refused(mut more)) => refused.append(&mut more),
            Err(Stopper::Unreachable(message)) => unreachable.push(message),
        }
    }
    if !refused.is_empty() {
        return Outcome::refused(refused, notes);
    }
    // If we die from here on, every batch is whole or not there, and the next run goes on.
    watch.reached(Point::Planned);
    let mut reports = Vec::new();
    let mut exit = if unreachable.is_empty() { 0 } else { 3 };
    for ready in ready {
        let (report, code, error) = perform(&ready, options, started, watch, stop).await;
        reports.extend(report);
        unreachable.extend(error);
        exit = exit.max(code);
    }
    Outcome {
        reports,
        refusals: Vec::new(),
        unreachable,
        notes,
        exit,
    }
}

/// Why a policy does not run.
enum Stopper {
    Refused(Vec<Refused>),
    Unreachable(String),
}

/// Everything up to the first row, without a right to change anything.
async fn prepare(
    declaration: Declaration,
    options: &Options,
    watch: &dyn Watch,
    stop: &AtomicBool,
) -> Result<Ready, Stopper> {
    let of_connection = |refusal: Refusal| {
        let object = format!("DatabaseConnection/{}", declaration.connection.name);
        let file = match refusal.field.as_str() {
            place::ROOT => "command line",
            _ => &declaration.connection.file,
        };
        Stopper::Refused(vec![Refused {
            file: file.to_owned(),
            object,
            refusal,
        }])
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
    let clock = clock(options, declaration.dry_run).map_err(|refusal| {
        Stopper::Refused(vec![Refused {
            file: "command line".to_owned(),
            object: format!("RetentionPolicy/{}", declaration.policy),
            refusal,
        }])
    })?;
    let path = place::locate(&declaration.connection, &options.roots, declaration.dry_run)
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
    let observed = observe(&declaration, &mut session, clock)
        .await
        .map_err(failed)?;
    let plan = plan::plan(&declaration, &observed).map_err(of_policy)?;
    let job = Job {
        clock,
        dry_run: true,
        duty_cycle_percent: declaration.connection.limits.duty_cycle_percent,
        batch_rows: options.batch_rows,
        deadline: None,
        stop,
        watch,
    };
    let mut refusals = Vec::new();
    for target in &plan.targets {
        refusals.extend(
            purge::preflight(target, &job, &mut session)
                .await
                .map_err(failed)?,
        );
    }
    session.close().await;
    if refusals.is_empty() {
        Ok(Ready {
            declaration,
            plan,
            path,
        })
    } else {
        Err(of_policy(refusals))
    }
}

/// SQLite has no clock of its own: it is this machine's, in whole seconds.
fn clock(options: &Options, dry_run: bool) -> Result<Timestamp, Refusal> {
    let seconds = TimestampRound::new()
        .smallest(Unit::Second)
        .mode(RoundMode::Trunc);
    let truncated = |instant: Timestamp| instant.round(seconds).unwrap_or(instant);
    let real = truncated(Timestamp::now());
    let Some(now) = options.now.map(truncated) else {
        return Ok(real);
    };
    if now > real && !dry_run && !options.allow_future_now {
        return Err(Refusal::new(
            "--now",
            Reason::Conflict,
            format!(
                "{now} lies after the database's clock, {real}: rows would go before their time"
            ),
            "add --dry-run, or --allow-future-now if you mean it",
        ));
    }
    Ok(now)
}

async fn open(
    declaration: &Declaration,
    path: &std::path::Path,
    mode: Mode,
) -> Result<Session, Error> {
    let limits = &declaration.connection.limits;
    let enforce = plan::enforces_foreign_keys(declaration);
    Session::open(
        path,
        mode,
        enforce,
        limits.lock_timeout,
        limits.statement_timeout,
    )
    .await
}

/// A file that a killed writer has left with a hot journal cannot be read before it is rolled
/// back, which is what any reader with the right to write does.
async fn open_to_read(declaration: &Declaration, path: &std::path::Path) -> Result<Session, Error> {
    let mut session = open(declaration, path, Mode::Read).await?;
    match session.rows(&crate::sql::sqlite::tables()).await {
        Err(error) if error.class == ErrorClass::ReadOnly => {
            open(declaration, path, Mode::Write).await
        }
        Err(error) => Err(error),
        Ok(_) => Ok(session),
    }
}

/// The targets of one policy, in order, under one clock.
async fn perform(
    ready: &Ready,
    options: &Options,
    started: Instant,
    watch: &dyn Watch,
    stop: &AtomicBool,
) -> (Option<PurgeRun>, u8, Option<String>) {
    let declaration = &ready.declaration;
    let opened = if declaration.dry_run {
        open_to_read(declaration, &ready.path).await
    } else {
        open(declaration, &ready.path, Mode::Write).await
    };
    let mut session = match opened {
        Ok(session) => session,
        Err(error) => {
            return (
                None,
                3,
                Some(format!("RetentionPolicy/{}: {error}", declaration.policy)),
            );
        }
    };
    let job = Job {
        clock: ready.plan.clock,
        dry_run: declaration.dry_run,
        duty_cycle_percent: declaration.connection.limits.duty_cycle_percent,
        batch_rows: options.batch_rows,
        deadline: declaration
            .deadline
            .and_then(|deadline: Duration| started.checked_add(deadline)),
        stop,
        watch,
    };
    let mut ended = Vec::new();
    let mut exit = 0;
    for target in &ready.plan.targets {
        // A target that fails stops only itself.
        let (counts, end) = purge::purge(target, &job, &mut session).await;
        exit = exit.max(match &end {
            End::Failed {
                reason: Reason::Unreachable,
                ..
            } => 3,
            End::Failed { .. } | End::DeadlineExceeded | End::Stopped => 1,
            End::Done | End::CapReached => {
                u8::from(counts.failed > 0 || !counts.unknown.is_empty())
            }
        });
        ended.push((target, counts, end));
    }
    session.close().await;
    (
        Some(report::of(declaration, &ready.plan, &ended)),
        exit,
        None,
    )
}
