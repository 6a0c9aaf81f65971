//! Expressions in PostgreSQL's dialect, as they are written.

use super::*;
use crate::api::{AllowRule, AllowedAction};
use crate::model::Engine;

fn parse_in(engine: Engine, text: &str) -> Result<Expression, Refusal> {
    let rule = AllowRule {
        tables: vec!["chats".to_owned(), "messages".to_owned(), "Odd".to_owned()],
        actions: vec![AllowedAction::Delete],
        ..AllowRule::default()
    };
    let ceiling = Ceiling::parse(&[rule], engine).expect("a ceiling");
    let own = TableName::plain("chats");
    let context = Context {
        field: "spec.targets[chats].where",
        own: &own,
        parameters: &Parameter::ALL,
        ceiling: &ceiling,
    };
    parse(text, &context)
}

fn postgres(text: &str) -> Result<Expression, Refusal> {
    parse_in(Engine::Postgres, text)
}

#[track_caller]
fn refused(text: &str, what: &str) {
    match postgres(text) {
        Ok(_) => panic!("`{text}` is taken"),
        Err(refusal) => {
            let said = format!("{}: {}", refusal.message, refusal.write);
            assert!(said.contains(what), "`{text}` is refused otherwise: {said}");
        }
    }
}

#[track_caller]
fn taken(text: &str) {
    if let Err(refusal) = postgres(text) {
        panic!("`{text}`: {}: {}", refusal.message, refusal.write);
    }
}

#[test]
fn postgresql_s_own_operators_and_forms_are_taken() {
    for text in [
        "status = 'finished' and not archived",
        "status is distinct from 'a' or flag is not unknown",
        "data->>'state' = 'done' and data @> '{\"a\": 1}' and data #>> '{a,b}' is not null",
        "title ilike '%x%' escape '!' and title !~* '^\\d+'",
        "status = any(array['a', 'b']) and n <> all(select m.n from messages m)",
        "updated_at < :cutoff - interval '1 day'",
        "updated_at<:cutoff",
        "(:now)::date > d and :cutoff::date > d",
        "created at time zone 'Europe/Berlin' < :cutoff",
        "extract(epoch from :cutoff) > seconds and ceil(x) = floor(y)",
        "trim(both ' ' from s) = substring(s from 1 for 3) and position('a' in s) > 0",
        "d = date '2026-01-31' or t < timestamp with time zone '2026-01-31 00:00:00+00'",
        "(a, b) in ((1, 2), (3, 4))",
        "case s when 'x' then 1 else 2 end = 1",
        "coalesce(a, b, 0) > greatest(1, -2) and -x < 1e5",
        "not exists (select 1 from messages m where m.chat_id = chats.id order by m.id desc limit 1)",
        "name collate \"C\" < 'b' and x::numeric(10, 2) = 1.5 and u = any(ids::uuid[])",
        "\"user\" = 'x' and \"Now\" is null",
    ] {
        taken(text);
    }
}

#[test]
fn a_rest_behind_the_expression_is_refused() {
    refused("true) or (1=1", "left over");
    refused("a = 1; drop table chats", "left over");
    refused("a = 1 -- and b = 2\n c", "left over");
}

#[test]
fn the_clock_is_refused_in_all_its_spellings() {
    for text in [
        "x < now()",
        "x < NOW()",
        "x < current_date",
        "x < CURRENT_TIMESTAMP",
        "x < current_timestamp(3)",
        "x < localtimestamp",
        "x < localtime",
        "x < clock_timestamp()",
        "x < statement_timestamp()",
        "age(x) > interval '1 day'",
        "x < 'now'",
        "x < 'NOW'::timestamptz",
        "x < date 'today'",
        "x < timestamp 'yesterday'",
        "x < cast('tomorrow' as date)",
        "x < ' (now) '",
        "x in ('2026-01-01', 'today 00:00')",
        "date_trunc('day', 'now') > x",
        "xs && '{\"n\\ow\"}'",
        "x < coalesce(null, 'now')",
        "x < interval 'now'",
    ] {
        refused(text, "clock");
        refused(text, "use :now");
    }
    for text in ["status = 'unknown'", "status = 'now'::text", "status like 'now%'"] {
        taken(text);
    }
    refused("x at time zone 'localtime' < y", "machine");
}

#[test]
fn functions_that_are_not_on_the_list_are_refused() {
    for name in [
        "random",
        "nextval",
        "pg_sleep",
        "set_config",
        "current_setting",
        "lo_import",
        "lo_unlink",
        "dblink",
        "query_to_xml",
        "to_regclass",
        "pg_read_file",
        "txid_current",
        "gen_random_uuid",
        "to_jsonb",
        "repeat",
        "unnest",
        "generate_series",
        "row",
        "pg_catalog.lower",
        "public.lower",
    ] {
        refused(&format!("{name}('x') = 'y'"), "not on the list");
    }
    refused("\"lower\"(x) = 'y'", "not on the list");
    refused("lower(a, b) = 'y'", "call it with 1");
    refused("position(a, b) = 1", "position(a in b)");
    refused("count(*) > 1", "aggregates");
    refused("lower(x) over () = 'y'", "not allowed");
    refused("user = 'x'", "\"user\"");
    refused("current_user = 'x'", "not allowed");
    refused("current_role = 'x'", "no column");
    refused("make_interval(days => 3) > x", "not allowed");
}

