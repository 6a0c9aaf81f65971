//! What a person types.

mod controller;
mod crds;
mod environment;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

use crate::run::{self, Options, Outcome, Progress, SecretVariable};

/// Removes data when its time is up: per tenant, safely, and with a report.
#[derive(Debug, Parser)]
#[command(name = "retention-operator", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run policies from manifests, without a cluster
    Run(RunArgs),
    /// Check manifests and touch nothing
    Validate(ValidateArgs),
    /// Run the operator in a cluster
    Controller(controller::ControllerArgs),
    /// Print the definitions of the kinds, for kubectl apply --server-side -f -
    Crds,
    /// Print the version
    Version,
}

#[derive(Debug, Args)]
struct RunArgs {
    /// A manifest, a folder of them, or - for standard input
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true)]
    files: Vec<String>,
    /// Only this policy
    #[arg(long = "policy", value_name = "NAME")]
    policies: Vec<String>,
    /// Only this tenant
    #[arg(long = "tenant", value_name = "NAME")]
    tenants: Vec<String>,
    /// Only this target
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// Count what would go, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// The clock of the run instead of this machine's, e.g. 2026-11-21T02:00:00Z
    #[arg(long, value_name = "RFC3339")]
    now: Option<Timestamp>,
    /// Accept a --now that lies in the future: rows go before their time
    #[arg(long)]
    allow_future_now: bool,
    /// The folder that stands for a connection's volume: DIR, or CONNECTION=DIR
    #[arg(long = "root", value_name = "DIR")]
    roots: Vec<String>,
    /// A ConfigMap of windows, mounted as a folder
    #[arg(long = "config-map", value_name = "NAME=DIR", value_parser = parse_config_map)]
    config_maps: Vec<(String, PathBuf)>,
    /// A key of a Secret, and the environment's variable that holds its value
    #[arg(long = "secret", value_name = "NAME/KEY=VARIABLE", value_parser = parse_secret)]
    secrets: Vec<SecretVariable>,
    /// The digest that the manifests must have
    #[arg(long, value_name = "sha256:HEX")]
    orders: Option<String>,
    /// Go on with this PurgeRun of the cluster, and report to it
    #[arg(long, value_name = "purgerun/NAME", value_parser = parse_report)]
    report: Option<String>,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Args)]
struct ValidateArgs {
    /// A manifest, a folder of them, or - for standard input
    #[arg(short = 'f', long = "filename", value_name = "PATH", required = true)]
    files: Vec<String>,
    #[arg(short = 'o', long = "output", value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

impl Cli {
    /// The operator tells what it does as it does it; the others have their reports.
    pub fn log_level(&self) -> tracing::Level {
        match self.command {
            Command::Controller(_) => tracing::Level::INFO,
            _ => tracing::Level::WARN,
        }
    }

