//! The model-based test: random databases under random policies, purged by `retention-operator run` and by the oracle, which share
//! nothing but the specification. Each case is one seed, and a failure prints the command that repeats it and leaves its files behind.
//!
//! * `RETENTION_MODEL_SEED=123 cargo test --test it random_policies_on_random_databases` runs one case, or several: `123,456`, `100-200`
//! * `random_policies_on_random_postgresql` instead: PostgreSQL's, of which those with even seeds come through pgbouncer
//! * `RETENTION_MODEL_CASES=5000` runs more than the usual ones, `RETENTION_MODEL_BINARY` another build of the program

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    reason = "the whole module is a test: its helpers may give up at once, and its numbers are small"
)]

mod ages;
mod by_hand;
mod clock;
mod compare;
mod condition;
mod dependents;
mod encoding;
mod engine;
mod file;
mod manifest;
mod meaning;
mod newest;
mod oracle;
mod parts;
mod policy;
mod rows;
mod schema;
mod script;
mod server;
mod shape;
mod sources;
mod stage;
mod target;
mod traps;
mod windows;
mod witness;

use compare::same;
use engine::Engine;
use oracle::Outcome;
use policy::Policy;
use schema::{Dice, Table};
use server::Place;
use shape::{Class, Shape, TARGET};
use stage::{Checked, Stage, ensure};
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const CASES: u64 = 150;
const POSTGRES_CASES: u64 = 100;
/// More runs than this in a row that all delete something: the policy never comes to rest.
const RUNS: usize = 25;

/// Everything a seed stands for.
struct Case {
    shape: Shape,
    policy: Policy,
    tables: Vec<Table>,
    triggers: String,
    batch: u32,
    wal: bool,
    /// Whether the program comes through the pooler.
    pooled: bool,
    /// Whole blocks are taken at once where that can be.
    blocks: bool,
    /// Whether the login may read before it is told what to ask for, which costs a run.
    trusted: bool,
}

impl Case {
    /// A case in which nothing goes teaches little: most of them are thrown again.
    fn random(engine: Engine, seed: u64) -> Case {
        let mut dice = Dice(fastrand::Rng::with_seed(seed));
        loop {
            let (shape, mut tables) = Shape::random(&mut dice, engine);
            let policy = Policy::random(&mut dice, &shape, &tables);
            rows::fill(&mut dice, &shape, &policy, &mut tables);
            let triggers = traps::triggers(&mut dice, &shape, &policy, &mut tables);
            let case = Case {
                shape,
                policy,
                tables,
                triggers,
                batch: dice.pick(&[1, 2, 7, 500]),
                wal: dice.chance(40),
                pooled: seed.is_multiple_of(2),
                blocks: (seed / 2).is_multiple_of(2),
                trusted: !seed.is_multiple_of(3),
            };
            if dice.chance(15) || case.foreseen(&case.tables).iter().any(|outcome| outcome.gone > 0)
            {
                return case;
            }
        }
    }

    /// What a dry run must say: every target looks at the tables as they are now.
    fn foreseen(&self, tables: &[Table]) -> Vec<Outcome> {
        let alone =
            |target| oracle::purge(&self.shape, &self.policy, target, &mut tables.to_vec(), false);
        self.policy.targets.iter().map(alone).collect()
    }

    /// What a run must do: the targets in their order, each on what the one before left.
    fn purge(&self, tables: &mut [Table]) -> Vec<Outcome> {
        self.policy
            .targets
            .iter()
            .map(|target| oracle::purge(&self.shape, &self.policy, target, tables, true))
            .collect()
    }
}

/// Dry run, run, and runs after it, each exactly what the oracle says.
fn exact(stage: &Stage) -> Checked {
    let case = stage.case;
    let counts = case.shape.class == Class::Exact;
    let mut tables = case.tables.clone();
    let said = stage.dry_run()?;
    stage.compare("dry run", &said, &case.foreseen(&tables), true)?;
    for what in ["run", "second run", "third run"] {
        let outcomes = case.purge(&mut tables);
        let done = outcomes.iter().all(|outcome| outcome.gone == 0);
        let capped = case.policy.targets[0].cap.is_some();
        assert!(what == "run" || capped || done, "the oracle itself comes to rest after one run");
        let said = stage.run(false)?;
        if outcomes.iter().any(|outcome| outcome.failed > 1) && said.has_given_up() {
            // Nobody promises which rows went before.
            return Ok(());
        }
        same(what, &tables, &stage.rows())?;
        stage.compare(what, &said, &outcomes, counts)?;
        if what != "run" && !capped {
            break;
        }
    }
    Ok(())
}

