//! An application at work while rows go: so many transactions a second are due, whether or not the last ones have ended.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::client::Client;

pub const RATE: u32 = 200;
const CONNECTIONS: u32 = 16;

/// Seven of ten transactions. $1 is a session, one of all that there ever were.
pub const READ: &str =
    "SELECT title, (SELECT count(*) FROM messages WHERE session_id = sessions.id)
FROM sessions WHERE id = md5('session' || $1)::uuid";

/// The other three.
pub const WRITE: &str = "WITH used AS (
    UPDATE sessions SET updated_at = now() WHERE id = md5('session' || $1)::uuid RETURNING id)
INSERT INTO messages (session_id, body) SELECT id, 'word' FROM used";

pub struct Application {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    next: AtomicU32,
    latencies: Mutex<Vec<Duration>>,
    is_ended: AtomicBool,
}

impl Application {
    /// On a thread of its own, which nothing but it makes wait. Returns when it is at work.
    pub fn start(url: String, sessions: u32) -> Self {
        let shared = Arc::new(Shared::default());
        let (connected, is_connected) = mpsc::channel();
        let own = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut clients = Vec::new();
                for _ in 0..CONNECTIONS {
                    clients.push(Client::postgres(&url).await.unwrap());
                }
                connected.send(()).unwrap();
                let began = Instant::now();
                let work = clients
                    .into_iter()
                    .map(|client| tokio::spawn(Arc::clone(&own).work(client, began, sessions)));
                for work in work.collect::<Vec<_>>() {
                    work.await.unwrap();
                }
            });
        });
        is_connected.recv().unwrap();
        Self { shared, thread }
    }

    /// From here on it counts how long its transactions take.
    pub fn begin(&self) {
        self.shared.latencies.lock().unwrap().clear();
    }

    /// How long each transaction took from the moment it was due: whoever waits for a connection waits too.
    pub fn end(self) -> Vec<Duration> {
        self.shared.is_ended.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        std::mem::take(&mut *self.shared.latencies.lock().unwrap())
    }
}

impl Shared {
    async fn work(self: Arc<Self>, mut client: Client, began: Instant, sessions: u32) {
        while !self.is_ended.load(Ordering::Relaxed) {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let due = began + Duration::from_secs(1) * number / RATE;
            tokio::time::sleep_until(due.into()).await;
            let session = fastrand::u32(1..=sessions).to_string();
            client.execute(if number % 10 < 7 { READ } else { WRITE }, &[session]).await;
            self.latencies.lock().unwrap().push(due.elapsed());
        }
        client.close().await;
    }
}
