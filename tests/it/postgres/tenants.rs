//! Whose a row is, and how long it may stay.

use retention_operator::run::Unwatched;

use super::database::{Database, delete, read};
use super::stage::{Stage, both, old, old_of};

struct Tenants {
    table: &'static str,
    kind: &'static str,
    /// Of rows of a tenant who keeps for ever, and of another one.
    kept: &'static [&'static str],
    other: &'static str,
    /// As the policy writes the first one.
    name: &'static str,
}

const TENANTS: &[Tenants] = &[
    Tenants { table: "texts", kind: "text", kept: &["'acme'"], other: "'ACME'", name: "acme" },
    Tenants { table: "quoted", kind: "text", kept: &[r"E'o\'x\\'"], other: "'ox'", name: r"o'x\\" },
    Tenants { table: "short", kind: "varchar(9)", kept: &["'acme'"], other: "'a'", name: "acme" },
    Tenants { table: "padded", kind: "char(9)", kept: &["'acme'"], other: "'a'", name: "acme" },
    // They compare as the column does.
    Tenants {
        table: "anycase",
        kind: "citext",
        kept: &["'ACME'", "'acme'"],
        other: "'a'",
        name: "Acme",
    },
    Tenants {
        table: "uuids",
        kind: "uuid",
        kept: &["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
        other: "gen_random_uuid()",
        name: "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
    },
    Tenants { table: "ints", kind: "int", kept: &["42"], other: "43", name: "42" },
    Tenants {
        table: "bigints",
        kind: "bigint",
        kept: &["9007199254740993"],
        other: "9007199254740992",
        name: "9007199254740993",
    },
    Tenants { table: "moods", kind: "mood", kept: &["'sad'"], other: "'happy'", name: "sad" },
    Tenants { table: "codes", kind: "code", kept: &["'x'"], other: "'y'", name: "x" },
];

const TYPES: &str = "CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('happy', 'sad'); CREATE DOMAIN code AS text;";

#[test]
fn tenants_of_any_type_have_windows_of_their_own_and_rows_without_one_stay() {
    for index in ["", "CREATE INDEX ON TABLE (ten, at, id);"] {
        let mut sql = TYPES.to_owned();
        let (mut targets, mut grants) = (Vec::new(), Vec::new());
        for Tenants { table, kind, kept, other, name } in TENANTS {
            let kept = kept
                .iter()
                .chain(&["NULL"])
                .map(|tenant| format!("({tenant}, '2020-01-01Z', 'kept')"));
            let kept: Vec<String> = kept.collect();
            sql += &format!(
                "CREATE TABLE {table} (id bigserial PRIMARY KEY, ten {kind}, at timestamptz, note text); {}
                 INSERT INTO {table} (ten, at, note) VALUES ({other}, '2026-01-01Z', 'old'), ({other}, '2026-11-20Z', 'young'), {};",
                index.replace("TABLE", table),
                kept.join(", ")
            );
            let window = format!(
                ", tenant: {{column: ten}}, window: {{default: 30d, tenants: [{{name: \"{name}\", window: Forever}}]}}"
            );
            targets.push(old_of(table, &format!("public.{table}"), &window));
            grants.push(delete(table, "id"));
        }
        let spec = format!("targets: [{}]", targets.join(", "));
        both(&sql, &grants, |stage| {
            let dry = stage.dry_run(&spec);
            dry.assert_done();
            stage.run(&spec).assert_done();
            for Tenants { table, kept, .. } in TENANTS {
                let left = stage.database.texts(&format!("SELECT note FROM {table} ORDER BY note"));
                let mut expected = vec!["kept"; kept.len() + 1];
                expected.push("young");
                assert_eq!(left, expected, "{table} {index}");
            }
            if index.is_empty() {
                assert_eq!(dry.target().kept.no_tenant, Some(1), "the whole table was read");
            }
        });
    }
}

#[test]
fn a_tenant_that_only_the_database_can_compare_is_refused() {
    let sql = "CREATE COLLATION anycase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
               CREATE TABLE t (id bigint PRIMARY KEY, ten text COLLATE anycase, at timestamptz);
               INSERT INTO t VALUES (1, 'ACME', '2020-01-01Z');";
    both(sql, &[delete("t", "id")], |stage| {
        let said = stage.run(&old(", tenant: {column: ten}"));
        let refused = said.refused();
        assert_eq!(refused.reason, "NotSupported");
        assert!(refused.message.contains("nondeterministic"), "{}", refused.message);
        assert_eq!(stage.left(), [1]);
    });
}

/// Tenants a, b and c, and rows of theirs whose ids are their ages in days.
const DAYS: &str = "
    CREATE TABLE t (id bigint, ten text, at timestamptz);
    CREATE INDEX t_ten_at ON t (ten, at);
    INSERT INTO t SELECT d, ten, timestamptz '2026-11-21 12:00Z' - d * interval '24 hours'
        FROM unnest(ARRAY[9, 10, 11, 29, 30, 31, 99, 100, 101]) d, unnest(ARRAY['a', 'b', 'c']) ten;
    CREATE TABLE w (ten text, days int, note text);
    INSERT INTO w VALUES ('a', 10, 'days'), ('c', 100, 'days');
";

fn spec(window: &str) -> String {
    old(", tenant: {column: ten}").replace("window: {default: 30d}", &format!("window: {window}"))
}

const TABLE: &str = "table: {name: public.w, tenant: ten, value: days, where: \"note = 'days'\"}";

#[test]
fn each_tenant_s_rows_go_by_its_own_window() {
    for window in [
        "{default: 30d, tenants: [{name: a, window: 10d}, {name: c, window: 100d}]}".to_owned(),
        format!("{{default: 30d, sources: [{{name: w, unit: Days, {TABLE}}}]}}"),
        format!(
            "{{default: 30d, tenants: [{{name: a, window: 240h}}], sources: [{{name: w, unit: Days, {TABLE}}}]}}"
        ),
    ] {
        for index in ["", "DROP INDEX t_ten_at;"] {
            both(&format!("{DAYS}{index}"), &[delete("t", "id"), read("w")], |stage| {
                let said = stage.run(&spec(&window));
                said.assert_done();
                for (tenant, left) in [
                    ("a", [9, 10].as_slice()),
                    ("b", &[9, 10, 11, 29, 30]),
                    ("c", &[9, 10, 11, 29, 30, 31, 99, 100]),
                ] {
                    let sql = format!("SELECT id FROM t WHERE ten = '{tenant}' ORDER BY id");
                    assert_eq!(stage.database.numbers(&sql), left, "{tenant}: {window}");
                }
                let deleted: i64 = said.target().tenants.iter().map(|tenant| tenant.deleted).sum();
                assert_eq!((deleted, said.target().rows.deleted), (12, 12));
            });
        }
    }
}

#[test]
fn an_unknown_tenant_is_kept_whole_and_named_and_the_others_go() {
    // Nothing says what 0 means; two answers are none; text is no number of days.
    for wrong in ["('b', 0, 'days')", "('b', 5, 'days'), ('b', 6, 'days')", "('b', -1, 'days')"] {
        let sql = format!("{DAYS} INSERT INTO w VALUES {wrong};");
        both(&sql, &[delete("t", "id"), read("w")], |stage| {
            let window = format!("{{default: 30d, sources: [{{name: w, unit: Days, {TABLE}}}]}}");
            let said = stage.run(&spec(&window));
            assert_eq!(said.exit(), 1, "{said:#?}");
            let unknown = &said.target().unknown_tenants;
            assert_eq!(unknown.len(), 1, "{wrong}: {unknown:?}");
            assert_eq!((unknown[0].name.as_str(), unknown[0].source.as_str()), ("b", "w"));
            let kept = "SELECT count(*) FROM t GROUP BY ten ORDER BY ten";
            assert_eq!(stage.database.numbers(kept), [2, 9, 8], "{wrong}");
        });
    }
}

#[test]
fn a_source_that_cannot_be_read_keeps_every_tenant_that_is_not_named() {
    let sql = format!("{DAYS} CREATE VIEW v AS SELECT ten, 1 / (days - 10) AS days FROM w;");
    both(&sql, &[delete("t", "id"), read("v")], |stage| {
        let source = "table: {name: public.v, tenant: ten, value: days}";
        let window = format!(
            "{{default: 30d, tenants: [{{name: c, window: 100d}}], sources: [{{name: v, unit: Days, {source}}}]}}"
        );
        let said = stage.run(&spec(&window));
        // A source that is refused keeps everything too; what never happens is a default in its place.
        assert_ne!(said.exit(), 0, "{said:#?}");
        let kept = "SELECT count(*) FROM t WHERE ten <> 'c' GROUP BY ten";
        assert_eq!(stage.database.numbers(kept), [9, 9]);
    });
}

#[test]
fn two_spellings_of_one_tenant_with_two_windows_are_unknown() {
    let sql = "CREATE EXTENSION citext; CREATE TABLE t (id bigint, ten citext, at timestamptz);
               INSERT INTO t VALUES (1, 'ACME', '2020-01-01Z'), (2, 'acme', '2020-01-01Z'), (3, 'b', '2020-01-01Z');
               CREATE TABLE w (ten text, days int); INSERT INTO w VALUES ('Acme', 10), ('aCME', 10000), ('b', 10);";
    both(sql, &[delete("t", "id"), read("w")], |stage| {
        let window = "{default: 30d, sources: [{name: w, unit: Days, table: {name: public.w, tenant: ten, value: days}}]}";
        let said = stage.run(&spec(window));
        assert_eq!((said.exit(), stage.left()), (1, vec![1, 2]), "{said:#?}");
    });
}

#[test]
fn two_names_in_the_manifest_that_are_one_tenant_with_two_windows_keep_it_whole() {
    let sql = "CREATE EXTENSION citext; CREATE TABLE t (id bigint, ten citext, at timestamptz);
               INSERT INTO t VALUES (1, 'Acme', '2020-01-01Z'), (2, 'b', '2020-01-01Z');";
    both(sql, &[delete("t", "id")], |stage| {
        let window = |other| {
            format!(
                "{{default: 30d, tenants: [{{name: ACME, window: 10d}}, {{name: acme, window: {other}}}]}}"
            )
        };
        let said = stage.run(&spec(&window("20d")));
        assert_eq!((said.exit(), stage.left()), (1, vec![1]), "{said:#?}");
        assert_eq!(said.target().unknown_tenants[0].reason, "AmbiguousTenant");
        stage.run(&spec(&window("10d"))).assert_done();
        assert_eq!(stage.left(), [0; 0], "they agree");
    });
}

#[test]
fn a_run_can_be_narrowed_to_one_tenant() {
    both(DAYS, &[delete("t", "id")], |stage| {
        let only = |options: &mut retention_operator::run::Options| {
            options.tenants = vec!["b".to_owned()];
        };
        let said = stage.ask(&spec("{default: 30d}"), only, &retention_operator::run::Unwatched);
        said.assert_done();
        let kept = "SELECT count(*) FROM t GROUP BY ten ORDER BY ten";
        assert_eq!(stage.database.numbers(kept), [9, 5, 9]);
    });
}

/// Each page would otherwise read the tenant from its beginning.
#[test]
fn the_rows_of_one_tenant_that_stay_are_walked_once() {
    for known in ["ANALYZE t", "SELECT 'a table that was never analysed'"] {
        walked_once(known);
    }
}

fn walked_once(known: &str) {
    let Some(database) = Database::create() else { return };
    database.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, org text, at timestamptz, pins int) WITH (autovacuum_enabled = off);
         CREATE INDEX t_org_at ON t (org, at);
         INSERT INTO t SELECT i, 'acme', timestamptz '2023-11-15Z' + i * interval '1s', 1 FROM generate_series(1, 20000) i;
         INSERT INTO t SELECT i, 'o' || i, '2023-11-15Z', 0 FROM generate_series(20001, 20010) i;",
    );
    database.execute(known);
    database.grant(&[delete("t", "id")]);
    let url = database.url();
    let stage = Stage::new(database, url);
    let spec = r#"window: {default: 30d}, targets: [{name: t, table: public.t, action: Delete, tenant: {column: org},
        age: {column: at}, exemptions: [{name: pinned, when: "pins > 0"}]}]"#;
    let said = stage.ask(spec, |options| options.batch_rows = Some(1_000), &Unwatched);
    said.assert_done();
    assert_eq!((said.target().rows.deleted, said.target().kept.held["pinned"]), (10, 20_000));
    let read = "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 't_org_at'";
    let read = stage.database.numbers(read)[0];
    assert!(read < 100_000, "{known}: {read} entries of the index were read");
}

