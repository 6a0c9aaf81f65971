//! What the database says, asked once before a plan is made: the only reading room.

mod sources;
mod tenants;
mod touched;

use std::collections::BTreeMap;

use jiff::Timestamp;

pub use sources::Answers;

use crate::database::{Error, ErrorClass, Session};
use crate::declare::{Declaration, RowValue, Target};
use crate::model::{Catalog, Collation, Engine, Table, TableName, Value};
use crate::sql::{find_table, postgres};

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
    /// What PostgreSQL says against an expression, by its place in the target.
    pub fault: Option<(&'static str, String)>,
    /// How its tenants compare; `None`: it has none.
    pub collation: Option<Collation>,
    /// Every tenant with a row.
    pub tenants: Vec<Value>,
    /// What each source of its windows answered, in their order.
    pub answers: Vec<Answers>,
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
    let mut targets = Vec::new();
    for target in &declaration.targets {
        targets.push(observe_target(target, &catalog, session).await?);
    }
    let crowded = crowded(declaration, &catalog, session).await?;
    Ok(Observed { clock, catalog, extensions, targets, crowded })
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
                observed.fault = Some((place, error.to_string()));
                return Ok(observed);
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(value) = &target.tenant {
        let Some(scalar) = tenants::scalar(value, table, catalog) else {
            return Ok(observed);
        };
        observed.collation = Some(tenants::collation(table, &scalar, session).await?);
        observed.tenants = tenants::all(table, &scalar, session).await?;
    }
    let collation = observed.collation.unwrap_or(Collation::Binary);
    for source in target.windows.iter().flat_map(|windows| &windows.sources) {
        observed.answers.push(sources::ask(source, collation, catalog, session).await);
    }
    Ok(observed)
}

fn reads_what_is_shown(value: &RowValue, catalog: &Catalog) -> bool {
    let RowValue::Expression(expression) = value else { return true };
    let mut tables = expression.tables.iter().filter_map(|name| find_table(catalog, name));
    tables.all(|table| catalog.shows(table))
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
            if counted.contains_key(&table.name) || table.key.is_empty() || !catalog.shows(table) {
                continue;
            }
            let rows = session.rows(&crate::sql::child_rows(table, MANY_ROWS + 1)).await?;
            let many = i64::try_from(MANY_ROWS).unwrap_or(i64::MAX);
            let crowded =
                rows.first().and_then(|row| row[0].as_integer()).is_some_and(|rows| rows > many);
            counted.insert(table.name.clone(), crowded);
        }
    }
    Ok(counted.into_iter().filter(|(_, crowded)| *crowded).map(|(name, _)| name).collect())
}
