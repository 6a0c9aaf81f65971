//! What people would write instead.

use std::time::{Duration, Instant};

use crate::client::Client;

pub struct Contestant {
    pub name: &'static str,
    pub way: Way,
}

pub enum Way {
    /// Statements in one transaction; the last one's rows count.
    AtOnce(Vec<String>),
    /// One statement again and again, until it takes fewer rows than it could.
    Batches { rows: u64, batch: String },
    /// The same for each tenant, whose columns are the statement's parameters.
    PerTenant { tenants: String, rows: u64, batch: String },
}

impl Way {
    /// For people.
    pub fn sql(&self) -> String {
        match self {
            Self::AtOnce(statements) => format!("BEGIN;\n{};\nCOMMIT;", statements.join(";\n")),
            Self::Batches { rows, batch } => {
                format!("-- until one takes fewer than {rows} rows:\n{batch};")
            }
            Self::PerTenant { tenants, rows, batch } => format!(
                "{tenants};\n-- for each of them, until one takes fewer than {rows} rows:\n{batch};"
            ),
        }
    }
}

/// How many rows had gone when.
pub type Progress = Vec<(Duration, u64)>;

impl Contestant {
    pub async fn perform(&self, client: &mut Client) -> Progress {
        let mut run = Run { client, began: Instant::now(), gone: 0, progress: Vec::new() };
        match &self.way {
            Way::AtOnce(statements) => {
                run.client.script("BEGIN").await;
                for statement in statements {
                    run.gone = run.client.execute(statement, &[]).await;
                }
                run.client.script("COMMIT").await;
                run.progress.push((run.began.elapsed(), run.gone));
            }
            Way::Batches { rows, batch } => run.until_short(*rows, batch, &[]).await,
            Way::PerTenant { tenants, rows, batch } => {
                for tenant in run.client.rows(tenants).await {
                    run.until_short(*rows, batch, &tenant).await;
                }
            }
        }
        run.progress.push((run.began.elapsed(), run.gone));
        run.progress
    }
}

struct Run<'a> {
    client: &'a mut Client,
    began: Instant,
    gone: u64,
    progress: Progress,
}

impl Run<'_> {
    async fn until_short(&mut self, rows: u64, batch: &str, values: &[String]) {
        loop {
            let gone = self.client.execute(batch, values).await;
            self.gone += gone;
            self.progress.push((self.began.elapsed(), self.gone));
            if gone < rows {
                break;
            }
        }
    }
}
