//! The small chat application of `crate::bed`, on PostgreSQL.

use retention_operator::run::{Options, Watch};

use super::database::{Database, delete, read};
use super::stage::{Said, Stage};

/// Chats 1 to 8 of acme are expired; 9 is young; 10 is of globex, which keeps for ever. Each has two messages. Nothing
/// ties `notes` to the chats but a column.
const ROWS: &str = "
    CREATE TABLE chats (id bigint PRIMARY KEY, org text, updated_at timestamptz, pinned int NOT NULL DEFAULT 0);
    CREATE INDEX chats_age ON chats (org, updated_at, id);
    CREATE TABLE messages (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(), chat_id bigint REFERENCES chats (id) ON DELETE CASCADE,
        body text, created_at timestamptz DEFAULT '2023-11-15Z');
    CREATE INDEX messages_chat ON messages (chat_id);
    CREATE TABLE notes (chat_id bigint, created_at timestamptz);
    INSERT INTO chats (id, org, updated_at) SELECT i, 'acme', timestamptz '2023-11-15Z' + i * interval '1s' FROM generate_series(1, 10) i;
    UPDATE chats SET updated_at = '2026-11-20Z' WHERE id = 9;
    UPDATE chats SET org = 'globex' WHERE id = 10;
    INSERT INTO messages (chat_id, body) SELECT id, unnest(ARRAY['hello', 'again']) FROM chats;
";

const SPEC: &str = r#"
  window: {default: 30d, tenants: [{name: globex, window: Forever}]},
  targets: [{
    name: chats, table: public.chats, action: Delete, tenant: {column: org},
    age: {column: updated_at},
    exemptions: [
      {name: pinned, when: "pinned > 0"},
      {name: noted, when: "exists (select 1 from public.notes n where n.chat_id = chats.id and n.created_at >= :cutoff)"},
    ],
    dependents: [{name: messages, table: public.messages, references: {chat_id: id}}],
  }]"#;

/// The condition that reads another table.
pub const NOTED: &str = r#"{name: noted, when: "exists (select 1 from public.notes n where n.chat_id = chats.id and n.created_at >= :cutoff)"},"#;

/// Another condition that reads another table, here one with a foreign key.
pub const ACTIVE: &str = r#"{name: active, when: "exists (select 1 from public.messages m where m.chat_id = chats.id and m.created_at >= :cutoff)"},"#;

/// What the foreign key of the messages does, and where rows are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Variant {
    /// And the run comes through the pooler.
    Cascade,
    NoAction,
    /// As `NoAction`, and no index serves.
    Sweep,
    /// No index serves, and whole blocks are taken at once.
    Blocks,
    /// The same as `NoAction`: the messages go before their chats.
    BlocksOneByOne,
}

fn grant(database: &Database) {
    database.grant(&[delete("chats", "id"), delete("messages", "id"), read("notes")]);
}

pub struct Bed {
    pub stage: Stage,
    spec: String,
    nearly_all: Option<f64>,
}

impl Bed {
    /// None, and a word aloud, where there is no PostgreSQL.
    pub fn new(variant: Variant) -> Option<Self> {
        let database = Database::create()?;
        let pooled = variant == Variant::Cascade;
        let url = if pooled { database.bouncer_url()? } else { database.url() };
        Some(Self::on(database, url, variant))
    }

    /// In an empty database that is reached by this URL.
    pub fn on(database: Database, url: String, variant: Variant) -> Self {
        let mut rows = ROWS.to_owned();
        if matches!(variant, Variant::NoAction | Variant::Sweep | Variant::BlocksOneByOne) {
            rows = rows.replace(" ON DELETE CASCADE", "");
        }
        let by_blocks = matches!(variant, Variant::Blocks | Variant::BlocksOneByOne);
        if variant == Variant::Sweep || by_blocks {
            rows += "DROP INDEX chats_age;";
        }
        database.execute(&rows);
        grant(&database);
        let nearly_all = by_blocks.then_some(-1.0);
        Self { stage: Stage::new(database, url), spec: SPEC.to_owned(), nearly_all }
    }

    /// No more than two chats in a block: batches of two take whole blocks.
    pub fn spread(self) -> Self {
        let database = &self.stage.database;
        database.execute(
            "ALTER TABLE chats ADD pad text; ALTER TABLE chats ALTER pad SET STORAGE PLAIN;
             UPDATE chats SET pad = repeat('x', 3900)",
        );
        database.execute("VACUUM FULL chats");
        let blocks = "SELECT count(DISTINCT (ctid::text::point)[0])::bigint FROM chats";
        assert_eq!(database.numbers(blocks), [5], "ten chats lie by two in a block");
        self
    }

    /// The same by another way.
    pub fn by(self, url: String) -> Self {
        Self { stage: self.stage.by(url), ..self }
    }

    /// What the login needs.
    pub fn grant(&self) {
        grant(&self.stage.database);
    }

    /// The policy with a part of its text replaced.
    pub fn with(mut self, from: &str, to: &str) -> Self {
        assert!(self.spec.contains(from), "the policy has no {from}");
        self.spec = self.spec.replace(from, to);
        self
    }

    pub fn run(&self, batch_rows: usize, watch: &dyn Watch) -> Said {
        let options = |options: &mut Options| {
            options.batch_rows = Some(batch_rows);
            options.nearly_all = self.nearly_all;
        };
        self.stage.ask(&self.spec, options, watch)
    }

    pub fn ask(&self, change: impl FnOnce(&mut Options), watch: &dyn Watch) -> Said {
        self.stage.ask(&self.spec, change, watch)
    }

    pub fn chats(&self) -> Vec<i64> {
        self.stage.database.numbers("SELECT id FROM chats ORDER BY id")
    }

    /// Every chat has its messages, at least the two it began with, and no message is without a chat.
    pub fn assert_whole_families(&self) {
        let torn = self.stage.database.numbers(
            "SELECT id FROM chats WHERE (SELECT count(*) FROM messages m WHERE m.chat_id = chats.id) < 2
             UNION SELECT chat_id FROM messages WHERE chat_id NOT IN (SELECT id FROM chats)",
        );
        assert_eq!(torn, [0; 0], "half families");
    }
}
