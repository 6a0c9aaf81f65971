//! Who judges the product is judged first, without it: the databases bear witness to the oracle's conditions, SQLite to its families, cases
//! worked out by hand to its rules, and a count over many seeds to the generator.

use super::Case;
use super::compare::values;
use super::condition::Writer;
use super::engine::Engine;
use super::file;
use super::meaning;
use super::oracle::{self, Outcome};
use super::policy::Target;
use super::schema::{Column, Table, Value, quoted};
use super::script::script;
use super::server::Place;
use super::shape::{Class, TARGET};
use sqlx::AssertSqlSafe;
use sqlx::sqlite::SqliteConnection;
use std::collections::BTreeMap;

async fn database(case: &Case) -> (tempfile::TempDir, SqliteConnection) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.db");
    file::create(&path, &script(&case.tables, &case.triggers), false).await;
    let connection = file::open(&path, true).await;
    (folder, connection)
}

/// `where` that finds exactly the rows that look like this one.
fn exactly(table: &Table, values: &[Value]) -> String {
    let equal = |(column, value): (&Column, &Value)| {
        format!("{} {} {}", quoted(&column.name), table.engine.is(), table.engine.literal(value))
    };
    table.columns.iter().zip(values).map(equal).collect::<Vec<_>>().join(" AND ")
}

/// Every condition of a case on its rows: a query that asks the database what it is worth, and what the oracle says.
fn asked(case: &Case) -> Vec<(String, Option<bool>)> {
    let mut all = Vec::new();
    let (table, engine) = (&case.tables[TARGET], case.shape.engine);
    for target in &case.policy.targets {
        let sql = Writer { tables: &case.tables, table: TARGET, qualified: target.qualified };
        let exemptions = target.exemptions.iter().map(|(_, when)| when);
        for condition in target.condition.iter().chain(exemptions) {
            for row in table.rows.iter().take(20) {
                let Case { shape, policy, tables, .. } = case;
                let cutoff = meaning::cutoff(shape, policy, tables, target, &row.values);
                let instant = |second| engine.literal(&shape.encoding.instant(second));
                let tenant = engine.literal(&meaning::tenant(shape, &row.values));
                let text = sql
                    .condition(condition)
                    .replace(":tenant", &tenant)
                    .replace(":now", &instant(policy.now))
                    .replace(":cutoff", &cutoff.map_or("NULL".into(), instant));
                let query = format!(
                    "SELECT {text} FROM {} WHERE {} LIMIT 1",
                    table.path(),
                    exactly(table, &row.values)
                );
                let truth = meaning::truth(shape, policy, target, tables, &row.values, condition);
                all.push((query, truth));
            }
        }
    }
    all
}

#[tokio::test]
async fn conditions_mean_to_the_oracle_what_they_mean_to_sqlite() {
    for seed in 0..60 {
        let case = Case::random(Engine::Sqlite, seed);
        let (_folder, mut connection) = database(&case).await;
        for (query, truth) in asked(&case) {
            let found = sqlx::query(AssertSqlSafe(query.clone()))
                .fetch_one(&mut connection)
                .await
                .unwrap_or_else(|error| panic!("seed {seed}: {error}: {query}"));
            let truth = truth.map_or(Value::Null, |truth| Value::Int(truth.into()));
            assert_eq!(file::value(&found, 0), truth, "seed {seed}: {query}");
        }
    }
}

#[test]
fn conditions_mean_to_the_oracle_what_they_mean_to_postgresql() {
    let Some(place) = Place::create() else { return };
    for seed in 0..60 {
        let case = Case::random(Engine::Postgres, seed);
        place.build(&script(&case.tables, &case.triggers), true);
        let asked = asked(&case);
        let queries: Vec<_> = asked.iter().map(|(query, _)| format!("({query})")).collect();
        if queries.is_empty() {
            continue;
        }
        let found = place.truths(&format!("SELECT ARRAY[{}]", queries.join(", ")));
        for ((query, truth), found) in asked.iter().zip(found) {
            assert_eq!(found, *truth, "seed {seed}: {query}");
        }
    }
}

async fn execute(connection: &mut SqliteConnection, statement: String) -> bool {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.is_ok()
}

