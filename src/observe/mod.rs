//! What the database says, asked once before a plan is made: the only reading room.

mod sources;
mod tenants;
mod touched;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use sources::Answers;
pub use tenants::Tenant;

use crate::database::{Error, ErrorClass, Session};
use crate::declare::{Declaration, RowValue, Target};
use crate::model::{Catalog, Collation, Engine, Table, TableKind, TableName, Value};
use crate::sql::{Statement, find_table, postgres};

/// Above so many rows a table is too large to be read for every root.
pub const MANY_ROWS: usize = 10_000;

/// What was seen of one database for one declaration.
#[derive(Debug)]
pub struct Observed {
    /// The run's clock, whole seconds.
    pub clock: Timestamp,
    pub catalog: Catalog,
    /// Schemas of extensions whose types the declaration meets.
    pub extensions: Vec<String>,
    /// Operators in their schemas that no extension brought along, as SQL names them.
    pub strange_operators: Vec<String>,
    /// In the order of the declaration's targets.
    pub targets: Vec<ObservedTarget>,
    /// Tables with more than [`MANY_ROWS`] rows, among those that targets and their dependents
    /// are, or that point at them.
    pub crowded: Vec<TableName>,
}

/// What was seen for one target. Empty where names did not resolve: the plan refuses those.
#[derive(Debug, Default)]
pub struct ObservedTarget {
    /// The type of its age as PostgreSQL calls it, where it is an expression.
    pub age_type: Option<String>,
    /// What the database says against a part of the target, by its place.
    pub fault: Option<Fault>,
    /// How its tenants compare; `None`: it has none.
    pub collation: Option<Collation>,
    /// Whether all of it was seen: where a right lacks, nothing more is asked.
    pub complete: bool,
    /// Every tenant with a row.
    pub tenants: Vec<Tenant>,
    /// What each source of its windows answered, in their order.
    pub answers: Vec<Answers>,
}

/// What the database cannot give.
#[derive(Debug)]
pub struct Fault {
    pub place: &'static str,
    pub what: String,
    pub write: &'static str,
}

/// Reads all that a plan needs to know.
pub async fn observe(
    declaration: &Declaration,
    session: &mut Session,
    clock: Timestamp,
) -> Result<Observed, Error> {
    let catalog = session.catalog().await?;
    let extensions = touched::extensions(&touched::tables(declaration, &catalog));
    if let Session::Postgres(session) = session {
        session.look_through(extensions.clone());
    }
    let strange_operators = strange_operators(session).await?;
    let mut targets = Vec::new();
    for target in &declaration.targets {
        targets.push(observe_target(target, &catalog, session).await?);
    }
    let crowded = crowded(declaration, &catalog, session).await?;
    Ok(Observed { clock, catalog, extensions, strange_operators, targets, crowded })
}

async fn strange_operators(session: &mut Session) -> Result<Vec<String>, Error> {
    if session.engine() == Engine::Sqlite {
        return Ok(Vec::new());
    }
    let rows = session.rows(&postgres::strange_operators()).await?;
    let spelled = |row: &Vec<Value>| {
        let [schema, name, left, right] = [0, 1, 2, 3].map(|at| row[at].name());
        let [left, right] = [left, right].map(|kind| kind.unwrap_or("NONE".to_owned()));
        format!("{}.{} ({left}, {right})", schema.unwrap_or_default(), name.unwrap_or_default())
    };
    Ok(rows.iter().map(spelled).collect())
}

