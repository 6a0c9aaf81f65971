//! Databases and policies on which a purge once went wrong, or nearly: what stays, what goes, what is refused.

use assert_cmd::Command;
use serde_json::Value as Json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Row};

use crate::bed::{block_on, elsewhere};

const CONNECTION: &str = r#"
apiVersion: retention-operator.io/v1alpha1
kind: DatabaseConnection
metadata: {name: app}
spec:
  sqlite: {path: app.db}
  allow: [{tables: [t, d, e, w], actions: [Delete, Update]}]
  limits: {dutyCyclePercent: 100, lockTimeout: 5s}
---
apiVersion: retention-operator.io/v1alpha1
kind: RetentionPolicy
metadata: {name: rows}
spec:
  connectionRef: {name: app}
  schedule: "@daily"
"#;

/// Rows 1 and 2 are old, 3 is young.
const ROWS: &str = "
    CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT, flags INTEGER, note TEXT);
    INSERT INTO t VALUES (1, '2026-01-01 00:00:00', 17, 'a'), (2, '2026-01-01 00:00:00', 2, 'b'), (3, '2026-11-20 00:00:00', 17, 'c');
";

struct Case {
    folder: tempfile::TempDir,
}

struct Said {
    code: i32,
    report: Json,
}

impl Said {
    fn target(&self) -> &Json {
        &self.report[0]["status"]["targets"][0]
    }

    /// Where in the manifest something was refused.
    fn refused(&self) -> &str {
        assert_eq!(self.code, 2, "not refused: {:#}", self.report);
        self.report[0]["field"].as_str().unwrap()
    }
}

impl Case {
    fn new(sql: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("app.db"), "").unwrap();
        let case = Self { folder };
        elsewhere(&case.folder.path().join("app.db"), sql).unwrap();
        case
    }

    /// Runs with one target: its table is t, and what else is written of it.
    fn run(&self, target: &str) -> Said {
        self.run_with("window: {default: 30d}", target, "")
    }

    fn run_with(&self, window: &str, target: &str, more: &str) -> Said {
        self.run_manifest(&format!(
            "{CONNECTION}  {window}\n  targets:\n  - name: t\n    table: t\n{target}\n{more}"
        ))
    }

    /// The same on another table, which the connection allows.
    fn run_on(&self, table: &str, target: &str) -> Said {
        let connection = CONNECTION.replace("[t, d, e, w]", &format!("[{table}]"));
        self.run_manifest(&format!(
            "{connection}  targets:\n  - name: t\n    table: {table}\n{target}"
        ))
    }

    fn run_manifest(&self, text: &str) -> Said {
        let path = self.folder.path().join("manifest.yaml");
        std::fs::write(&path, text).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_retention-operator"))
            .arg("run")
            .arg("-f")
            .arg(&path)
            .arg("--root")
            .arg(self.folder.path())
            .args(["-o", "json", "--now", "2026-11-21T00:00:00Z", "--allow-future-now"])
            .env("RETENTION_OPERATOR_BATCH_ROWS", "10000")
            .timeout(std::time::Duration::from_mins(1))
            .output()
            .unwrap();
        let report = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        Said { code: output.status.code().unwrap(), report }
    }

    /// The first column of a query.
    fn numbers(&self, sql: &str) -> Vec<i64> {
        let options = SqliteConnectOptions::new().filename(self.folder.path().join("app.db"));
        block_on(async {
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            let rows = sqlx::query(AssertSqlSafe(sql.to_owned()))
                .fetch_all(&mut connection)
                .await
                .unwrap();
            connection.close().await.unwrap();
            rows.iter().map(|row| row.get(0)).collect()
        })
    }

    fn left(&self) -> Vec<i64> {
        self.numbers("SELECT id FROM t ORDER BY id")
    }
}

/// A target that deletes old rows, with lines of its own.
fn delete(lines: &[&str]) -> String {
    let mut text = "    action: Delete\n    age: {column: at, timeZone: Etc/UTC}\n".to_owned();
    for line in lines {
        text += &format!("    {line}\n");
    }
    text
}

