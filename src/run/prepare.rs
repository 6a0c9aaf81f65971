//! Everything up to the first row, without a right to change anything.

use std::cell::{Cell, OnceCell, RefCell};
use std::sync::atomic::AtomicBool;

use super::earlier::Earlier;
use super::place::{self, Place};
use super::{Options, clock};
use crate::api::ServerReport;
use crate::database::{Error, ErrorClass, Session};
use crate::declare::{Declaration, Refused};
use crate::model::{Reason, Refusal, TableName, Value};
use crate::observe::observe;
use crate::plan::{self, Plan};
use crate::purge::{self, Job, Lag, Watch};

/// A policy whose plan stands against its database.
pub(super) struct Ready {
    pub(super) declaration: Declaration,
    pub(super) plan: Plan,
    pub(super) place: Place,
    /// The schema when the plan was made.
    pub(super) schema: Schema,
    /// Schemas of extensions whose types the statements meet.
    pub(super) extensions: Vec<String>,
    pub(super) server: Option<ServerReport>,
}

/// A version of the schema of some tables.
pub(super) struct Schema {
    pub(super) tables: Vec<TableName>,
    pub(super) version: Value,
}

/// Why a policy does not run.
pub(super) enum Stopper {
    Refused(Vec<Refused>),
    Unreachable(String),
}

/// Everything up to the first row, without a right to change anything. What is learned of the
/// server is told whatever comes after.
pub(super) async fn prepare(
    declaration: Declaration,
    options: &Options,
    earlier: &Earlier,
    watch: &dyn Watch,
    stop: &AtomicBool,
    server: &OnceCell<ServerReport>,
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
    let of_run = |refusal: Refusal| {
        Stopper::Refused(vec![Refused {
            file: "command line".to_owned(),
            object: format!("RetentionPolicy/{}", declaration.policy),
            refusal,
        }])
    };
    let place = Place::of(&declaration, options).map_err(of_connection)?;
    let failed = |error: Error| match error.class {
        ErrorClass::NotADatabase => of_connection(Refusal::new(
            "spec.sqlite.path",
            Reason::BadDatabase,
            format!("{}{error}", place.prefix()),
            "name a file that SQLite has made",
        )),
        _ => Stopper::Unreachable(unreachable(&declaration, &error)),
    };
    let mut session = place.open_to_read(&declaration).await.map_err(failed)?;
    let real = clock::of_database(&mut session).await.map_err(failed)?;
    if let Some(reached) = place.server(real.version.as_deref()) {
        server.get_or_init(|| reached);
    }
    if real.follows && !declaration.dry_run {
        return Err(of_connection(Refusal::new(
            "spec.postgres.secretKeyRef",
            Reason::ReadOnly,
            "the server is read only: it follows another and takes no writes",
            "name the primary; with CloudNativePG its service ends in -rw",
        )));
    }
    if real.reads_only && !declaration.dry_run {
        return Err(of_connection(Refusal::new(
            "spec.postgres.secretKeyRef",
            Reason::ReadOnly,
            "the login is read only: default_transaction_read_only is on for it, its database or the server",
            "see who set it and why (providers do when a disk is nearly full); for this login alone: ALTER ROLE ... SET default_transaction_read_only = off",
        )));
    }
    if !real.enforces {
        return Err(of_connection(Refusal::new(
            "spec.postgres.secretKeyRef",
            Reason::Conflict,
            "session_replication_role is not origin for this login: foreign keys and triggers would not do what they are declared to",
            "ALTER ROLE ... RESET session_replication_role; and the same for the database",
        )));
    }
    if let (Session::Postgres(session), false) = (&mut session, declaration.dry_run) {
        let pressure = session.pressure(&[]).await.map_err(failed)?;
        if let Some(replica) = pressure.followers.iter().find(|replica| replica.state.is_none()) {
            return Err(of_connection(Refusal::new(
                "spec.limits.maxReplicaLag",
                Reason::NotPermitted,
                format!(
                    "the login {} may not see how far the replica {} is behind, and would wait for it for ever",
                    pressure.login, replica.name
                ),
                format!("GRANT pg_read_all_stats TO {}", pressure.login),
            )));
        }
    }
    let clock = real
        .check(declaration.dry_run, earlier.ahead)
        .and_then(|real| clock::of_run(options, earlier, declaration.dry_run, &real))
        .map_err(of_run)?;
    // Before the catalog is read: a change in between is then found out, and not missed.
    let tables = declared_tables(&declaration);
    let before = session.schema_version(&tables, true).await.map_err(failed)?;
    let observed = observe(&declaration, &mut session, clock).await.map_err(failed)?;
    let mut plan = plan::plan(&declaration, &observed).map_err(of_policy)?;
    let schema = {
        let planned = planned_tables(&plan);
        let version = session.schema_version(&planned, false).await.map_err(failed)?;
        Schema { tables: planned, version }
    };
    if session.schema_version(&tables, true).await.map_err(failed)? != before {
        return Err(Stopper::Unreachable(format!(
            "RetentionPolicy/{}: DatabaseConnection/{}: the schema changed while the plan was made: {}",
            declaration.policy,
            declaration.connection.name,
            Reason::SchemaChanged.next_step()
        )));
    }
    for target in &mut plan.targets {
        let gone = earlier.gone(&target.target.name);
        target.cap = target.cap.map(|cap| cap.saturating_sub(gone));
    }
    let job = Job {
        clock,
        dry_run: true,
        duty_cycle_percent: declaration.connection.limits.duty_cycle_percent,
        lag: RefCell::new(Lag::new(declaration.connection.limits.max_replica_lag)),
        batch_rows: options.batch_rows,
        nearly_all: purge::NEARLY_ALL,
        deadline: None,
        stop,
        stopped: OnceCell::new(),
        unsettled: Cell::new(None),
        unreached: OnceCell::new(),
        watch,
    };
    let mut refusals = Vec::new();
    for target in &plan.targets {
        refusals.extend(
            purge::preflight(target, &job, !declaration.dry_run, &mut session)
                .await
                .map_err(failed)?,
        );
    }
    session.close().await;
    if refusals.is_empty() {
        let (extensions, server) = (observed.extensions, server.get().cloned());
        Ok(Ready { declaration, plan, place, schema, extensions, server })
    } else {
        Err(of_policy(refusals))
    }
}

/// Why the database of a policy cannot be used, and what to do.
pub(super) fn unreachable(declaration: &Declaration, error: &Error) -> String {
    format!(
        "RetentionPolicy/{}: DatabaseConnection/{}: {error}: {}",
        declaration.policy,
        declaration.connection.name,
        error.reason().next_step()
    )
}

/// The tables that a run writes, and of families every one that holds rows.
fn planned_tables(plan: &Plan) -> Vec<TableName> {
    let mut names = Vec::new();
    for target in plan.targets.iter().map(|planned| &planned.target) {
        let dependents = target.dependents.iter().map(|dependent| &dependent.table);
        for table in std::iter::once(&target.table).chain(dependents) {
            names.push(table.name.clone());
            names.extend(table.leaves.iter().cloned());
        }
    }
    names.sort();
    names.dedup();
    names
}

/// The tables that a run writes, as the manifest names them.
fn declared_tables(declaration: &Declaration) -> Vec<TableName> {
    let schema = declaration.connection.engine().schema();
    let dependents = declaration.targets.iter().flat_map(|target| &target.dependents);
    let names = declaration.targets.iter().map(|target| &target.table);
    names.chain(dependents.map(|d| &d.table)).map(|name| name.or_schema(schema)).collect()
}