/// By one that does not serve the database would read the whole table for each tenant.
#[test]
fn an_index_that_compares_or_sorts_otherwise_than_its_columns_is_none() {
    for (index, serves) in [
        ("(org, at)", true),
        ("(org DESC, at DESC)", true),
        ("(org text_pattern_ops, at)", false),
        ("(org COLLATE \"POSIX\", at)", false),
        ("(org NULLS FIRST, at)", false),
    ] {
        let sql = format!(
            "CREATE TABLE t (id bigint PRIMARY KEY, org text COLLATE \"C\", at timestamptz);
             CREATE INDEX t_org_at ON t {index};
             INSERT INTO t SELECT i, 'o' || i % 3, '2023-11-15Z' FROM generate_series(1, 9) i;"
        );
        both(&sql, &[delete("t", "id")], |stage| {
            let target = "{name: t, table: public.t, action: Delete, tenant: {column: org}, age: {column: at}}";
            let spec = format!("window: {{default: 30d}}, targets: [{target}]");
            let said = stage.run(&spec);
            said.assert_done();
            let access = format!("{:?}", said.target().access);
            assert_eq!(access.contains("path: Index"), serves, "{index}: {access}");
            assert_eq!(stage.left(), [0; 0], "{index}");
        });
    }
}

#[test]
fn tenants_with_windows_of_their_own_go_in_one_batch_each_by_its_cutoff() {
    let sql = "CREATE TABLE t (id bigint PRIMARY KEY, ten text, at timestamptz); CREATE INDEX ON t (ten, at);
               INSERT INTO t SELECT i, 'k' || i, '2026-11-21 12:00Z'::timestamptz - make_interval(hours => 24 * i + CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END)
               FROM generate_series(1, 40) i;";
    both(sql, &[delete("t", "id")], |stage| {
        let windows: Vec<String> =
            (1..=40).map(|days| format!("{{name: k{days}, window: {days}d}}")).collect();
        let spec = old(&format!(
            ", tenant: {{column: ten}}, window: {{default: Forever, tenants: [{}]}}",
            windows.join(", ")
        ));
        let said = stage.ask(&spec, |options| options.batch_rows = Some(50), &Unwatched);
        said.assert_done();
        // An hour past the window, or an hour short of it.
        assert_eq!(stage.left(), (1..=40).step_by(2).collect::<Vec<i64>>());
        assert_eq!(said.target().work.as_ref().map(|work| work.batches), Some(1));
    });
}