fn hanging(action: &str) -> String {
    delete(&[&format!("dependents: [{{name: d, table: d, references: {{t_id: id}}{action}}}]")])
}

#[test]
fn a_number_in_hexadecimal_digits_is_refused_and_a_blob_is_not() {
    let case = Case::new(ROWS);
    // Read as the blob x'10', the exemption would hold nothing.
    let said =
        case.run(&delete(&[r#"exemptions: [{name: flagged, when: "flags & 0x10 = 0x10"}]"#]));
    assert_eq!(said.refused(), "spec.targets[t].exemptions[flagged].when");
    assert_eq!(case.left(), [1, 2, 3]);
    let said =
        case.run(&delete(&[r#"exemptions: [{name: a, when: "note = cast(x'61' as text)"}]"#]));
    assert_eq!((said.code, case.left()), (0, vec![1, 3]));
}

#[test]
fn an_alias_is_a_name_whatever_it_holds() {
    let sql = "CREATE TABLE e (t_id INTEGER); INSERT INTO e VALUES (9);
               CREATE TABLE secret (id INTEGER); INSERT INTO secret VALUES (1);";
    let case = Case::new(&format!("{ROWS}{sql}"));
    // Ended by its quote, the alias would join a table that the connection does not allow.
    let said = case.run(&delete(&[
        r#"where: 'not exists (select 1 from e as `m\" join secret as s on s.id = 1 /*` join e as `*/ --` on 1 where `*/ --`.t_id = 9)'"#,
    ]));
    assert_eq!((said.code, case.left()), (0, vec![1, 2, 3]), "{:#}", said.report);
}

#[test]
fn the_machine_s_clock_is_refused_in_every_disguise() {
    let case = Case::new(ROWS);
    for clock in [
        "datetime('subsec')",
        "unixepoch('subsecond')",
        "datetime(('now'))",
        "datetime(coalesce(null, 'NOW'))",
        "datetime(at, 'utc')",
        "strftime('%s', ' now ')",
    ] {
        let said = case.run(&delete(&[&format!("where: \"{clock} > '2020'\"")]));
        assert_eq!(said.refused(), "spec.targets[t].where", "{clock}");
    }
    let said = case.run(&delete(&[r#"where: "datetime(at, 'subsec') > '2020'""#]));
    assert_eq!((said.code, case.left()), (0, vec![3]));
}

#[test]
fn names_differ_by_more_than_the_case_of_ascii_letters() {
    let case = Case::new(&format!("{ROWS} CREATE TABLE e (t_id INTEGER, note TEXT);"));
    let said =
        case.run(&delete(&[r#"where: "not exists (select 1 from e ü where Ü.note = t.note)""#]));
    assert_eq!(said.refused(), "spec.targets[t].where");
}

#[test]
fn what_functions_pass_on_to_a_comparison_with_an_instant_is_looked_at() {
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT, seen TEXT);
               INSERT INTO t VALUES (1, '2026-01-01 00:00:00', '1795190400000'), (2, '2026-01-01 00:00:00', NULL);";
    let case = Case::new(sql);
    for when in [
        "coalesce(seen, at) >= :cutoff",
        "seen collate nocase >= :cutoff",
        "max(at, seen) >= :cutoff",
        "(ifnull((seen), at)) >= :cutoff",
    ] {
        let said = case.run(&delete(&[&format!("exemptions: [{{name: seen, when: \"{when}\"}}]")]));
        assert_eq!(said.refused(), "spec.targets[t].exemptions[seen].when", "{when}");
    }
    assert_eq!(case.left(), [1, 2]);
}

#[test]
fn a_text_that_is_no_flag_holds_its_row() {
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT, pinned BOOLEAN);
               INSERT INTO t VALUES (1, '2026-01-01', 'true'), (2, '2026-01-01', 1), (3, '2026-01-01', 0), (4, '2026-01-01', NULL);";
    let case = Case::new(sql);
    let said = case.run(&delete(&["exemptions: [{name: pinned, when: pinned}]"]));
    assert_eq!((said.code, case.left()), (0, vec![1, 2, 4]));
    assert_eq!(said.target()["kept"]["held"]["pinned"], 3);
}

#[test]
fn an_update_never_replaces_a_row_in_its_way() {
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT, slug TEXT UNIQUE ON CONFLICT REPLACE, done INTEGER DEFAULT 0);
               INSERT INTO t (id, at, slug) VALUES (1, '2026-01-01', 'a'), (2, '2026-11-20', 'gone'), (3, '2026-01-01', 'c');
               CREATE TABLE d (id INTEGER PRIMARY KEY, t_id INTEGER, slug TEXT UNIQUE ON CONFLICT REPLACE);
               INSERT INTO d VALUES (1, 1, 'a'), (2, 2, 'gone');";
    let case = Case::new(sql);
    let update = r#"    action: Update
    age: {column: at, timeZone: Etc/UTC}
    where: "done = 0"
    set: {slug: "case id when 1 then 'gone' else 'free' end", done: "1"}"#;
    let said = case.run(update);
    assert_eq!((said.code, case.left()), (1, vec![1, 2, 3]));
    assert_eq!(said.target()["rows"]["updated"], 1);
    let said = case.run(&hanging(r#", action: Update, set: {t_id: "null", slug: "'gone'"}"#));
    assert_eq!((said.code, case.left()), (1, vec![1, 2]));
    assert_eq!(case.numbers("SELECT id FROM d ORDER BY id"), [1, 2]);
    // What triggers do themselves must not be changed, so the two together are refused.
    let trigger =
        "CREATE TRIGGER log AFTER UPDATE ON t BEGIN INSERT INTO d (slug) VALUES (new.slug); END;";
    let case = Case::new(&format!("{sql}{trigger}"));
    assert_eq!(case.run(update).refused(), "spec.targets[t].set");
    assert_eq!(case.left(), [1, 2, 3]);
}

#[test]
fn a_dependent_that_its_update_leaves_on_a_cascading_key_stays_with_its_root() {
    for (action, left) in [
        (r#", action: Update, set: {t_id: "coalesce(other, t_id)"}"#, vec![1, 3]),
        (
            r#", where: "other is null", action: Update, set: {t_id: "t_id", other: "3"}"#,
            vec![1, 3],
        ),
        (r#", action: Update, set: {t_id: "null"}"#, vec![3]),
    ] {
        let sql = "CREATE TABLE d (id INTEGER PRIMARY KEY, t_id INTEGER REFERENCES t (id) ON DELETE CASCADE, other INTEGER);
                   CREATE INDEX d_t ON d (t_id); INSERT INTO d VALUES (1, 1, NULL), (2, 2, 3);";
        let case = Case::new(&format!("{ROWS}{sql}"));
        let said = case.run(&hanging(action));
        let expected = if action.contains("where") { vec![1, 2, 3] } else { left };
        assert_eq!(case.left(), expected, "{action}: {:#}", said.report);
        assert_eq!(case.numbers("SELECT id FROM d ORDER BY id"), [1, 2], "{action}");
    }
}

#[test]
fn a_root_stays_with_the_dependent_that_a_trigger_protects() {
    for (event, action) in [("DELETE", ""), ("UPDATE", r#", action: Update, set: {t_id: "null"}"#)]
    {
        let sql = format!(
            "CREATE TABLE d (id INTEGER PRIMARY KEY, t_id INTEGER); INSERT INTO d VALUES (1, 1), (2, 2);
             CREATE TRIGGER guard BEFORE {event} ON d WHEN old.id = 1 BEGIN SELECT RAISE(IGNORE); END;"
        );
        let case = Case::new(&format!("{ROWS}{sql}"));
        let said = case.run(&hanging(action));
        assert_eq!((said.code, case.left()), (1, vec![1, 3]), "{event}");
        assert_eq!(case.numbers("SELECT id FROM d WHERE t_id = 1"), [1]);
        assert_eq!(said.target()["failures"][0]["reason"], "NotActed");
    }
}

#[test]
fn a_reference_between_two_collations_is_refused() {
    for (parent, child) in [("", " COLLATE NOCASE"), (" COLLATE NOCASE", "")] {
        let case = Case::new(&format!(
            "CREATE TABLE t (id TEXT{parent} PRIMARY KEY, at TEXT);
             INSERT INTO t VALUES ('a', '2026-01-01'), ('B', '2026-11-20');
             CREATE TABLE d (id INTEGER PRIMARY KEY, t_id TEXT{child}); INSERT INTO d VALUES (1, 'a'), (2, 'A');"
        ));
        let said = case.run(&hanging(""));
        assert_eq!(said.refused(), "spec.targets[t].dependents[d].references");
    }
}

#[test]
fn a_column_that_others_point_at_is_not_set_in_a_dependent() {
    let sql = "CREATE TABLE d (id INTEGER PRIMARY KEY, t_id INTEGER, code TEXT UNIQUE); INSERT INTO d VALUES (1, 1, 'a');
               CREATE TABLE e (code TEXT REFERENCES d (code) ON UPDATE CASCADE); INSERT INTO e VALUES ('a');";
    let case = Case::new(&format!("{ROWS}{sql}"));
    let said = case.run(&hanging(r#", action: Update, set: {code: "'z'"}"#));
    assert_eq!(said.refused(), "spec.targets[t].dependents[d].set.code");
}

#[test]
fn a_tenant_s_number_is_one_name_however_it_is_written() {
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, at TEXT, org INTEGER);
               INSERT INTO t VALUES (1, '2026-01-01', 42), (2, '2026-01-01', 43), (3, '2026-01-01', 44);
               CREATE TABLE w (org TEXT, days INTEGER); INSERT INTO w VALUES ('043', 1000);";
    let case = Case::new(sql);
    let window = r#"window: {default: 30d, tenants: [{name: "042", window: Forever}], sources: [{name: w, unit: Days, table: {name: w, tenant: org, value: days}}]}"#;
    let said = case.run_with(window, &delete(&["tenant: {column: org}"]), "");
    assert_eq!((said.code, case.left()), (0, vec![1, 2]));
}

#[test]
fn a_list_of_nothing_in_a_run_is_refused() {
    for list in ["tenants", "targets"] {
        let case = Case::new(ROWS);
        let run = format!(
            "---\napiVersion: retention-operator.io/v1alpha1\nkind: PurgeRun\nmetadata: {{name: r}}\nspec: {{policyRef: {{name: rows}}, {list}: []}}\n"
        );
        let said = case.run_with("window: {default: 30d}", &delete(&[]), &run);
        assert_eq!(said.refused(), format!("spec.{list}"));
        assert_eq!(case.left(), [1, 2, 3]);
    }
}

#[test]
fn keys_of_several_columns_go_in_batches_that_a_statement_can_take() {
    let sql = "CREATE TABLE t (a INTEGER, b INTEGER, c INTEGER, n INTEGER, PRIMARY KEY (a, b, c, n)) WITHOUT ROWID;
               WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 9000) INSERT INTO t SELECT 1, i, i, i FROM r;";
    let case = Case::new(sql);
    let said = case.run_with(
        "dryRun: false",
        "    action: Delete\n    keepNewest: {rows: 3, partitionBy: [a], orderBy: [n]}",
        "",
    );
    assert_eq!(said.code, 0, "{:#}", said.report);
    assert_eq!(case.numbers("SELECT n FROM t ORDER BY n"), [8998, 8999, 9000]);
}

#[test]
fn a_reader_waits_for_a_writer_as_long_as_the_limits_say() {
    let case = Case::new(ROWS);
    let database = case.folder.path().join("app.db");
    let (locked, is_locked) = std::sync::mpsc::channel();
    let writer = std::thread::spawn(move || {
        block_on(async {
            let options = SqliteConnectOptions::new().filename(database);
            let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
            sqlx::raw_sql("BEGIN EXCLUSIVE").execute(&mut connection).await.unwrap();
            locked.send(()).unwrap();
            tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
            sqlx::raw_sql("COMMIT").execute(&mut connection).await.unwrap();
        });
    });
    is_locked.recv().unwrap();
    let said = case.run(&delete(&[]));
    writer.join().unwrap();
    assert_eq!((said.code, case.left()), (0, vec![3]));
}

#[test]
fn text_that_is_no_utf_8_is_walked_past_and_goes_like_any_other() {
    // The thousandth row ends a page, and the next page begins after it.
    let sql = "CREATE TABLE t (k TEXT PRIMARY KEY, at TEXT, org TEXT, id INTEGER) WITHOUT ROWID;
               WITH RECURSIVE r (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 1500)
               INSERT INTO t SELECT printf('%05d', i), '2026-01-01', 'acme', i FROM r;
               UPDATE t SET k = CAST(CAST(k AS BLOB) || x'ff' AS TEXT) WHERE id = 1000;
               UPDATE t SET org = CAST(x'ff' AS TEXT) WHERE id = 7;
               UPDATE t SET at = CAST('2026-01-01 ' || x'ff' AS TEXT) WHERE id = 1400;";
    for index in ["", "CREATE INDEX t_at ON t (at);", "CREATE INDEX t_org_at ON t (org, at);"] {
        let case = Case::new(&format!("{sql}{index}"));
        let said = case.run(&delete(&["tenant: {column: org}"]));
        assert_eq!((said.code, case.left()), (0, vec![1400]), "{index}");
        assert_eq!(said.target()["rows"]["deleted"], 1499);
    }
}

#[test]
fn a_dependent_s_where_never_sees_what_another_dependent_has_already_taken() {
    let sql = "CREATE TABLE d (id INTEGER PRIMARY KEY, t_id INTEGER); INSERT INTO d VALUES (1, 1);
               CREATE TABLE e (id INTEGER PRIMARY KEY, t_id INTEGER, d_id INTEGER); INSERT INTO e VALUES (1, 1, 1);";
    let dependents = r#"dependents: [
      {name: e, table: e, references: {t_id: id}},
      {name: d, table: d, references: {t_id: id}, where: "not exists (select 1 from e as x where x.d_id = d.id)"}]"#;
    let case = Case::new(&format!("{ROWS}{sql}"));
    let said = case.run(&delete(&[dependents]));
    assert_eq!((said.code, case.left()), (0, vec![3]));
    assert_eq!(case.numbers("SELECT id FROM d"), [1], "it has a row of e");
    // A foreign key leaves no such order.
    let sql = sql.replace("d_id INTEGER", "d_id INTEGER REFERENCES d (id)");
    let case = Case::new(&format!("{ROWS}{sql}"));
    let said = case.run(&delete(&[dependents]));
    assert_eq!(said.refused(), "spec.targets[t].dependents[d].where");
    assert_eq!(case.left(), [1, 2, 3]);
}

#[test]
fn the_tables_behind_a_virtual_table_are_refused_like_itself() {
    let case = Case::new(
        "CREATE VIRTUAL TABLE f USING fts5 (body); INSERT INTO f VALUES ('a'), ('b'); CREATE TABLE t (id INTEGER);",
    );
    let rows = "    action: Delete\n    keepNewest: {rows: 1, orderBy: [id]}\n";
    for table in ["f", "f_content"] {
        let said = case.run_on(table, rows);
        assert_eq!(said.refused(), "spec.targets[t].table", "{table}");
    }
    assert_eq!(case.numbers("SELECT count(*) FROM f_content"), [2]);
}
