//! What the login may do, sees, and brings along.

use super::database::{Database, delete, read};
use super::stage::{Said, Stage, both, old};

/// Row 1 is old, row 2 is held by a row of holds, row 3 is young.
const ROWS: &str = "
    CREATE TABLE t (id bigint PRIMARY KEY, org text, at timestamptz, note text);
    INSERT INTO t VALUES (1, 'a', '2026-01-01Z', ''), (2, 'a', '2026-01-01Z', ''), (3, 'a', '2026-11-20Z', '');
    CREATE TABLE holds (t_id bigint); INSERT INTO holds VALUES (2);
    CREATE TABLE d (id bigint PRIMARY KEY, t_id bigint REFERENCES t); CREATE INDEX ON d (t_id); INSERT INTO d VALUES (1, 1), (3, 3);
    CREATE TABLE w (org text, days int); INSERT INTO w VALUES ('a', 30);
";

/// Every kind of thing that is read or written.
fn spec() -> String {
    old(r#", tenant: {column: org},
        exemptions: [{name: held, when: "exists (select 1 from public.holds h where h.t_id = t.id)"}],
        dependents: [{name: d, table: public.d, references: {t_id: id}}]"#)
    .replace(
        "default: 30d",
        "default: 90d, sources: [{name: w, unit: Days, table: {name: public.w, tenant: org, value: days}}]",
    )
}

fn with_rights(sql: &str, test: impl Fn(&mut Stage)) {
    let rights = [delete("t", "id"), delete("d", "id"), read("holds"), read("w")];
    both(&format!("{ROWS}{sql}"), &rights, test);
}

fn alter(stage: &Stage, what: &str) {
    stage.database.execute(&format!("ALTER ROLE {} {what}", stage.database.role));
}

fn assert_refused(said: &Said, stage: &Stage, words: &str) {
    assert_eq!(said.exit(), 2, "{said:#?}");
    let told = said.0.refusals.iter().map(ToString::to_string).collect::<String>();
    assert!(told.to_lowercase().contains(words), "{told}");
    assert_eq!(stage.left(), [1, 2, 3]);
}

#[test]
fn the_rights_that_the_handbook_asks_for_are_enough() {
    with_rights("", |stage| {
        stage.run(&spec()).assert_done();
        assert_eq!(stage.left(), [2, 3]);
        assert_eq!(stage.database.numbers("SELECT id FROM d"), [3]);
    });
}

#[test]
fn a_login_that_can_do_anything_is_refused_unless_the_connection_says_so() {
    let Some(database) = Database::create() else { return };
    let url = database.superuser_url();
    database.execute(ROWS);
    let stage = Stage::new(database, url);
    assert_refused(&stage.run(&spec()), &stage, "superuser");
    for power in ["SUPERUSER", "BYPASSRLS"] {
        with_rights("", |stage| {
            alter(stage, power);
            for said in [stage.dry_run(&spec()), stage.run(&spec())] {
                assert_refused(&said, stage, &power.to_lowercase());
                assert!(said.0.refusals[0].write.contains("allowPrivilegedLogin"), "{said:#?}");
            }
            stage.connection = "allowPrivilegedLogin: true";
            stage.run(&spec()).assert_done();
            assert_eq!(stage.left(), [2, 3]);
        });
    }
}

#[test]
fn what_row_security_hides_is_refused_and_never_taken_for_absent() {
    for table in ["t", "holds", "d", "w"] {
        for policy in ["", "CREATE POLICY shown ON TABLE USING (true);"] {
            let sql = format!(
                "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; {}",
                policy.replace("TABLE", table)
            );
            with_rights(&sql, |stage| {
                for said in [stage.dry_run(&spec()), stage.run(&spec())] {
                    assert_refused(&said, stage, "security");
                }
            });
        }
    }
}

#[test]
fn an_owner_is_held_to_row_security_where_it_is_forced() {
    with_rights("ALTER TABLE holds ENABLE ROW LEVEL SECURITY;", |stage| {
        let role = &stage.database.role;
        stage.database.execute(&format!(
            "ALTER TABLE holds OWNER TO {role}; ALTER TABLE holds FORCE ROW LEVEL SECURITY"
        ));
        assert_refused(&stage.run(&spec()), stage, "security");
        stage.database.execute("ALTER TABLE holds NO FORCE ROW LEVEL SECURITY");
        stage.run(&spec()).assert_done();
        assert_eq!(stage.left(), [2, 3], "its owner sees it whole");
    });
}

#[test]
fn row_security_of_the_whole_holds_for_its_parts() {
    let sql = "CREATE TABLE t (id bigint, org text, at timestamptz) PARTITION BY LIST (org);
               CREATE TABLE t_a PARTITION OF t FOR VALUES IN ('a');
               INSERT INTO t VALUES (1, 'a', '2026-01-01Z'), (2, 'a', '2026-01-01Z'), (3, 'a', '2026-01-01Z');
               ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY shown ON t USING (id = 1);";
    both(sql, &[delete("t", "id"), delete("t_a", "id")], |stage| {
        assert_refused(&stage.run(&old("")), stage, "security");
    });
}

#[test]
fn a_missing_right_is_refused_and_the_grants_that_are_printed_make_it_run() {
    both(ROWS, &[], |stage| {
        let role = &stage.database.role;
        stage.database.execute(&format!("REVOKE ALL ON SCHEMA public FROM {role}"));
        let mut granted = String::new();
        // Not more rounds than there are tables, and one for the schema.
        for _ in 0..5 {
            let said = stage.run(&spec());
            if said.exit() == 0 {
                break;
            }
            assert_eq!((said.exit(), stage.left()), (2, vec![1, 2, 3]), "{said:#?}");
            for refused in &said.0.refusals {
                let grant = refused.write.find("GRANT").unwrap_or_else(|| panic!("{refused}"));
                stage.database.execute(&refused.write[grant..]);
                granted += &refused.write[grant..];
            }
        }
        assert_eq!(stage.left(), [2, 3], "{granted}");
        // No more than is needed.
        for table in ["holds", "w"] {
            for right in ["UPDATE", "DELETE", "INSERT", "TRUNCATE"] {
                let sql = format!(
                    "SELECT has_any_column_privilege('{role}', '{table}', 'UPDATE')::int::bigint + has_table_privilege('{role}', '{table}', '{right}')::int"
                );
                assert_eq!(stage.database.numbers(&sql), [0], "{table}: {right}");
            }
        }
    });
}

#[test]
fn each_right_alone_is_missed_before_anything_goes() {
    for (right, table) in [
        ("SELECT", "t"),
        ("DELETE", "t"),
        ("UPDATE (id)", "t"),
        ("SELECT", "d"),
        ("DELETE", "d"),
        ("SELECT", "holds"),
        ("SELECT", "w"),
    ] {
        with_rights("", |stage| {
            let role = &stage.database.role;
            stage.database.execute(&format!("REVOKE {right} ON {table} FROM {role}"));
            let said = stage.run(&spec());
            assert_refused(&said, stage, "grant");
        });
    }
}

#[test]
fn what_a_login_or_a_database_has_set_for_itself_changes_nothing() {
    // A hold that only citext finds, a text with a backslash, an instant that another zone would read otherwise.
    let sql = "CREATE EXTENSION citext; ALTER TABLE t ALTER COLUMN org TYPE citext; UPDATE t SET note = 'a\\b' WHERE id = 1;
               CREATE SCHEMA evil; CREATE TABLE evil.holds (t_id bigint); CREATE TABLE evil.t (LIKE public.t);
               INSERT INTO t VALUES (4, 'a', '2026-10-22 12:00Z', 'a\\b');";
    let settings = [
        "DateStyle = 'German'",
        "TimeZone = 'Pacific/Kiritimati'",
        "IntervalStyle = 'sql_standard'",
        "search_path = 'evil'",
        "standard_conforming_strings = off",
        "bytea_output = 'escape'",
        "extra_float_digits = -15",
        "default_transaction_isolation = 'serializable'",
        "row_security = on",
        "enable_seqscan = off",
        "transform_null_equals = on",
        "array_nulls = off",
    ];
    with_rights(sql, |stage| {
        for setting in settings {
            alter(stage, &format!("SET {setting}"));
        }
        let spec = spec().replace(
            "exemptions: [",
            r#"where: "note in ('', 'a\\b') and org = 'A'", exemptions: ["#,
        );
        let dry = stage.dry_run(&spec);
        assert_eq!((dry.exit(), dry.target().rows.deleted), (0, 1), "{dry:#?}");
        stage.run(&spec).assert_done();
        assert_eq!(stage.left(), [2, 3, 4]);
    });
}

#[test]
fn a_rule_that_would_do_something_else_instead_is_refused() {
    with_rights("CREATE RULE never AS ON DELETE TO t DO INSTEAD NOTHING;", |stage| {
        assert_refused(&stage.run(&spec()), stage, "rule");
    });
}

#[test]
fn what_an_expression_reads_asks_for_no_right_to_the_parts_of_its_table() {
    let sql = "CREATE TABLE orgs (id text, name text) PARTITION BY LIST (id);
               CREATE TABLE orgs_a PARTITION OF orgs FOR VALUES IN ('a'); INSERT INTO orgs VALUES ('a', 'acme');";
    with_rights(sql, |stage| {
        stage.database.grant(&[read("orgs")]);
        let named = "expression: \"(select o.name from public.orgs o where o.id = t.org)\"";
        let spec = spec().replace("{column: org}", &format!("{{{named}}}"));
        let said = stage.run(
            &spec.replace("default: 90d", "default: 90d, tenants: [{name: acme, window: Forever}]"),
        );
        said.assert_done();
        assert_eq!(stage.left(), [1, 2, 3]);
        let said = stage.run(&spec);
        said.assert_done();
        assert_eq!(stage.left(), [2, 3]);
    });
}

#[test]
fn a_server_that_ends_idle_sessions_ends_no_run_in_its_rests() {
    let sql = "INSERT INTO t SELECT i, 'a', '2026-01-01Z', '' FROM generate_series(11, 14) i;
               CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.02); RETURN OLD; END $$;
               CREATE TRIGGER slow BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION slow();";
    with_rights(sql, |stage| {
        if stage.database.numbers("SELECT current_setting('server_version_num')::bigint")[0]
            < 140_000
        {
            return;
        }
        alter(stage, "SET idle_session_timeout = '500ms'");
        stage.duty_cycle = 2;
        let said = stage.run(&spec());
        said.assert_done();
        assert_eq!(stage.left(), [2, 3]);
        let rested = said.target().work.as_ref().and_then(|work| work.throttled_seconds.as_ref());
        let rested = rested.and_then(|throttled| throttled.duty_cycle);
        assert!(rested.is_some_and(|seconds| seconds > 2.0), "nothing was tried: {rested:?}");
    });
}

#[test]
fn what_a_login_has_set_for_words_and_numbers_changes_nothing() {
    let sql = "CREATE TABLE log (what text); GRANT INSERT ON log TO PUBLIC;
               CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   INSERT INTO public.log SELECT current_setting('lc_time') || current_setting('lc_numeric'); RETURN NULL; END $$;
               CREATE TRIGGER logged AFTER DELETE ON t FOR EACH STATEMENT EXECUTE FUNCTION logged();";
    with_rights(sql, |stage| {
        alter(stage, "SET lc_time = 'POSIX'");
        alter(stage, "SET lc_numeric = 'POSIX'");
        stage.run(&spec()).assert_done();
        assert_eq!(stage.database.texts("SELECT what FROM log"), ["CC"]);
    });
}
