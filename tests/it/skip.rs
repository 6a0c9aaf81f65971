//! A test that this machine cannot run says so aloud, and fails where nothing may be skipped.

use std::io::Write;
use std::{env, io, thread};

/// Past the harness, which keeps for itself what a test that passes prints.
pub fn aloud<T>(what: &str, bed: Option<T>) -> Option<T> {
    if bed.is_none() {
        let test = thread::current().name().unwrap_or_default().to_owned();
        let word = format!("SKIPPED: {test}: it needs {what}, see above\n");
        io::stderr().write_all(word.as_bytes()).unwrap();
    }
    bed
}

/// A program that `tests/run` would have installed.
pub fn lacking(program: &str) {
    let word = format!("missing on this machine: {program}. tests/run says how to get it\n");
    assert!(!is_forbidden(), "{word}");
    io::stderr().write_all(word.as_bytes()).unwrap();
}

/// Whether nothing may be skipped.
pub fn is_forbidden() -> bool {
    env::var_os("CI").is_some()
        || env::var_os("RETENTION_OPERATOR_REQUIRE_ALL").is_some_and(|all| all == "1")
}
