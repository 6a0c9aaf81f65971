//! A stretch of a table in the order of its keys, judged as it is read.

use crate::model::{Engine, Key, ROW, Target, Value};
use crate::sql::judge;
use crate::sql::statement::{Binds, Instants, Statement};
use crate::sql::words::{key_columns, root_from};

/// The next rows in the order of the key, whatever their age, with the columns of a judgement. The
/// statement is the same for every stretch, and stays prepared.
pub fn range(target: &Target, instants: &Instants, after: Option<&Key>, limit: usize) -> Statement {
    let mut binds = Binds::new(Engine::Sqlite, instants);
    let keys = key_columns(target.rows(), ROW).join(", ");
    let beyond = match after {
        Some(key) => format!("WHERE ({keys}) > ({})", binds.add_all(&key.0)),
        None => String::new(),
    };
    let limit = binds.add(Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX)));
    let text = format!(
        "SELECT {} FROM {} {beyond} ORDER BY {keys} LIMIT {limit}",
        judge::columns(target).join(", "),
        root_from(target, ROW)
    );
    Statement::new(text, binds)
}
