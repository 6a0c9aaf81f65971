//! Tenants that a source names, and the walk that finds them.

use super::database::{delete, read, update};
use super::stage::{both, old_of};

#[test]
fn tenants_are_found_whether_a_source_knows_all_some_or_others() {
    const NAMES: &[(&str, &str)] = &[
        ("int2", "'' || n"),
        ("int4", "'+0' || n"),
        ("int8", "'' || n"),
        ("uuid", "upper(lpad('' || n, 32, '0'))"),
        ("text", "'' || n"),
    ];
    // Before the first and behind the last, next to each other and far apart; what is no value of the column; and more
    // than are worth a probe each.
    for known in [
        "'{}'",
        "'{1,2,3,4,5,6,7,8,9}'",
        "'{0,2,3,7,10,11}'",
        "'{4}'",
        "'{7,8}'",
        "'{-5,40000,5000000000}'",
        "(SELECT array_agg(i) FROM generate_series(4, 400) i)",
    ] {
        let mut sql = "CREATE TABLE w (kind text, ten text, days int); INSERT INTO w VALUES ('int2', 'x', 1), ('uuid', '0', 1);".to_owned();
        let mut targets = Vec::new();
        for (kind, name) in NAMES {
            let value = if *kind == "int4" { "'' || n" } else { name };
            sql += &format!(
                "CREATE TABLE of_{kind} (id bigserial PRIMARY KEY, ten {kind}, at timestamptz);
                 INSERT INTO of_{kind} (ten, at) SELECT ({value})::{kind}, at
                     FROM unnest('{{1,2,4,5,6,9}}'::int[]) n, unnest('{{2026-10-01Z,2026-11-15Z,2026-11-20Z}}'::timestamptz[]) at;
                 CREATE INDEX ON of_{kind} (ten, at);
                 INSERT INTO w SELECT '{kind}', {name}, 10 FROM unnest({known}::bigint[]) n;"
            );
            let source = format!(
                "{{name: w, unit: Days, table: {{name: public.w, tenant: ten, value: days, where: \"kind = '{kind}'\"}}}}"
            );
            targets.push(old_of(
                &format!("of-{kind}"),
                &format!("public.of_{kind}"),
                &format!(", tenant: {{column: ten}}, window: {{default: 3d, sources: [{source}]}}"),
            ));
        }
        let tables: Vec<String> = NAMES.iter().map(|(kind, _)| format!("of_{kind}")).collect();
        let mut grants: Vec<_> = tables.iter().map(|table| delete(table, "id")).collect();
        grants.push(read("w"));
        both(&sql, &grants, |stage| {
            stage.run(&format!("targets: [{}]", targets.join(", "))).assert_done();
            for table in &tables {
                // The row of six days stays where ten days are known, and goes by the default.
                let left = format!("SELECT count(*) FROM {table} WHERE at < '2026-11-18Z'");
                let kept = format!(
                    "SELECT count(*) FROM unnest({known}::bigint[]) n WHERE n IN (1, 2, 4, 5, 6, 9)"
                );
                assert_eq!(
                    stage.database.numbers(&left),
                    stage.database.numbers(&kept),
                    "{table} {known}"
                );
                let oldest = format!("SELECT count(*) FROM {table} WHERE at < '2026-11-11Z'");
                assert_eq!(stage.database.numbers(&oldest), [0], "{table} {known}");
                let young = format!("SELECT count(*) FROM {table} WHERE at > '2026-11-18Z'");
                assert_eq!(stage.database.numbers(&young), [6], "{table} {known}");
            }
        });
    }
}

#[test]
fn what_an_earlier_target_makes_old_goes_in_the_same_run() {
    let sql = "
        CREATE TABLE t (id bigint PRIMARY KEY, org int, at timestamptz, archived_at timestamptz);
        INSERT INTO t (id, org, at) SELECT i, i % 3, '2020-01-01Z' FROM generate_series(1, 9) i;
        INSERT INTO t VALUES (10, 1, '2026-11-20Z', NULL);
        CREATE INDEX ON t (org, archived_at, id);";
    both(sql, &[delete("t", "id"), update("t")], |stage| {
        let said = stage.run(
            "window: {default: 30d}, targets: [
              {name: archive, table: public.t, action: Update, tenant: {column: org}, age: {column: at},
                where: \"archived_at is null\", set: {archived_at: \"at\"}},
              {name: purge, table: public.t, action: Delete, tenant: {column: org}, age: {column: archived_at}}]",
        );
        assert_eq!((said.exit(), stage.left()), (0, vec![10]), "{said:#?}");
    });
}
