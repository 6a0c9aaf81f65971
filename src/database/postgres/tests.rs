//! What a session sends, seen by a server that takes anybody and answers nothing.

use std::io::{Read, Write};
use std::net::TcpListener;

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::*;

#[test]
fn a_statement_that_writes_is_never_sent_outside_of_a_transaction() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut client, _) = server.accept().unwrap();
        let mut length = [0; 4];
        client.read_exact(&mut length).unwrap();
        let mut startup = vec![0; u32::from_be_bytes(length) as usize - 4];
        client.read_exact(&mut startup).unwrap();
        // AuthenticationOk, ReadyForQuery outside of a transaction.
        client.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").unwrap();
        let mut first = [0];
        client.read(&mut first).unwrap().checked_sub(1).map(|_| first[0])
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let refused = runtime.block_on(async {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(port)
            .username("purge")
            .ssl_mode(PgSslMode::Disable)
            .extra_float_digits(None);
        let mut session = Session {
            connection: PgConnection::connect_with(&options).await.unwrap(),
            beginning: Beginning {
                writes: true,
                lock_timeout: Duration::ZERO,
                statement_timeout: Duration::ZERO,
                extensions: Vec::new(),
                version: 0,
                along_index: false,
                bytes: false,
            },
            schema: None,
            lost: None,
            in_transaction: false,
            begun: Instant::now(),
            was_waited_for: false,
            default_path: String::new(),
            counts_deletes: false,
            idle: idle::Idle::default(),
        };
        let refused = session.execute(&sql::alone("DELETE FROM chats".to_owned())).await;
        session.close().await;
        refused
    });
    assert_eq!(refused.unwrap_err().class, ErrorClass::Invalid);
    assert_eq!(server.join().unwrap(), Some(b'X'), "the first that it was told is the farewell");
}
