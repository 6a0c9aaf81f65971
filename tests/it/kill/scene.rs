//! Pods of one run that are killed one after another, at named points and at seeded random instants, on both engines.
//! After each: no half family, nobody gone who was to stay, and never more told than went. At the end the rows are those
//! of an oracle, and what is told is what went, or marked as the least.
//!
//! `RETENTION_KILL_INSTANTS=500` kills so often in each scene, `RETENTION_KILL_SEED=7` elsewhere.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fastrand::Rng;
use retention_operator::run::Point;
use tempfile::TempDir;

use super::pod::{self, Ended, Instance};
use super::record::{NAME, Record};
use crate::bed::{elsewhere, numbers_of};
use crate::postgres::database::{Database, delete};

/// Chats; each has two messages.
const CHATS: i64 = 900;
/// Random instants in each scene.
const INSTANTS: usize = 40;
const NOW_SECONDS: i64 = 1_795_262_400;
const DAY: i64 = 86_400;

/// Who takes the messages.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Lane {
    /// The database, with their chats.
    Cascade,
    /// The batch, before their chats.
    Explicit,
    /// The database, and whole blocks go at once.
    Blocks,
}

struct Chat {
    org: &'static str,
    at: i64,
    pinned: i64,
}

/// By the words of the policy, and nothing of the program's.
fn goes(chat: &Chat) -> bool {
    let window = match chat.org {
        "acme" => 30 * DAY,
        "globex" => 90 * DAY,
        _ => return false,
    };
    chat.at < NOW_SECONDS - window && chat.pinned == 0
}

fn chats(rng: &mut Rng) -> Vec<Chat> {
    let orgs = ["acme", "acme", "globex", "keeps"];
    let mut chat = || Chat {
        org: orgs[rng.usize(..orgs.len())],
        at: NOW_SECONDS - 30 * DAY + rng.i64(-300..60) * DAY / 2 + rng.i64(-1..=1),
        pinned: i64::from(rng.u8(..10) == 0),
    };
    (0..CHATS).map(|_| chat()).collect()
}

enum Engine {
    Sqlite,
    Postgres(Box<Database>),
}

struct Scene {
    engine: Engine,
    lane: Lane,
    folder: TempDir,
    record: Record,
    goes: BTreeSet<i64>,
    stays: BTreeSet<i64>,
    chats: Vec<Chat>,
}

impl Scene {
    /// None, and a word aloud, where there is no PostgreSQL.
    fn new(postgres: bool, lane: Lane, rng: &mut Rng) -> Option<Self> {
        let engine =
            if postgres { Engine::Postgres(Box::new(Database::create()?)) } else { Engine::Sqlite };
        let chats = chats(rng);
        let ids = |go: bool| {
            let mine = (1..).zip(&chats).filter(|(_, chat)| goes(chat) == go);
            mine.map(|(id, _)| id).collect()
        };
        let (goes, stays): (BTreeSet<i64>, BTreeSet<i64>) = (ids(true), ids(false));
        assert!(goes.len() > 300 && stays.len() > 100, "{} go", goes.len());
        let folder = tempfile::tempdir().unwrap();
        let scene = Self { engine, lane, folder, record: Record::new(), goes, stays, chats };
        scene.declare();
        Some(scene)
    }