/// Where a condition reads what the policy writes: which roots went is the program's choice, within what could go at the start; what went
/// with them is not. Runs come to rest, and then the oracle has nothing left to do.
fn safe(stage: &Stage) -> Checked {
    let Case { shape, policy, tables, .. } = stage.case;
    let (target, key) = (&policy.targets[0], shape.roles.key[0]);
    let (could_go, _) = oracle::released(shape, policy, target, tables, false);
    stage.dry_run()?;
    let mut last = stage.rows();
    for run in 1..=RUNS {
        let said = stage.run(false)?;
        let found = stage.rows();
        let here: HashSet<String> =
            found[TARGET].iter().map(|row| format!("{:?}", row[key])).collect();
        let gone: Vec<usize> = (0..tables[TARGET].rows.len())
            .filter(|at| !here.contains(&format!("{:?}", tables[TARGET].rows[*at].values[key])))
            .collect();
        for at in &gone {
            ensure(could_go.contains(at), || {
                format!(
                    "run {run}: this row could not go at the start: {:?}",
                    tables[TARGET].rows[*at].values
                )
            })?;
        }
        let mut right = tables.clone();
        let families = gone
            .iter()
            .map(|root| (*root, oracle::family(target, tables, *root)))
            .collect::<Vec<_>>();
        oracle::apply(
            shape,
            policy,
            target,
            &mut right,
            &families,
            &mut Outcome {
                dependents: vec![(0, 0); target.dependents.len()],
                ..Outcome::default()
            },
        );
        same(&format!("run {run}"), &right, &found)?;
        let reported = said.targets[0]["rows"]["deleted"].as_u64().unwrap_or(0);
        let went = (last[TARGET].len() - found[TARGET].len()) as u64;
        ensure(reported == went, || {
            format!("run {run}: reported {reported} deleted roots, {went} went")
        })?;
        if found == last {
            let left = oracle::purge(shape, policy, target, &mut right, true).gone;
            return ensure(left == 0, || {
                format!("run {run}: nothing went, and {left} rows should have")
            });
        }
        last = found;
    }
    Err(format!("{RUNS} runs, and still not at rest"))
}

fn check(engine: Engine, seed: u64, place: Option<&Place>) -> Checked {
    let case = Case::random(engine, seed);
    let folder = tempfile::Builder::new().prefix(&format!("model-{seed}-")).tempdir().unwrap();
    let stage = Stage::build(&case, folder.path(), place);
    same("the generator", &case.tables, &stage.rows())
        .expect("the database keeps what the generator wrote");
    let checked =
        if matches!(case.shape.class, Class::Loose(_)) { safe(&stage) } else { exact(&stage) };
    drop(stage);
    checked.map_err(|why| {
        format!(
            "{:?}, batches of {}{}{}: {why}\nfiles: {}",
            case.shape.class,
            case.batch,
            if case.blocks { ", by blocks" } else { "" },
            if place.is_some() && case.pooled { ", through the pooler" } else { "" },
            folder.keep().display()
        )
    })
}

fn seeds(usual: u64) -> Vec<u64> {
    let number = |text: &str| {
        text.trim().parse::<u64>().expect("RETENTION_MODEL_SEED: a number, 1,2 or 1-9")
    };
    match std::env::var("RETENTION_MODEL_SEED") {
        Ok(text) => text
            .split(',')
            .flat_map(|part| {
                part.split_once('-').map_or_else(
                    || number(part)..=number(part),
                    |(from, to)| number(from)..=number(to),
                )
            })
            .collect(),
        Err(_) => (0..std::env::var("RETENTION_MODEL_CASES").map_or(usual, |text| number(&text)))
            .collect(),
    }
}

/// All cases on an engine; each worker has a place of its own where cases need one.
fn all(test: &str, engine: Engine, usual: u64, place: impl Fn() -> Option<Place> + Sync) {
    let (seeds, next, failures) = (seeds(usual), AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        let place = place();
        while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
            let checked = std::panic::catch_unwind(|| check(engine, *seed, place.as_ref()))
                .unwrap_or_else(|_| Err("the test itself panicked, see above".into()));
            checked.unwrap_or_else(|why| failures.lock().unwrap().push((*seed, why)));
        }
    };
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    let mut failures = failures.into_inner().unwrap();
    failures.sort();
    for (seed, why) in failures.iter().take(3) {
        eprintln!("\nRETENTION_MODEL_SEED={seed} cargo test --test it {test}\n{why}");
    }
    let lines: Vec<_> = failures
        .iter()
        .map(|(seed, why)| format!("{seed}: {}", why.lines().next().unwrap_or_default()))
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} cases failed:\n{}",
        failures.len(),
        seeds.len(),
        lines.join("\n")
    );
}

#[test]
fn random_policies_on_random_databases_do_what_the_oracle_says() {
    all("random_policies_on_random_databases", Engine::Sqlite, CASES, || None);
}

#[test]
fn random_policies_on_random_postgresql_do_what_the_oracle_says() {
    // Whether there is a server and a pooler is asked once, and told once.
    if Place::create().is_some() {
        all(
            "random_policies_on_random_postgresql",
            Engine::Postgres,
            POSTGRES_CASES,
            Place::create,
        );
    }
}
