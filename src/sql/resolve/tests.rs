//! PostgreSQL's expressions against a catalog.

use jiff::tz::TimeZone;
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use super::*;
use crate::model::{Column, Rights};

fn table(schema: &str, name: &str, columns: &[(&str, &str)]) -> Table {
    let column = |(name, declared): &(&str, &str)| Column {
        name: (*name).to_owned(),
        declared: (*declared).to_owned(),
        ..Column::default()
    };
    Table {
        engine: Engine::Postgres,
        name: TableName::qualified(schema, name),
        kind: TableKind::Ordinary,
        columns: columns.iter().map(column).collect(),
        key: Vec::new(),
        foreign_keys: Vec::new(),
        indexes: Vec::new(),
        delete_triggers: Vec::new(),
        update_triggers: Vec::new(),
        replaces: false,
        leaves: Vec::new(),
        kin: Vec::new(),
        inherits: false,
        rights: Rights::ALL,
        obstacles: Vec::new(),
    }
}

fn catalog() -> Catalog {
    let own = [
        ("id", "int8"),
        ("at", "timestamptz"),
        ("civil", "timestamp"),
        ("day", "date"),
        ("span", "interval"),
        ("clock", "time"),
        ("zoned", "timetz"),
        ("seconds", "int8"),
        ("ratio", "numeric"),
        ("note", "text"),
        ("name", "citext"),
        ("state", "mood"),
        ("data", "jsonb"),
        ("flag", "bool"),
        ("ids", "_int8"),
        ("days", "_date"),
        ("Odd", "text"),
    ];
    let messages = [("chat_id", "int8"), ("sent", "timestamptz"), ("written", "timestamp")];
    Catalog {
        login: String::new(),
        power: None,
        engine: Engine::Postgres,
        tables: vec![
            table("public", "chats", &own),
            table("public", "messages", &messages),
            table("audit", "messages", &[("chat_id", "int8")]),
        ],
    }
}

fn resolved_as(text: &str, encoding: &Encoding) -> Result<Expression, Refusal> {
    let tree = Parser::new(&PostgreSqlDialect {})
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_expr())
        .expect(text);
    let catalog = catalog();
    let expression = Expression {
        tree,
        parameters: std::collections::BTreeSet::new(),
        tables: std::collections::BTreeSet::new(),
        columns: std::collections::BTreeSet::new(),
        comparisons: Vec::new(),
        written: text.to_owned(),
    };
    let around = Surroundings {
        field: "where",
        catalog: &catalog,
        own: &catalog.tables[0],
        encoding: Some(encoding),
    };
    resolve(&expression, &around)
}

#[track_caller]
fn renders(text: &str, sql: &str) {
    match resolved_as(text, &Encoding::Instant) {
        Ok(expression) => assert_eq!(expression.tree.to_string(), sql),
        Err(refusal) => panic!("`{text}`: {}: {}", refusal.message, refusal.write),
    }
}

#[track_caller]
fn taken_as(text: &str, encoding: &Encoding) {
    if let Err(refusal) = resolved_as(text, encoding) {
        panic!("`{text}`: {}: {}", refusal.message, refusal.write);
    }
}

#[track_caller]
fn refused_as(text: &str, encoding: &Encoding, what: &str) {
    match resolved_as(text, encoding) {
        Ok(_) => panic!("`{text}` is taken"),
        Err(refusal) => {
            let said = format!("{}: {}", refusal.message, refusal.write);
            assert!(said.contains(what), "`{text}` is refused otherwise: {said}");
        }
    }
}

fn taken(text: &str) {
    taken_as(text, &Encoding::Instant);
}

#[track_caller]
fn refused(text: &str, what: &str) {
    refused_as(text, &Encoding::Instant, what);
}

fn civil() -> Encoding {
    Encoding::Civil { zone: TimeZone::UTC }
}

fn date() -> Encoding {
    Encoding::Date { zone: TimeZone::UTC }
}