/// Deletes a root with its family by hand, deepest first; false where a foreign key forbids it.
async fn by_hand(
    connection: &mut SqliteConnection,
    case: &Case,
    target: &Target,
    family: &oracle::Family,
) -> bool {
    let row =
        |table: usize, at: usize| exactly(&case.tables[table], &case.tables[table].rows[at].values);
    for (table, at, dependent) in &family.updated {
        let sql = Writer { tables: &case.tables, table: *table, qualified: false };
        let set = target.dependents[*dependent].set.iter().map(|(column, term)| {
            format!("{} = {}", quoted(&case.tables[*table].columns[*column].name), sql.term(term))
        });
        let (name, set) = (quoted(&case.tables[*table].name), set.collect::<Vec<_>>().join(", "));
        execute(connection, format!("UPDATE {name} SET {set} WHERE {}", row(*table, *at))).await;
    }
    for (table, at, _) in family.deleted.iter().rev() {
        if !execute(
            connection,
            format!("DELETE FROM {} WHERE {}", quoted(&case.tables[*table].name), row(*table, *at)),
        )
        .await
        {
            return false;
        }
    }
    sqlx::query("PRAGMA foreign_key_check").fetch_all(connection).await.unwrap().is_empty()
}

#[tokio::test]
async fn sqlite_lets_go_of_the_families_the_oracle_lets_go_and_refuses_the_others() {
    let (mut went, mut refused) = (0, 0);
    for seed in 0..200 {
        let case = Case::random(Engine::Sqlite, seed);
        let (shape, policy, target) = (&case.shape, &case.policy, &case.policy.targets[0]);
        if shape.class != Class::Exact || target.set.is_some() {
            continue;
        }
        let (_folder, mut connection) = database(&case).await;
        for root in
            oracle::released(shape, policy, target, &case.tables, true).0.into_iter().take(25)
        {
            let family = oracle::family(target, &case.tables, root);
            let referenced = oracle::referenced(target, &case.tables, &family);
            assert!(execute(&mut connection, "BEGIN".into()).await);
            assert_eq!(
                by_hand(&mut connection, &case, target, &family).await,
                !referenced,
                "seed {seed}: {:?}",
                case.tables[TARGET].rows[root].values
            );
            let mut right = case.tables.clone();
            oracle::apply(
                shape,
                policy,
                target,
                &mut right,
                &[(root, family)],
                &mut Outcome { dependents: vec![(0, 0); 4], ..Outcome::default() },
            );
            for (table, right) in case.tables.iter().zip(values(&right)) {
                let mut found = file::dump(&mut connection, table).await;
                found.sort_by_cached_key(|row| format!("{row:?}"));
                assert!(
                    referenced || found == right,
                    "seed {seed}: {}:\n{found:?}\n{right:?}",
                    table.name
                );
            }
            *(if referenced { &mut refused } else { &mut went }) += 1;
            assert!(execute(&mut connection, "ROLLBACK".into()).await);
        }
    }
    assert!(
        went > 200 && refused > 20,
        "{went} went, {refused} were refused: too few to mean anything"
    );
}

#[test]
fn the_generator_reaches_what_it_is_there_for() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let engines = [Engine::Sqlite, Engine::Postgres];
    for (engine, seed) in
        engines.into_iter().flat_map(|engine| (0..600).map(move |seed| (engine, seed)))
    {
        let case = Case::random(engine, seed);
        let mut see = |what: &str, count: usize| {
            *seen.entry(format!("{engine:?}: {what}")).or_default() += usize::from(count > 0);
        };
        let target = &case.policy.targets[0];
        let outcome = &case.foreseen(&case.tables)[0];
        see("deleted", if target.set.is_none() { outcome.gone } else { 0 });
        see("updated", if target.set.is_some() { outcome.gone } else { 0 });
        see("held", outcome.held.values().sum());
        see("referenced", outcome.referenced);
        see("unknown", outcome.unknown.len());
        see("unknown and old", outcome.unknown_and_old.len());
        see("dependents deleted", outcome.dependents.iter().map(|(deleted, _)| deleted).sum());
        see("dependents updated", outcome.dependents.iter().map(|(_, updated)| updated).sum());
        see(
            "below another dependent",
            target
                .dependents
                .iter()
                .zip(&outcome.dependents)
                .filter(|(dependent, _)| dependent.of.is_some())
                .map(|(_, (deleted, _))| deleted)
                .sum(),
        );
        see("capped", usize::from(target.cap == Some(outcome.gone)));
        see("newest kept", if target.keep.is_some() { outcome.gone } else { 0 });
        see(
            "newest kept by age too",
            if target.keep.is_some() && target.age.is_some() { outcome.gone } else { 0 },
        );
        see(&format!("{:?}", case.shape.class), outcome.gone);
        see(&format!("{:?}", case.shape.key), outcome.gone);
        see(&format!("{:?} tenancy", case.shape.tenancy), outcome.gone);
        see(&format!("{:?}", case.shape.encoding), outcome.gone);
        see(case.tables[TARGET].parts.word(), outcome.gone);
    }
    println!("{seen:#?}");
    let rare: Vec<_> = seen.iter().filter(|(_, count)| **count < 5).collect();
    assert!(
        rare.is_empty() && seen.len() >= 75,
        "{} shapes; hardly ever seen: {rare:?}",
        seen.len()
    );
}
