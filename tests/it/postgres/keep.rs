//! A server in a folder of its own, gone with this process, however it ends: see `tests/postgres/keep`.

use std::fs;
use std::io::Read;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What is tried anew when another process took the port first.
const ATTEMPTS: usize = 5;

/// How large the folder `small` is, mounted for the server and its keeper alone. Only root can have it.
pub type Small = Option<&'static str>;

const IN_SMALL: &str = "size=$1 keep=$2 folder=$3; shift 2
    mkdir \"$folder/small\" && mount -t tmpfs -o \"size=$size,mode=1777\" tmpfs \"$folder/small\" || exit
    \"$keep\" \"$@\"
    umount \"$folder/small\"; rm -rf -- \"$folder\"";

pub struct Kept {
    pub folder: PathBuf,
    pub port: u16,
    /// The server ends when nobody holds the other end of its keeper's stdin, and this process does.
    _keeper: Child,
}

impl Kept {
    /// Starts what `command` says of a folder and a port, in a folder with these files, which it alone may read.
    /// Returns when it is ready.
    pub fn start(
        files: impl Fn(&Path, u16) -> Vec<(&'static str, String)>,
        command: impl Fn(&Path, u16) -> Vec<String>,
        is_ready: impl Fn(&Path, u16) -> bool,
    ) -> Self {
        Self::start_with(None, files, command, is_ready)
    }

    /// The same with a small disk.
    pub fn start_with(
        small: Small,
        files: impl Fn(&Path, u16) -> Vec<(&'static str, String)>,
        command: impl Fn(&Path, u16) -> Vec<String>,
        is_ready: impl Fn(&Path, u16) -> bool,
    ) -> Self {
        let mut words = String::new();
        for _ in 0..ATTEMPTS {
            let folder = tempfile::tempdir().unwrap().keep(); // the keeper removes it
            let port = free_port();
            for (name, content) in files(&folder, port) {
                fs::write(folder.join(name), content).unwrap();
                fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o600)).unwrap();
            }
            let command = command(&folder, port);
            match Self::attempt(small, folder, port, &command, &is_ready) {
                Ok(kept) => return kept,
                Err(said) => words = said,
            }
        }
        panic!("it did not start: {words}");
    }

    fn attempt(
        small: Small,
        folder: PathBuf,
        port: u16,
        command: &[String],
        is_ready: impl Fn(&Path, u16) -> bool,
    ) -> Result<Self, String> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/postgres/keep");
        let mut keeper = match small {
            None => Command::new(script),
            Some(size) => {
                let mut unshared = Command::new("unshare");
                unshared.args(["--mount", "sh", "-c", IN_SMALL, "sh", size]).arg(script);
                unshared
            }
        };
        let mut keeper = keeper
            .arg(&folder)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_mins(1);
        while !is_ready(&folder, port) {
            if keeper.try_wait().unwrap().is_some() {
                let mut said = String::new();
                keeper.stderr.take().unwrap().read_to_string(&mut said).unwrap();
                return Err(said);
            }
            assert!(Instant::now() < deadline, "not ready within a minute: {command:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(Self { folder, port, _keeper: keeper })
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A program on the path, or where packages put what only servers need.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    // The newest that is installed comes first.
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path()).collect();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    folders.extend(versions.iter().map(|version| version.join("bin")));
    folders.into_iter().map(|folder| folder.join(name)).find(|program| program.is_file())
}