    fn declare(&self) {
        let (connection, prefix, age) = match &self.engine {
            Engine::Sqlite => (
                "sqlite: {path: app.db}\n  volume: {persistentVolumeClaim: {claimName: app}}"
                    .to_owned(),
                "",
                "column: at, encoding: UnixSeconds",
            ),
            Engine::Postgres(database) => {
                database.execute(
                    "CREATE TABLE chats (id bigint PRIMARY KEY, org text, at timestamptz, pinned int, pad text);
                     CREATE TABLE messages (id bigserial PRIMARY KEY, chat_id bigint);
                     CREATE INDEX ON messages (chat_id);",
                );
                let rule = if self.lane == Lane::Explicit { "" } else { "ON DELETE CASCADE" };
                database.execute(&format!(
                    "ALTER TABLE messages ADD FOREIGN KEY (chat_id) REFERENCES chats {rule}"
                ));
                database.grant(&[delete("chats", "id"), delete("messages", "id")]);
                let connection = "postgres: {secretKeyRef: {name: app, key: uri}}".to_owned();
                (connection, "public.", "column: at")
            }
        };
        let url = match &self.engine {
            Engine::Sqlite => String::new(),
            Engine::Postgres(database) => database.url(),
        };
        let text = format!(
            "apiVersion: v1
kind: Secret
metadata: {{name: app}}
stringData: {{uri: \"{url}\"}}
---
apiVersion: retention-operator.io/v1alpha1
kind: DatabaseConnection
metadata: {{name: app}}
spec:
  {connection}
  allow: [{{tables: [\"*\"], actions: [Delete]}}]
  limits: {{dutyCyclePercent: 100}}
---
apiVersion: retention-operator.io/v1alpha1
kind: RetentionPolicy
metadata: {{name: rows}}
spec:
  connectionRef: {{name: app}}
  schedule: \"@daily\"
  window: {{default: Forever, tenants: [{{name: acme, window: 30d}}, {{name: globex, window: 90d}}]}}
  targets:
  - name: chats
    table: {prefix}chats
    action: Delete
    tenant: {{column: org}}
    age: {{{age}}}
    exemptions: [{{name: pinned, when: \"pinned > 0\"}}]
    dependents: [{{name: messages, table: {prefix}messages, references: {{chat_id: id}}}}]
---
apiVersion: retention-operator.io/v1alpha1
kind: PurgeRun
metadata: {{name: {NAME}, namespace: default}}
spec: {{policyRef: {{name: rows}}}}
"
        );
        std::fs::write(self.folder.path().join("manifest.yaml"), text).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("app.db")
    }

    /// All rows as they were at first, and no pod yet.
    fn begin(&self) {
        self.record.forget();
        let mut rows = String::new();
        let is_file = matches!(self.engine, Engine::Sqlite);
        for (id, Chat { org, at, pinned }) in (1..).zip(&self.chats) {
            let at = if is_file { at.to_string() } else { format!("to_timestamp({at})") };
            let comma = if rows.is_empty() { "" } else { "," };
            // So that a batch is a block or two.
            write!(rows, "{comma}({id}, '{org}', {at}, {pinned}, '{}')", "x".repeat(300)).unwrap();
        }
        let fill = format!(
            "INSERT INTO chats VALUES {rows};
             INSERT INTO messages (chat_id) SELECT id FROM chats UNION ALL SELECT id FROM chats;"
        );
        match &self.engine {
            Engine::Sqlite => {
                for end in ["", "-wal", "-shm", "-journal"] {
                    let _ = std::fs::remove_file(format!("{}{end}", self.file().display()));
                }
                std::fs::write(self.file(), "").unwrap();
                let mode = if self.lane == Lane::Explicit { "WAL" } else { "DELETE" };
                let rule = if self.lane == Lane::Explicit { "" } else { "ON DELETE CASCADE" };
                let tables = format!(
                    "PRAGMA journal_mode = {mode};
                     CREATE TABLE chats (id INTEGER PRIMARY KEY, org TEXT, at INTEGER, pinned INTEGER, pad TEXT);
                     CREATE TABLE messages (id INTEGER PRIMARY KEY, chat_id INTEGER REFERENCES chats (id) {rule});
                     CREATE INDEX messages_chat ON messages (chat_id);"
                );
                elsewhere(&self.file(), &format!("{tables} BEGIN; {fill} COMMIT;")).unwrap();
            }
            Engine::Postgres(database) => {
                database.execute(&format!("TRUNCATE chats, messages; {fill}"));
            }
        }
    }

    fn numbers(&self, sql: &str) -> Vec<i64> {
        match &self.engine {
            Engine::Sqlite => numbers_of(&self.file(), sql),
            Engine::Postgres(database) => database.numbers(sql),
        }
    }

    /// One pod. What it said last may still be under way in the server.
    fn pod(&self, instance: Instance) -> Ended {
        let by_blocks = self.lane == Lane::Blocks;
        let ended = pod::run(self.folder.path(), &self.record, by_blocks, instance);
        let deadline = Instant::now() + Duration::from_secs(30);
        let others = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        while matches!(self.engine, Engine::Postgres(_)) && self.numbers(others) != [0] {
            assert!(Instant::now() < deadline, "the server does not let go");
        }
        ended
    }

    /// What is gone, after what any pod may have left.
    fn gone(&self, context: &str) -> usize {
        let whole = "SELECT chat_id FROM messages GROUP BY chat_id HAVING count(*) = 2";
        let families: BTreeSet<i64> = self.numbers(whole).into_iter().collect();
        let left: BTreeSet<i64> = self.numbers("SELECT id FROM chats").into_iter().collect();
        let messages = self.numbers("SELECT count(*) FROM messages")[0];
        assert_eq!(left, families, "{context}: half families");
        assert_eq!(messages, 2 * left.len() as i64, "{context}: half families");
        assert!(left.is_superset(&self.stays), "{context}: a row that was to stay is gone");
        CHATS as usize - left.len()
    }

    /// (chats, messages, whether these are the least) that went, as the record tells.
    fn told(&self) -> (usize, usize, bool) {
        let status = self.record.status();
        let target = &status["targets"][0];
        let count = |value: &serde_json::Value| value.as_u64().unwrap_or_default() as usize;
        let totals = &status["totals"];
        assert_eq!(count(&target["rows"]["deleted"]), count(&totals["deleted"]));
        let least = target["rows"]["atLeast"] == true;
        assert_eq!(totals["atLeast"] == true, least);
        (count(&totals["deleted"]), count(&target["dependents"][0]["deleted"]), least)
    }

    /// What must hold while pods come and go.
    fn assert_whole(&self, context: &str) {
        let gone = self.gone(context);
        let (chats, messages, _) = self.told();
        assert!(chats <= gone, "{context}: {chats} told of {gone}");
        assert_eq!(messages, 2 * chats, "{context}");
    }

    /// What must hold when a pod came to its end.
    fn assert_done(&self, was_killed: bool, context: &str) {
        let gone = self.gone(context);
        assert_eq!(gone, self.goes.len(), "{context}: not all is gone");
        let (chats, messages, least) = self.told();
        assert_eq!(messages, 2 * chats, "{context}");
        assert_eq!(self.record.status()["exitCode"], 0, "{context}");
        if least {
            assert!(was_killed && chats <= gone, "{context}: {chats} told of {gone}");
        } else {
            assert_eq!(chats, gone, "{context}: it is not marked as the least");
        }
    }

    /// A run that nobody kills: how many points it meets, and how long it takes.
    fn undisturbed(&self) -> Ended {
        self.begin();
        let ended = self.pod(Instance::Never);
        self.assert_done(false, "undisturbed");
        assert!(!self.told().2, "nobody was killed");
        ended
    }
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().expect(name))
}

fn random_instants(postgres: bool, lane: Lane) {
    let seed = number("RETENTION_KILL_SEED", fastrand::u64(..1_000_000));
    let mut rng = Rng::with_seed(seed);
    let Some(scene) = Scene::new(postgres, lane, &mut rng) else { return };
    let whole = scene.undisturbed();
    let (mut killed, mut runs) = (0, 0);
    let most = number("RETENTION_KILL_INSTANTS", INSTANTS as u64) as usize;
    while killed < most {
        scene.begin();
        runs += 1;
        let mut was_killed = false;
        loop {
            let instance = if rng.bool() {
                Instance::At(None, 1 + rng.usize(..whole.met * 9 / 10))
            } else {
                Instance::After(whole.took.mul_f64(rng.f64() * 0.9))
            };
            let context = format!("seed {seed}, run {runs}, {instance:?}, {killed} killed before");
            let instance = if killed < most { instance } else { Instance::Never };
            let ended = scene.pod(instance);
            if !ended.was_killed {
                scene.assert_done(was_killed, &context);
                break;
            }
            scene.assert_whole(&context);
            was_killed = true;
            killed += 1;
        }
    }
    let whole = whole.met;
    println!(
        "seed {seed}: {killed} pods killed in {runs} runs of {postgres} {lane:?}, {whole} points in each"
    );
}

fn named_points(lane: Lane) {
    let mut rng = Rng::with_seed(1);
    let Some(scene) = Scene::new(true, lane, &mut rng) else { return };
    for point in
        [Point::Planned, Point::Found, Point::Locked, Point::Judged, Point::Acted, Point::Committed]
    {
        let often = if point == Point::Planned { 1 } else { 2 };
        scene.begin();
        // The second time is another pod's.
        for on in 1..=often {
            let context = format!("{lane:?}, {point:?}, time {on}");
            let before = scene.gone(&context);
            let ended = scene.pod(Instance::At(Some(point), on));
            assert!(ended.was_killed, "{context}: not reached that often");
            scene.assert_whole(&context);
            let went = scene.gone(&context) - before;
            let batches = if point == Point::Committed { on } else { on - 1 };
            let is_due = if batches == 0 { went == 0 } else { went > 0 || point == Point::Found };
            assert!(is_due, "{context}: {went} went with {batches} batches");
        }
        scene.pod(Instance::Never);
        scene.assert_done(true, &format!("{lane:?}, {point:?}"));
        assert!(scene.told().2, "{lane:?}, {point:?}: not marked as the least");
    }
}

#[test]
fn a_pod_killed_before_it_told_anything_leaves_the_least_also_after_one_that_told_all() {
    let mut rng = Rng::with_seed(1);
    let Some(scene) = Scene::new(false, Lane::Explicit, &mut rng) else { return };
    scene.begin();
    assert!(scene.pod(Instance::At(Some(Point::Committed), 3)).was_killed);
    // As one that could not reach its database any more.
    let gone = scene.gone("one");
    scene.record.amend(|status| {
        status["unreachable"] = "no answer".into();
        status["totals"]["deleted"] = gone.into();
        let target = &mut status["targets"][0];
        target["outcome"] = "Failed".into();
        target["rows"]["deleted"] = gone.into();
        target["dependents"][0]["deleted"] = (2 * gone).into();
    });
    assert!(scene.pod(Instance::At(Some(Point::Committed), 1)).was_killed);
    assert!(scene.gone("two") > gone);
    scene.pod(Instance::Never);
    scene.assert_done(true, "three");
    assert!(scene.told().2, "not marked as the least");
}

#[test]
fn a_pod_on_postgresql_killed_at_any_point_leaves_whole_families_and_the_next_goes_on() {
    named_points(Lane::Cascade);
}

#[test]
fn a_pod_that_takes_dependents_itself_may_be_killed_at_any_point() {
    named_points(Lane::Explicit);
}

#[test]
fn a_pod_that_takes_whole_blocks_may_be_killed_at_any_point() {
    named_points(Lane::Blocks);
}

#[test]
fn pods_on_postgresql_killed_at_random_instants_lose_and_invent_nothing() {
    random_instants(true, Lane::Cascade);
}

#[test]
fn pods_that_take_dependents_themselves_may_be_killed_at_random_instants() {
    random_instants(true, Lane::Explicit);
}

#[test]
fn pods_that_take_whole_blocks_may_be_killed_at_random_instants() {
    random_instants(true, Lane::Blocks);
}

#[test]
fn pods_on_sqlite_with_a_write_ahead_log_may_be_killed_at_random_instants() {
    random_instants(false, Lane::Explicit);
}

#[test]
fn pods_on_sqlite_with_a_rollback_journal_may_be_killed_at_random_instants() {
    random_instants(false, Lane::Cascade);
}