    /// Does what was typed, and gives the exit code.
    pub async fn execute(self) -> u8 {
        match self.command {
            Command::Run(arguments) => execute_run(arguments).await,
            Command::Validate(arguments) => {
                let outcome = run::validate(&arguments.files);
                if outcome.exit == 0 && arguments.output == Output::Table {
                    print("valid\n");
                }
                tell(&outcome, arguments.output);
                outcome.exit
            }
            Command::Controller(arguments) => arguments.execute().await,
            Command::Crds => match crds::yaml() {
                Ok(yaml) => {
                    print(&yaml);
                    0
                }
                Err(error) => {
                    eprintln!("the definitions cannot be written: {error}");
                    1
                }
            },
            Command::Version => {
                print(concat!(env!("CARGO_PKG_VERSION"), "\n"));
                0
            }
        }
    }
}

async fn execute_run(arguments: RunArgs) -> u8 {
    let (batch_rows, nearly_all) = match (environment::batch_rows(), environment::nearly_all()) {
        (Ok(rows), Ok(share)) => (rows, share),
        (Err(message), _) | (_, Err(message)) => {
            eprintln!("{message}");
            return 2;
        }
    };
    let output = arguments.output;
    let options = Options {
        files: arguments.files,
        policies: arguments.policies,
        tenants: arguments.tenants,
        targets: arguments.targets,
        dry_run: arguments.dry_run,
        now: arguments.now,
        allow_future_now: arguments.allow_future_now,
        roots: arguments.roots.iter().map(|root| parse_root(root)).collect(),
        config_maps: arguments.config_maps,
        secrets: arguments.secrets,
        orders: arguments.orders,
        batch_rows,
        nearly_all,
        tell_every: None,
    };
    let stop = Arc::new(AtomicBool::new(false));
    tokio::spawn(stop_on_signal(Arc::clone(&stop)));
    let progress = Progress::new();
    let outcome = match &arguments.report {
        Some(name) => run::run_and_report(&options, name, &progress, &stop).await,
        None => run::run(&options, &progress, &stop).await,
    };
    progress.finish();
    tell(&outcome, output);
    if arguments.report.is_some() {
        leave_last_words(&outcome.last_words());
    }
    outcome.exit
}

/// The kubelet puts what it finds here into the pod's status.
fn leave_last_words(words: &str) {
    const PLACE: &str = "/dev/termination-log";
    const MOST: usize = 4096;
    if Path::new(PLACE).exists()
        && let Err(error) = std::fs::write(PLACE, &words[..words.floor_char_boundary(MOST)])
    {
        tracing::warn!("{PLACE}: {error}");
    }
}

fn parse_config_map(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, folder)) if !name.is_empty() && !folder.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(folder)))
        }
        _ => Err("write NAME=DIR, the ConfigMap's name and the folder of its mount".to_owned()),
    }
}

fn parse_secret(text: &str) -> Result<SecretVariable, String> {
    let parts = text.split_once('=').and_then(|(of, variable)| {
        let (name, key) = of.split_once('/')?;
        Some([name, key, variable])
    });
    match parts {
        Some(parts) if parts.iter().all(|part| !part.is_empty()) => {
            let [name, key, variable] = parts.map(str::to_owned);
            Ok(SecretVariable { name, key, variable })
        }
        _ => Err("write NAME/KEY=VARIABLE: the Secret, its key, and the name of the variable that holds the value".to_owned()),
    }
}

fn parse_report(text: &str) -> Result<String, String> {
    match text.split_once('/') {
        Some(("purgerun", name)) if !name.is_empty() => Ok(name.to_owned()),
        _ => Err("write purgerun/NAME".to_owned()),
    }
}

/// `CONNECTION=DIR`, unless the whole text is a folder.
fn parse_root(text: &str) -> (Option<String>, PathBuf) {
    match text.split_once('=') {
        Some((name, folder)) if !PathBuf::from(text).is_dir() => {
            (Some(name.to_owned()), PathBuf::from(folder))
        }
        _ => (None, PathBuf::from(text)),
    }
}

/// SIGTERM and Ctrl-C end the batch, and the report tells why; a second one ends the process where
/// it is, which the database survives as it survives any kill.
async fn stop_on_signal(stop: Arc<AtomicBool>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::warn!("signals cannot be caught: the run ends by itself or when it is killed");
        return;
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(1);
        }
    }
}

/// The report goes to standard output, and nothing else does.
fn tell(outcome: &Outcome, output: Output) {
    for note in &outcome.notes {
        eprintln!("note: {note}");
    }
    for refusal in &outcome.refusals {
        eprintln!("{refusal}");
    }
    for message in &outcome.unreachable {
        eprintln!("not reached: {message}");
    }
    if let Some(why) = &outcome.stopped {
        eprintln!("stopped: {why}");
    }
    match output {
        Output::Table => print(&run::render_table(&outcome.reports)),
        Output::Json => {
            let json = if outcome.refusals.is_empty() {
                serde_json::to_string_pretty(&outcome.reports)
            } else {
                serde_json::to_string_pretty(&outcome.refusals)
            };
            match json {
                Ok(json) => print(&(json + "\n")),
                Err(error) => eprintln!("the report cannot be written: {error}"),
            }
        }
    }
}

/// A reader that has gone away is no error of ours.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        tracing::debug!("standard output: {error}");
    }
}