#[test]
fn names_are_quoted_and_folded() {
    renders("ID = Chats.ID", "ro_row.\"id\" = ro_row.\"id\"");
    renders("\"Odd\" = note", "ro_row.\"Odd\" = ro_row.\"note\"");
    refused("odd = note", "no column odd");
    refused("\"ID\" = 1", "no column ID");
    for whole in ["chats is null", "ctid is null", "chats.xmin = 1", "tableoid = 1"] {
        refused(whole, "no column");
    }
}

#[test]
fn tables_stand_in_their_schema_whatever_the_search_path_holds() {
    renders(
        "exists (select 1 from Messages M where m.chat_id = chats.id)",
        "EXISTS (SELECT 1 FROM \"public\".\"messages\" \"m\" WHERE \"m\".\"chat_id\" = ro_row.\"id\")",
    );
    renders(
        "exists (select 1 from audit.messages where messages.chat_id = 1)",
        "EXISTS (SELECT 1 FROM \"audit\".\"messages\" WHERE \"messages\".\"chat_id\" = 1)",
    );
    refused("exists (select 1 from \"Messages\" m)", "no table Messages");
    refused("exists (select 1 from audit.messages m where m.sent < :cutoff)", "no column sent");
}

#[test]
fn functions_are_postgresql_s_own() {
    renders("LOWER(note) = 'x'", "\"pg_catalog\".\"lower\"(ro_row.\"note\") = 'x'");
    renders("coalesce(note, 'x') = 'x'", "coalesce(ro_row.\"note\", 'x') = 'x'");
    renders(
        "trim(leading 'x' from note) = trim(note)",
        "\"pg_catalog\".\"ltrim\"(ro_row.\"note\", 'x') = \"pg_catalog\".\"btrim\"(ro_row.\"note\")",
    );
    renders(
        "substring(note for 2) = substr(note, 1, 2)",
        "\"pg_catalog\".\"substring\"(ro_row.\"note\", 1, 2) = \"pg_catalog\".\"substring\"(ro_row.\"note\", 1, 2)",
    );
    renders(
        "position('a' in note) = ceil(ratio)",
        "\"pg_catalog\".\"position\"(ro_row.\"note\", 'a') = \"pg_catalog\".\"ceil\"(ro_row.\"ratio\")",
    );
    renders(
        "(select count(*) from messages m) > 1",
        "(SELECT \"pg_catalog\".\"count\"(*) FROM \"public\".\"messages\" \"m\") > 1",
    );
}

#[test]
fn types_are_postgresql_s_own() {
    renders(
        "note::varchar(3) = 'x'",
        "CAST(ro_row.\"note\" AS \"pg_catalog\".\"varchar\"(3)) = 'x'",
    );
    renders(
        "ids = array[1]::bigint[]",
        "ro_row.\"ids\" = CAST(ARRAY[1] AS \"pg_catalog\".\"int8\"[])",
    );
    renders(
        "day = date '2026-01-31'",
        "ro_row.\"day\" = CAST('2026-01-31' AS \"pg_catalog\".\"date\")",
    );
    renders(
        "at + interval '1 day' < at",
        "(ro_row.\"at\" + CAST('1 day' AS \"pg_catalog\".\"interval\")) < ro_row.\"at\"",
    );
}

#[test]
fn operands_stand_in_parentheses() {
    renders(
        "not flag or id + 1 = 2 and - id < 3",
        "(NOT ro_row.\"flag\") OR (((ro_row.\"id\" + 1) = 2) AND ((-ro_row.\"id\") < 3))",
    );
    renders("note || 'x' collate c like '%'", "(ro_row.\"note\" || ('x' COLLATE \"c\")) LIKE '%'");
    renders(
        "(at at time zone 'UTC')::date between day - 1 and day",
        "CAST((ro_row.\"at\" AT TIME ZONE 'UTC') AS \"pg_catalog\".\"date\") BETWEEN (ro_row.\"day\" - 1) AND ro_row.\"day\"",
    );
    renders("-id::int = 1", "(-CAST(ro_row.\"id\" AS \"pg_catalog\".\"int4\")) = 1");
}

