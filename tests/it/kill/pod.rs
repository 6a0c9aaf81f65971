//! A pod: this very binary, started to run a policy and to report, and killed with SIGKILL.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use retention_operator::run::{self, Options, Point, Watch};

use super::record::{NAME, Record};
use crate::bed::{NOW, block_on};

const FOLDER: &str = "RETENTION_KILL_POD";
const STOP: &str = "RETENTION_KILL_STOP";
const BLOCKS: &str = "RETENTION_KILL_BLOCKS";
pub const BATCH_ROWS: usize = 20;

/// When a pod is killed.
#[derive(Debug, Clone, Copy)]
pub enum Instance {
    /// When it is at this point, or any, for the n-th time.
    At(Option<Point>, usize),
    /// So long after its plan stands, wherever it is.
    After(Duration),
    Never,
}

/// What became of a pod.
pub struct Ended {
    pub was_killed: bool,
    /// Points that it has met.
    pub met: usize,
    /// From its plan to its end.
    pub took: Duration,
}

/// Tells every point on stdout, and stays at one for ever.
struct Teller {
    stop: Option<(String, usize)>,
    met: Cell<usize>,
}

impl Watch for Teller {
    fn reached(&self, point: Point) {
        let name = format!("{point:?}");
        let mut out = std::io::stdout().lock();
        writeln!(out, "\nmet {name}").unwrap();
        out.flush().unwrap();
        let Some((word, on)) = &self.stop else { return };
        if word == "any" || *word == name {
            self.met.set(self.met.get() + 1);
            if self.met.get() == *on {
                writeln!(out, "\nkill").unwrap();
                out.flush().unwrap();
                loop {
                    std::thread::park();
                }
            }
        }
    }
}

/// What a pod does; alone it does nothing.
#[test]
fn the_pod_that_is_killed() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = Path::new(&folder);
    let stop = std::env::var(STOP).ok().map(|stop| {
        let (point, on) = stop.split_once(',').unwrap();
        (point.to_owned(), on.parse().unwrap())
    });
    let options = Options {
        files: vec![folder.join("manifest.yaml").display().to_string()],
        roots: vec![(None, folder.to_owned())],
        now: Some(NOW.parse().unwrap()),
        allow_future_now: true,
        batch_rows: Some(BATCH_ROWS),
        nearly_all: std::env::var_os(BLOCKS).map(|_| -1.0),
        tell_every: Some(Duration::ZERO),
        ..Options::default()
    };
    let teller = Teller { stop, met: Cell::new(0) };
    let outcome = block_on(run::run_and_report(&options, NAME, &teller, &AtomicBool::new(false)));
    assert_eq!(outcome.exit, 0, "{outcome:#?}");
}

/// Runs one to its end, whichever that is.
pub fn run(folder: &Path, record: &Record, by_blocks: bool, instance: Instance) -> Ended {
    let kubeconfig = folder.join("kubeconfig");
    std::fs::write(&kubeconfig, record.kubeconfig()).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "kill::pod::the_pod_that_is_killed", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env("KUBECONFIG", kubeconfig)
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if by_blocks {
        command.env(BLOCKS, "1");
    }
    if let Instance::At(point, on) = instance {
        let point = point.map_or("any".to_owned(), |point| format!("{point:?}"));
        command.env(STOP, format!("{point},{on}"));
    }
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    watch(&mut child, lines, instance)
}

fn watch(child: &mut Child, lines: BufReader<ChildStdout>, instance: Instance) -> Ended {
    let (mut met, mut began) = (0, Instant::now());
    for line in lines.lines().map(Result::unwrap) {
        if let Some(point) = line.strip_prefix("met ") {
            met += 1;
            if point == "Planned" {
                began = Instant::now();
                if let Instance::After(delay) = instance {
                    // The instant itself, and no wait for anything.
                    std::thread::sleep(delay);
                    child.kill().unwrap();
                }
            }
        }
        if line == "kill" {
            child.kill().unwrap();
        }
    }
    let status = child.wait().unwrap();
    let was_killed = std::os::unix::process::ExitStatusExt::signal(&status) == Some(9);
    if !status.success() && !was_killed {
        let mut words = String::new();
        let mut stderr = child.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut stderr, &mut words).unwrap();
        panic!("a pod failed: {words}");
    }
    Ended { was_killed, met, took: began.elapsed() }
}