async fn observe_target(
    target: &Target,
    catalog: &Catalog,
    session: &mut Session,
) -> Result<ObservedTarget, Error> {
    let mut observed = ObservedTarget::default();
    let Some(table) = find_table(catalog, &target.table) else {
        return Ok(observed);
    };
    // What may not be read is refused by the plan, with the right to grant.
    if !catalog.shows(table) {
        return Ok(observed);
    }
    let age = target.age.iter().map(|age| (".age.expression", &age.value));
    let tenant = target.tenant.iter().map(|tenant| (".tenant.expression", tenant));
    for (place, value) in age.chain(tenant) {
        if !reads_what_is_shown(value, catalog) {
            return Ok(observed);
        }
        match type_of(value, table, catalog, session).await {
            Ok(name) if place == ".age.expression" => observed.age_type = name,
            Ok(_) => {}
            Err(error) if matches!(error.class, ErrorClass::Statement | ErrorClass::Invalid) => {
                observed.fault = Some(Fault {
                    place,
                    what: format!("PostgreSQL does not take it: {error}"),
                    write: "correct it, e.g. by a cast to the type that is asked for",
                });
                return Ok(observed);
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(value) = &target.tenant {
        let Some(scalar) = tenants::scalar(value, table, catalog) else {
            return Ok(observed);
        };
        let collation = tenants::collation(table, &scalar, session).await?;
        observed.collation = Some(collation);
        observed.answers = answers(target, collation, catalog, session).await;
        let age = target.age.as_ref().map(|age| &age.value);
        observed.tenants = match tenants::all(
            table,
            &scalar,
            age,
            &observed.answers,
            catalog,
            session,
        )
        .await
        {
            Ok(tenants) => tenants,
            Err(error) if error.class == ErrorClass::Statement => {
                observed.fault = Some(Fault {
                    place: ".tenant",
                    what: format!("some row has a tenant that cannot be read: {error}"),
                    write: "correct the row, or write an expression that can be computed for every row",
                });
                return Ok(observed);
            }
            Err(error) => return Err(error),
        };
    } else {
        observed.answers = answers(target, Collation::Binary, catalog, session).await;
    }
    observed.complete = true;
    Ok(observed)
}

async fn answers(
    target: &Target,
    collation: Collation,
    catalog: &Catalog,
    session: &mut Session,
) -> Vec<Answers> {
    let mut answers = Vec::new();
    for source in target.windows.iter().flat_map(|windows| &windows.sources) {
        answers.push(sources::ask(source, collation, catalog, session).await);
    }
    answers
}

fn reads_what_is_shown(value: &RowValue, catalog: &Catalog) -> bool {
    let RowValue::Expression(expression) = value else { return true };
    let mut tables = expression.tables.iter().filter_map(|name| find_table(catalog, name));
    tables.all(Table::is_shown)
}

/// PostgreSQL knows the type of every expression.
async fn type_of(
    value: &RowValue,
    table: &Table,
    catalog: &Catalog,
    session: &mut Session,
) -> Result<Option<String>, Error> {
    let (Engine::Postgres, RowValue::Expression(_), Some(scalar)) =
        (catalog.engine, value, tenants::scalar(value, table, catalog))
    else {
        return Ok(None);
    };
    let rows = session.rows(&postgres::type_of(table, &scalar)).await?;
    Ok(rows.first().and_then(|row| row[0].name()))
}

async fn number(statement: &Statement, session: &mut Session) -> Result<u64, Error> {
    let rows = session.rows(statement).await?;
    let number = rows.first().and_then(|row| row[0].as_integer());
    Ok(number.map_or(0, i64::unsigned_abs))
}

/// The database looks through rows that the login may not count.
async fn rows_about(table: &Table, session: &mut Session) -> Result<u64, Error> {
    if session.engine() == Engine::Sqlite {
        return Ok(0);
    }
    let own = std::slice::from_ref(&table.name);
    let mut sum = 0;
    for name in if table.leaves.is_empty() { own } else { &table.leaves } {
        sum += number(&postgres::rows_about(name), session).await?;
    }
    Ok(sum)
}

/// Counts only what a missing index could make slow, and only up to the limit.
async fn crowded(
    declaration: &Declaration,
    catalog: &Catalog,
    session: &mut Session,
) -> Result<Vec<TableName>, Error> {
    let mut written: Vec<&TableName> = Vec::new();
    for target in &declaration.targets {
        let dependents = target.dependents.iter().map(|dependent| &dependent.table);
        written.extend(
            std::iter::once(&target.table)
                .chain(dependents)
                .filter_map(|name| Some(&find_table(catalog, name)?.name)),
        );
    }
    let mut counted: BTreeMap<TableName, bool> = BTreeMap::new();
    for name in written {
        let own = catalog.table(name);
        let pointing = own.into_iter().flat_map(|table| catalog.references_to(table));
        let near = pointing.map(|(table, _)| table).chain(own);
        for table in near {
            let mut leaves = table.leaves.iter().filter_map(|name| catalog.table(name));
            let is_here = leaves.all(|leaf| leaf.kind != TableKind::Foreign);
            if counted.contains_key(&table.name) || table.key.is_empty() || !is_here {
                continue;
            }
            let rows = if table.is_shown() {
                number(&crate::sql::child_rows(table, MANY_ROWS + 1), session).await?
            } else {
                rows_about(table, session).await?
            };
            counted.insert(table.name.clone(), rows > MANY_ROWS as u64);
        }
    }
    Ok(counted.into_iter().filter(|(_, crowded)| *crowded).map(|(name, _)| name).collect())
}