#[test]
fn instants_become_parameters_of_the_age_s_own_type() {
    for (encoding, column, sql) in [
        (Encoding::Instant, "at", "timestamptz"),
        (civil(), "civil", "timestamp"),
        (date(), "day", "date"),
        (Encoding::UnixSeconds, "seconds", "int8"),
        (Encoding::UnixMillis, "seconds", "int8"),
        (Encoding::Text { zone: TimeZone::UTC }, "note", "text"),
    ] {
        let resolved = resolved_as(&format!("{column} < :cutoff and {column} < :now"), &encoding);
        let parameter = |place| format!("CAST(${place} AS \"pg_catalog\".\"{sql}\")");
        assert_eq!(
            resolved.expect(column).tree.to_string(),
            format!(
                "(ro_row.\"{column}\" < {}) AND (ro_row.\"{column}\" < {})",
                parameter(2),
                parameter(1)
            )
        );
    }
    renders(":tenant = id", ":tenant = ro_row.\"id\"");
}

#[test]
fn what_is_rendered_is_read_again_as_the_same_tree() {
    for text in [
        "not flag and id + 1 * 2 - -id > 3 or note like 'a' || 'b' escape '!'",
        "case when flag then at else at - span end < :cutoff - 2 * interval '1 day'",
        "id in (1, 2) is not true or id = any(ids) or (id, note) in ((1, 'a'))",
        "exists (select 1 from messages m join audit.messages a on a.chat_id = m.chat_id where m.sent + span > :now)",
        "data -> 'a' ->> 'b' is distinct from trim(both 'x' from note)",
    ] {
        let sql = resolved_as(text, &Encoding::Instant).expect(text).tree.to_string();
        let again = Parser::new(&PostgreSqlDialect {})
            .try_with_sql(&sql)
            .and_then(|mut parser| parser.parse_expr())
            .expect(&sql);
        assert_eq!(again.to_string(), sql);
    }
}

#[test]
fn instants_civil_times_and_dates_never_stand_beside_one_another() {
    for text in [
        "at < civil",
        "at = day",
        "civil <> day",
        "clock = zoned",
        "clock < span",
        "at between civil and at",
        "at in ('2026-01-01', civil)",
        "at is distinct from civil",
        "case at when civil then 1 end = 1",
        "coalesce(at, civil) is null",
        "greatest(at, day) is null",
        "nullif(day, civil) is null",
        "case when flag then at else civil end is null",
        "at - civil > span",
        "day - at > span",
        "age(at, civil) > span",
        "(id, at) = (1, civil)",
        "(id, at) in ((1, civil))",
        "at in (select m.written from messages m)",
        "at < (select max(m.written) from messages m)",
        "(id, at) in (select m.chat_id, m.written from messages m)",
        "at = any(select m.written from messages m)",
        "at = any(days)",
        "at = any(array[civil])",
        "array[at, civil] is null",
        "exists (select 1 from messages m join messages n on m.sent < n.written)",
        "exists (select m.chat_id from messages m group by m.chat_id having max(m.sent) > max(m.written))",
        "exists (select 1 from messages m order by m.sent - m.written)",
        "exists (select m.sent < m.written from messages m)",
        "not (at < civil)",
        "(at < civil) is true",
        "lower((at < civil)::text) = 'x'",
        "at at time zone 'UTC' < at",
        "civil at time zone 'UTC' < civil",
        "cast(at as date) < at",
        "day + span < day",
        "to_timestamp(seconds) > civil",
    ] {
        refused(text, "session's zone");
    }
    for text in [
        "at at time zone 'Europe/Berlin' < civil",
        "civil at time zone 'Europe/Berlin' < at",
        "cast(at as date) < day",
        "cast(day as timestamptz) < at",
        "day + span < civil",
        "day + clock < civil",
        "day + 1 > day and 1 + day > day and day - day > 3",
        "at - at > span and at - span < at and span + at < at and at - at > '3 days'",
        "civil - civil > 2 * span / 3 and -span < span",
        "date_trunc('month', at) < at and date_trunc('month', civil) < civil",
        "extract(epoch from at) > seconds and date_part('year', day) = 2026",
        "at in (select m.sent from messages m)",
        "at > '2026-01-01' and day = '2026-01-01' and at = null",
        "at = any(array[at, null])",
        "make_interval(0, 0, 0, 3) > span and make_date(2026, 1, 1) > day",
        "to_timestamp(note, 'YYYY-MM-DD') > at and to_date(note, 'YYYY-MM-DD') > day",
        "exists (select * from messages m where m.sent > chats.at)",
        "id in (select m.chat_id from audit.messages m) and id in (select * from audit.messages m)",
    ] {
        taken(text);
    }
}

