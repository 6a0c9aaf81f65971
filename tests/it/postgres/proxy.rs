//! A way to the server that understands what is said on it, and breaks at a word.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a batch says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Word {
    Begin,
    Delete,
    Commit,
}

/// When the way breaks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Moment {
    /// Before the word reaches the server.
    Unheard,
    /// As soon as it is on its way there.
    Meanwhile,
    /// After the server has done it, and before anybody hears of that.
    Unanswered,
    /// For the client, at once; the word reaches the server after somebody has asked twice.
    Late,
}

/// The way breaks when this is said for the n-th time, and so many times after that.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    pub word: Word,
    pub moment: Moment,
    pub on: usize,
    pub times: usize,
}

pub struct Proxy {
    /// `host:port`.
    pub authority: String,
    way: Arc<Mutex<Way>>,
}

struct Way {
    cut: Cut,
    /// Where connections lead; `None`: they are refused.
    to: Option<String>,
    /// Where they lead once the way was broken.
    then: Option<String>,
    said: usize,
    broke: usize,
    asked: usize,
    late: Option<(TcpStream, Vec<u8>)>,
}

impl Proxy {
    /// To a server; once it was broken, to another one, or to none.
    pub fn new(cut: Cut, to: &str, then: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let (to, then) = (Some(to.to_owned()), then.map(str::to_owned));
        let way = Way { cut, to, then, said: 0, broke: 0, asked: 0, late: None };
        let way = Arc::new(Mutex::new(way));
        let shared = Arc::clone(&way);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let to = shared.lock().unwrap().to.clone();
                let Some(server) = to.and_then(|to| TcpStream::connect(to).ok()) else { continue };
                Pair::carry(client, server, &shared);
            }
        });
        Self { authority, way }
    }

    /// How often it broke.
    pub fn broke(&self) -> usize {
        self.way.lock().unwrap().broke
    }
}

/// Both ends of one connection.
struct Pair {
    client: TcpStream,
    server: TcpStream,
    /// What the server says is kept back, and the way breaks when it is ready for more.
    is_mute: Arc<Mutex<bool>>,
}

impl Pair {
    fn carry(client: TcpStream, server: TcpStream, way: &Arc<Mutex<Way>>) {
        // Messages are small, and each is waited for.
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let pair = || Self {
            client: client.try_clone().unwrap(),
            server: server.try_clone().unwrap(),
            is_mute: Arc::default(),
        };
        let (mut up, mut down) = (pair(), pair());
        down.is_mute = Arc::clone(&up.is_mute);
        let way = Arc::clone(way);
        thread::spawn(move || {
            let _ = up.up(&way);
            up.cut();
        });
        thread::spawn(move || {
            let _ = down.down();
            down.cut();
        });
    }

    fn cut(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// To the server, until the way breaks.
    fn up(&mut self, way: &Mutex<Way>) -> io::Result<()> {
        let startup = self.startup()?;
        self.server.write_all(&startup)?;
        let (mut writes, mut parsed) = (false, None);
        loop {
            let message = message(&mut self.client)?;
            let text = String::from_utf8_lossy(&message[5..]).into_owned();
            let said = match message[0] {
                b'Q' if text.starts_with("BEGIN") => {
                    writes = !text.contains("READ ONLY");
                    writes.then_some(Word::Begin)
                }
                b'Q' if text.contains("COMMIT") => writes.then_some(Word::Commit),
                b'P' => {
                    let statement = text.trim_start_matches(|c| c != '\0');
                    parsed = (writes && statement.contains("DELETE FROM")).then_some(Word::Delete);
                    None
                }
                b'E' => parsed.take(),
                _ => None,
            };
            let mut way = way.lock().unwrap();
            if text.contains("pg_xact_status") && message[0] != b'B' {
                way.asked += 1;
                if way.asked > 4
                    && let Some((mut server, late)) = way.late.take()
                {
                    server.write_all(&late)?;
                }
            }
            let Some(moment) = said.and_then(|word| way.says(word)) else {
                drop(way);
                self.server.write_all(&message)?;
                continue;
            };
            match moment {
                Moment::Unheard => return Ok(()),
                Moment::Meanwhile => return self.server.write_all(&message),
                Moment::Unanswered => {
                    *self.is_mute.lock().unwrap() = true;
                    drop(way);
                    self.server.write_all(&message)?;
                }
                Moment::Late => {
                    *self.is_mute.lock().unwrap() = true;
                    way.late = Some((self.server.try_clone()?, message));
                    self.client.shutdown(Shutdown::Both)?;
                    // What comes after it is the other thread's to end.
                    drop(way);
                    loop {
                        thread::park();
                    }
                }
            }
        }
    }

    /// The first message, which has no type. Encryption is declined.
    fn startup(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let mut first = [0; 8];
            self.client.read_exact(&mut first)?;
            let length = u32::from_be_bytes(first[..4].try_into().unwrap()) as usize;
            if first[4..] == 80_877_103_u32.to_be_bytes() {
                self.client.write_all(b"N")?;
                continue;
            }
            let mut whole = first.to_vec();
            whole.resize(length, 0);
            self.client.read_exact(&mut whole[8..])?;
            return Ok(whole);
        }
    }

    /// To the client, until the server is ready for what nobody will say.
    fn down(&mut self) -> io::Result<()> {
        loop {
            let message = message(&mut self.server)?;
            if !*self.is_mute.lock().unwrap() {
                self.client.write_all(&message)?;
            } else if message[0] == b'Z' {
                return Ok(());
            }
        }
    }
}

impl Way {
    fn says(&mut self, word: Word) -> Option<Moment> {
        if word != self.cut.word {
            return None;
        }
        self.said += 1;
        if self.said < self.cut.on || self.broke == self.cut.times {
            return None;
        }
        self.broke += 1;
        self.to = self.then.clone();
        Some(self.cut.moment)
    }
}

/// With its type and its length.
fn message(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut whole = vec![0; 5];
    from.read_exact(&mut whole)?;
    let length = u32::from_be_bytes(whole[1..].try_into().unwrap()) as usize;
    whole.resize(1 + length, 0);
    from.read_exact(&mut whole[5..])?;
    Ok(whole)
}
