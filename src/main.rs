//! Parse and dispatch.

use std::process::ExitCode;

use clap::Parser;
use retention_operator::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .init();
    ExitCode::from(Cli::parse().execute().await)
}