#[test]
fn what_is_compared_with_an_instant_is_of_its_kind() {
    refused("civil < :cutoff", "convert it: :cutoff AT TIME ZONE 'Etc/UTC'");
    refused("day < :cutoff", "convert it: cast(:cutoff AT TIME ZONE 'Etc/UTC' as date)");
    refused(
        "day < :cutoff - interval '1 day'",
        "cast((:cutoff - INTERVAL '1 day') AT TIME ZONE 'Etc/UTC' as date)",
    );
    refused("seconds < :cutoff", "to_timestamp(seconds)");
    refused("note < :cutoff", "to_timestamp(note, ");
    refused("state < :cutoff", "convert it to timestamptz");
    refused("days < :cutoff", "an array of date");
    refused("coalesce(civil, :now) is null", "session's zone");
    refused(":tenant < :cutoff", "name the tenant's column");
    refused("cast(:tenant as timestamptz) < :cutoff", "'now' for the present");
    refused("(data -> 'a') < :cutoff", "convert it");
    refused("coalesce(data ->> 'a', note) < :cutoff", "to_timestamp");
    refused("case when flag then 1 else :tenant end < :cutoff", "cannot be told");
    taken("cast(:cutoff as date) > day and :cutoff::date > day");
    taken(":cutoff at time zone 'Europe/Berlin' > civil");
    taken("at < :cutoff and at > '2026-01-01' and :now - at > span");
    taken("extract(epoch from :cutoff) > seconds and to_timestamp(seconds) < :cutoff");
    taken("exists (select 1 from messages m where m.sent >= :cutoff and m.chat_id = chats.id)");
    taken("(at < :cutoff) = flag");
    refused_as("at < :cutoff", &civil(), "AT TIME ZONE");
    refused_as("at < :cutoff", &Encoding::UnixSeconds, "extract(epoch from at)");
    refused_as("at < :cutoff", &date(), "cast(at AT TIME ZONE 'Etc/UTC' as date)");
    taken_as("civil < :cutoff and civil - span < :now", &civil());
    taken_as("day < :cutoff and day < :now - 30", &date());
    taken_as("seconds < :cutoff - 86400 and ratio < :now", &Encoding::UnixSeconds);
    taken_as("data ->> 'at' < :cutoff", &Encoding::Text { zone: TimeZone::UTC });
}

#[test]
fn the_database_is_never_asked_to_read_a_date_out_of_a_row() {
    for text in [
        "note::timestamptz < at",
        "cast(data ->> 'at' as timestamptz) < at",
        "name::date = day",
        "('no' || 'w')::timestamptz < at",
        "'now'::text::timestamptz < at",
        "lower('NOW'::text)::date = day",
        "note::time = clock",
        "concat('to', 'day')::date = day",
        "coalesce(note, name)::date = day",
    ] {
        refused(text, "'now' for the present");
    }
    refused("seconds::timestamptz < at", "to_timestamp(seconds)");
    taken("'2026-01-01'::timestamptz < at and (note || ' days')::interval < span");
    for text in [
        "day at time zone 'UTC' < at",
        "clock at time zone 'UTC' is null",
        "zoned at time zone 'UTC' is null",
        "'2026-01-01' at time zone 'UTC' < civil",
    ] {
        refused(text, "AT TIME ZONE");
    }
    refused("date_trunc('day', day) < at", "cast(day as timestamp)");
}
