//! What tests and benchmarks set, and nobody else.

/// A fixed number of rows in a batch.
pub fn batch_rows() -> Result<Option<usize>, String> {
    match read::<usize>("RETENTION_OPERATOR_BATCH_ROWS", "number of rows: write 1 or more")? {
        Some(0) => Err(
            "RETENTION_OPERATOR_BATCH_ROWS: `0` is no number of rows: write 1 or more, or unset it"
                .to_owned(),
        ),
        rows => Ok(rows),
    }
}

/// From which share of candidates that go whole blocks are taken.
pub fn nearly_all() -> Result<Option<f64>, String> {
    read("RETENTION_OPERATOR_NEARLY_ALL", "share: write a number such as 0.9")
}

fn read<T: std::str::FromStr>(name: &str, what: &str) -> Result<Option<T>, String> {
    let Ok(text) = std::env::var(name) else { return Ok(None) };
    let wrong = |_| format!("{name}: `{text}` is no {what}, or unset it");
    text.parse().map(Some).map_err(wrong)
}