#[test]
fn an_operator_that_nobody_listed_is_refused() {
    for text in [
        "a operator(public.=) b",
        "a <-> b",
        "a ^ 2 = 1",
        "a ? 'x'",
        "@ a = 1",
        "a !",
        "|/ a = 1",
        "a @@ b",
        "a overlaps b",
        "a similar to 'x'",
        "a like any (array['x'])",
        "a ^@ 'x'",
        "a is json",
        "a >=- 1",
    ] {
        assert!(postgres(text).is_err(), "`{text}` is taken");
    }
    refused("a ~ any(array['x'])", "ANY");
    refused("a = any('{x}')", "array['a', 'b']");
}

#[test]
fn literals_of_other_quotes_are_refused() {
    for text in [
        "E'a' = x",
        "U&'a' = x",
        "$$a$$ = x",
        "$q$a$q$ = x",
        "B'1' = x",
        "X'1f' = x",
        "N'a' = x",
        "0x1f = x",
        "1_000 = x",
        "10L = x",
        "$1 = x",
        "? = x",
        "@now = x",
        ":later = x",
    ] {
        assert!(postgres(text).is_err(), "`{text}` is taken");
    }
    for text in ["'a\\''b' = x", "'a''''b' = x", "'\0' = x"] {
        assert!(postgres(text).is_err(), "`{text}` is taken");
    }
    taken("x = 'it''s' and y = 'back\\slash'");
}

#[test]
fn casts_go_to_postgresql_s_own_types_only() {
    for to in [
        "citext",
        "mood",
        "regclass",
        "\"char\"",
        "public.text",
        "pg_temp.text",
        "timetz",
        "xml",
        "name",
        "oid",
        "timestamptz[]",
        "date[]",
        "varchar(max)",
        "interval day",
    ] {
        refused(&format!("x::{to} = y"), "");
    }
    for to in [
        "text",
        "TEXT",
        "pg_catalog.text",
        "varchar(3)",
        "character varying",
        "char(2)",
        "int",
        "bigint",
        "int8",
        "double precision",
        "timestamp with time zone",
        "timestamp(3)",
        "timestamptz",
        "time",
        "interval",
        "uuid",
        "jsonb",
        "boolean",
        "text[]",
        "numeric",
    ] {
        taken(&format!("x::{to} is not null and cast(x as {to}) is not null"));
    }
}

#[test]
fn what_postgresql_groups_otherwise_needs_parentheses() {
    for text in [
        "a = b = c",
        "a < b = c",
        "a ~ b || c",
        "a = b ~ c",
        "- a at time zone 'UTC' = b",
        "a is null = b",
        "a = not b",
        "a is null is true",
        "not exists (select 1) = b",
        "x collate \"C\"::text = y",
        "a like b like c",
        "a = any(b) || c",
        "a in (1) + 1 = 2",
    ] {
        refused(text, "parentheses");
    }
    for text in [
        "(a = b) = c",
        "a ~ (b || c)",
        "(a is null) = b",
        "a = (not b)",
        "not a = b or c and d",
        "a || b || c = d",
        "a - b - c * d > -e",
        "a + b between c - 1 and d + 1 and e",
        "a -> 'b' ->> 'c' = 'd'",
        "-a::int = 1",
        "a = b is null",
        "not a is null",
    ] {
        taken(text);
    }
}

#[test]
fn subqueries_bring_nothing_along_that_is_not_walked() {
    let wrap = |inner: &str| format!("exists ({inner})");
    for inner in [
        "select distinct on (pg_sleep(1)) 1 from messages m",
        "select 1 from messages m order by m.id using operator(public.<)",
        "select * from messages m for update",
        "select 1 from messages m union select 2",
        "with x as (select 1) select 1 from x",
        "select 1 from generate_series(1, 2) g",
        "select 1 from lateral (select 1) x",
        "select 1 from messages m tablesample system (1)",
        "select 1 from messages m window w as (order by m.id)",
        "select m from messages m",
        "select m.* from messages m",
        "select count(m.*) from messages m",
        "select 1 into t from messages m",
        "delete from messages",
        "select 1 from messages m, secrets s",
        "select 1 from pg_catalog.pg_authid a",
    ] {
        assert!(postgres(&wrap(inner)).is_err(), "`{inner}` is taken");
    }
    taken(&wrap("select * from messages m where m.chat_id = chats.id"));
}

#[test]
fn names_are_folded_as_postgresql_folds_them() {
    taken("exists (select 1 from MESSAGES M where m.id = M.ID and m.chat_id = CHATS.id)");
    refused("exists (select 1 from \"MESSAGES\" m)", "MESSAGES");
    refused("exists (select 1 from Odd o)", "odd");
    taken("exists (select 1 from \"Odd\" o where o.id = chats.id)");
    refused("exists (select 1 from messages \"M\" where m.id = 1)", "neither the target");
    refused("exists (select 1 from messages CHATS)", "hide the target");
    refused(&format!("exists (select 1 from messages {})", "m".repeat(64)), "63 bytes");
    let parsed = postgres("exists (select 1 from Public.Messages m)").expect("an expression");
    assert_eq!(
        parsed.tables.into_iter().collect::<Vec<_>>(),
        [TableName::qualified("public", "messages")]
    );
}

#[test]
fn parameters_are_found_wherever_they_stand() {
    let parsed = postgres("x<:cutoff and org = :tenant and y > :now::date").expect("parameters");
    assert_eq!(parsed.parameters.len(), 3);
    refused(":NOW > x", "no parameter");
}

#[test]
fn sqlite_keeps_its_own_dialect() {
    for text in ["x = x'00'", "x = \"Y\"", "iif(a, 1, 2) = 1", "a < b = c", "x < 'today'"] {
        parse_in(Engine::Sqlite, text).expect(text);
    }
    for text in ["a::int = 1", "a ilike 'x'", "a at time zone 'UTC' = b", "a = any(b)"] {
        assert!(parse_in(Engine::Sqlite, text).is_err(), "`{text}` is taken");
    }
}
