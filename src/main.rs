//! Parse and dispatch.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use retention_operator::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(cli.log_level())
        .init();
    ExitCode::from(cli.execute().await)
}
