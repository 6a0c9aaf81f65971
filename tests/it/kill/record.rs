//! As much of an API server as one PurgeRun needs: it is read, and its status is applied.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

pub const NAME: &str = "rows-29659440";

/// A PurgeRun. The runner is all that ever writes its status.
pub struct Record {
    address: String,
    status: Arc<Mutex<Value>>,
}

impl Record {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let status = Arc::new(Mutex::new(Value::Null));
        let shared = Arc::clone(&status);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let status = Arc::clone(&shared);
                // A pod that is killed leaves half a request.
                thread::spawn(move || serve(client, &status));
            }
        });
        Self { address, status }
    }

    pub fn forget(&self) {
        *self.status.lock().unwrap() = Value::Null;
    }

    /// As if somebody had told something else.
    pub fn amend(&self, change: impl FnOnce(&mut Value)) {
        change(&mut self.status.lock().unwrap());
    }

    pub fn status(&self) -> Value {
        self.status.lock().unwrap().clone()
    }

    /// How a client finds it.
    pub fn kubeconfig(&self) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: it\n\
             clusters: [{{name: it, cluster: {{server: \"http://{}\"}}}}]\n\
             contexts: [{{name: it, context: {{cluster: it, user: it, namespace: default}}}}]\n\
             users: [{{name: it, user: {{}}}}]\n",
            self.address
        )
    }
}

fn serve(mut client: TcpStream, status: &Mutex<Value>) -> Option<()> {
    client.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(client.try_clone().ok()?);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let is_patch = line.starts_with("PATCH ");
        assert!(line.contains(&format!("/purgeruns/{NAME}")), "{line}");
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok().filter(|read| *read > 0)?;
            if header.trim().is_empty() {
                break;
            }
            let (name, value) = header.split_once(':')?;
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        let mut status = status.lock().unwrap();
        if is_patch {
            let applied: Value = serde_json::from_slice(&body).unwrap();
            *status = applied["status"].clone();
        }
        let mut run = json!({
            "apiVersion": "retention-operator.io/v1alpha1", "kind": "PurgeRun",
            "metadata": {"name": NAME, "namespace": "default"},
            "spec": {"policyRef": {"name": "rows"}},
        });
        if !status.is_null() {
            run["status"] = status.clone();
        }
        drop(status);
        let run = run.to_string();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
        client.write_all(format!("{head} {}\r\n\r\n{run}", run.len()).as_bytes()).ok()?;
    }
}
