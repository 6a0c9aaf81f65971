//! A file has no clock: the machine's counts, and is held against the API server's where there is one.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

use serde_json::{Value as Json, json};

use crate::bed::Bed;

const RUN: &str = "chats-1";

/// An API server that has one PurgeRun, and an idea of the time.
fn api(date: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || answer(client, date));
        }
    });
    address
}

fn answer(mut client: TcpStream, date: &str) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let run = json!({
        "apiVersion": "retention-operator.io/v1alpha1", "kind": "PurgeRun",
        "metadata": {"name": RUN, "namespace": "default"},
        "spec": {"policyRef": {"name": "chats"}},
    });
    let body = run.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: {date}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    loop {
        let (mut length, mut line) = (0, String::new());
        while line != "\r\n" {
            line.clear();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
        }
        reader.read_exact(&mut vec![0; length]).unwrap();
        if client.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

/// The exit code of a run that reports to an API server with this idea of the time, and what it says.
fn run(bed: &Bed, date: &'static str, more: &[&str]) -> (Option<i32>, String) {
    let (kubeconfig, order) = (bed.folder().join("kubeconfig"), bed.folder().join("run.yaml"));
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "default"}}],
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{}", api(date))}}],
        "users": [{"name": "u", "user": {}}],
    });
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    let orders: Json = json!({
        "apiVersion": "retention-operator.io/v1alpha1", "kind": "PurgeRun",
        "metadata": {"name": RUN}, "spec": {"policyRef": {"name": "chats"}},
    });
    std::fs::write(&order, orders.to_string()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_retention-operator"))
        .env("KUBECONFIG", kubeconfig)
        .args(["run", "--report", &format!("purgerun/{RUN}"), "--root"])
        .arg(bed.folder())
        .arg("-f")
        .arg(bed.folder().join("manifest.yaml"))
        .arg("-f")
        .arg(order)
        .args(more)
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[test]
fn a_machine_whose_clock_is_far_from_the_api_servers_takes_no_row_from_a_file() {
    for date in ["Thu, 20 Nov 2025 12:00:00 GMT", "Sun, 21 Nov 2049 12:00:00 GMT"] {
        let bed = Bed::new();
        let (exit, said) = run(&bed, date, &[]);
        assert_eq!((exit, bed.chats().len()), (Some(2), 10), "{said}");
        assert!(said.contains("the API server's clock says"), "{said}");
        assert!(said.contains("more than five minutes apart"), "{said}");
        let (exit, said) = run(&bed, date, &["--dry-run"]);
        assert_eq!((exit, bed.chats().len()), (Some(0), 10), "a dry run changes nothing: {said}");
    }
}

#[test]
fn an_api_server_that_says_nothing_of_the_time_stops_nobody() {
    let bed = Bed::new();
    let (exit, said) = run(&bed, "a word", &[]);
    assert_eq!(exit, Some(0), "{said}");
    assert!(bed.chats().len() < 10);
}
