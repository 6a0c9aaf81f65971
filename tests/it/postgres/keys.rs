//! Rows are found again by their keys, of whatever type they are, and by their place where there is none.

use super::database::delete;
use super::stage::{both, old, old_of};

struct Keys {
    /// As SQL has it, and as the catalog has it.
    table: (&'static str, &'static str),
    columns: &'static str,
    /// What is granted for locking.
    lockable: &'static str,
    /// Of two rows that are old and one that is young.
    values: [&'static str; 3],
}

const fn keys(table: &'static str, columns: &'static str, values: [&'static str; 3]) -> Keys {
    Keys { table: (table, table), columns, lockable: "k", values }
}

const KEYS: &[Keys] = &[
    keys("uuids", "k uuid PRIMARY KEY", ["gen_random_uuid()"; 3]),
    keys("texts", "k text PRIMARY KEY", [r"E'\'; --\\'", "''", "'{NULL,\"x\"}'"]),
    keys("words", "k text COLLATE \"en-x-icu\" PRIMARY KEY", ["'b'", "'Ä'", "'a'"]),
    keys("padded", "k char(5) PRIMARY KEY", ["'a'", "'b '", "'c'"]),
    keys("small", "k smallint PRIMARY KEY", ["-1", "32767", "0"]),
    keys("numerics", "k numeric PRIMARY KEY", ["1.50", "12345678901234567890.123456789", "2"]),
    keys("floats", "k float8 PRIMARY KEY", ["0.1", "1e300", "'NaN'"]),
    keys("bytes", "k bytea PRIMARY KEY", [r"'\x00ff'", r"'\x'", r"'\x27'"]),
    keys(
        "moments",
        "k timestamptz PRIMARY KEY",
        ["'2020-01-01 00:00:00.000001Z'", "'infinity'", "'2020-01-01Z'"],
    ),
    keys("days", "k date PRIMARY KEY", ["'0044-03-15 BC'", "'2020-01-01'", "'2020-01-02'"]),
    keys("spans", "k interval PRIMARY KEY", ["'1 mon'", "'31 days'", "'-1 day'"]),
    keys("flags", "k boolean, l bigint, PRIMARY KEY (k, l)", ["true, 1", "false, 1", "true, 2"]),
    keys("addresses", "k inet PRIMARY KEY", ["'10.0.0.1'", "'::1/64'", "'10.0.0.2'"]),
    keys("documents", "k jsonb PRIMARY KEY", ["'{\"a\": [1]}'", "'\"x\"'", "'null'"]),
    keys("lists", "k text[] PRIMARY KEY", ["'{a,NULL}'", "'{}'", "'{b}'"]),
    keys("moods", "k mood PRIMARY KEY", ["'sad'", "'so so'", "'happy'"]),
    keys("codes", "k code PRIMARY KEY", ["'x'", "'y'", "'z'"]),
    keys("names", "k citext PRIMARY KEY", ["'Ada'", "'Bob'", "'cy'"]),
    keys("pairs", "k int, l text, PRIMARY KEY (l, k)", ["1, 'x'", "1, 'y'", "2, 'x'"]),
    keys("uniques", "k int UNIQUE", ["1", "NULL", "2"]),
    keys("duplicates", "k int", ["1", "1", "1"]),
    keys("nulls", "k int", ["NULL", "NULL", "NULL"]),
    Keys {
        table: ("\"order\"", "order"),
        columns: "\"user id\" bigint, \"a\"\"b\" text, PRIMARY KEY (\"user id\", \"a\"\"b\")",
        lockable: "\"user id\"",
        values: ["1, 'x'", "2, 'y'", "3, 'z'"],
    },
    Keys {
        table: ("\"Two Words\"", "Two Words"),
        columns: "\"select\" uuid PRIMARY KEY",
        lockable: "\"select\"",
        values: ["gen_random_uuid()"; 3],
    },
];

const TYPES: &str = "CREATE EXTENSION citext; CREATE TYPE mood AS ENUM ('happy', 'so so', 'sad');
                     CREATE DOMAIN code AS text CHECK (value <> '');";

/// An index on the age, or none.
fn with_and_without(test: impl Fn(&str)) {
    for index in ["", "CREATE INDEX ON TABLE (at);"] {
        test(index);
    }
}

#[test]
fn a_row_is_known_by_a_key_of_any_type_and_by_none() {
    with_and_without(|index| {
        let mut sql = TYPES.to_owned();
        let (mut targets, mut grants) = (Vec::new(), Vec::new());
        for Keys { table: (quoted, name), columns, lockable, values: [a, b, young] } in KEYS {
            let (head, tail) = columns.split_once(", PRIMARY").unwrap_or((columns, ""));
            let tail = if tail.is_empty() { String::new() } else { format!(", PRIMARY{tail}") };
            sql += &format!(
                "CREATE TABLE {quoted} ({head}, at timestamptz, note text{tail}); {}
                 INSERT INTO {quoted} VALUES ({a}, '2026-01-01Z', 'old'), ({b}, '2026-01-01Z', 'old'), ({young}, '2026-11-20Z', 'young');",
                index.replace("TABLE", quoted)
            );
            let target = name.to_lowercase().replace(' ', "-");
            targets.push(old_of(&target, &format!("public.{name}"), ""));
            grants.push(delete(quoted, lockable));
        }
        let spec = format!("window: {{default: 30d}}, targets: [{}]", targets.join(", "));
        both(&sql, &grants, |stage| {
            let counted = stage.dry_run(&spec);
            counted.assert_done();
            let said = stage.run(&spec);
            said.assert_done();
            for (at, Keys { table: (quoted, _), .. }) in KEYS.iter().enumerate() {
                let left = stage.database.texts(&format!("SELECT note FROM {quoted}"));
                assert_eq!(left, ["young"], "{quoted} {index}");
                let deleted = [&counted, &said].map(|said| said.status().targets[at].rows.deleted);
                assert_eq!(deleted, [2, 2], "{quoted} {index}");
            }
        });
    });
}

#[test]
fn identical_rows_are_counted_one_by_one() {
    with_and_without(|index| {
        let sql = "CREATE TABLE t (id int, at timestamptz);
                   INSERT INTO t SELECT 1, '2026-01-01Z' FROM generate_series(1, 25);
                   INSERT INTO t VALUES (2, '2026-11-20Z'), (2, '2026-11-20Z');";
        let sql = format!("{sql}{}", index.replace("TABLE", "t"));
        both(&sql, &[delete("t", "id")], |stage| {
            let said = stage.run(&old(""));
            said.assert_done();
            assert_eq!((said.target().rows.deleted, stage.left()), (25, vec![2, 2]), "{index}");
        });
    });
}

#[test]
fn rows_of_one_instant_that_are_more_than_a_batch_all_go() {
    with_and_without(|index| {
        let sql = "CREATE TABLE t (id int PRIMARY KEY, at timestamptz, kept boolean DEFAULT false);
                   INSERT INTO t SELECT i, '2026-01-01Z', i % 3 = 0 FROM generate_series(1, 100) i;";
        let sql = format!("{sql}{}", index.replace("TABLE", "t"));
        both(&sql, &[delete("t", "id")], |stage| {
            let said = stage.run(&old(", exemptions: [{name: kept, when: kept}]"));
            said.assert_done();
            assert_eq!((said.target().rows.deleted, stage.left().len()), (67, 33), "{index}");
            assert_eq!(said.target().kept.held["kept"], 33);
        });
    });
}

#[test]
fn names_are_spelled_as_the_catalog_has_them() {
    let sql = "CREATE TABLE \"T\" (id int PRIMARY KEY, at timestamptz); INSERT INTO \"T\" VALUES (1, '2026-01-01Z');
               CREATE TABLE \"a.b\" (id int PRIMARY KEY, at timestamptz); INSERT INTO \"a.b\" VALUES (1, '2026-01-01Z');";
    both(sql, &[delete("\"T\"", "id"), delete("\"a.b\"", "id")], |stage| {
        let spec = |table: &str| {
            format!("window: {{default: 30d}}, targets: [{}]", old_of("t", table, ""))
        };
        for table in ["public.t", "T.public", "a.b", "public.a.b"] {
            assert_eq!(stage.run(&spec(table)).refused().field, "spec.targets[t].table", "{table}");
        }
        stage.run(&spec("public.T")).assert_done();
        stage.run(&spec("public.\\\"a.b\\\"")).assert_done();
        let left = "SELECT (SELECT count(*) FROM \"T\") + (SELECT count(*) FROM \"a.b\")";
        assert_eq!(stage.database.numbers(left), [0]);
    });
}
