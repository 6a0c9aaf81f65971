//! A server that is reached by TLS alone. The tests' own is called `localhost` by its certificate, and not `127.0.0.1`.

use std::process::Command;
use std::sync::OnceLock;

use super::server::Server;
use crate::skip::aloud;

/// Who vouches for the server, and who does not.
pub struct Authorities {
    pub right: String,
    pub wrong: String,
}

pub struct Encrypted {
    pub server: Server,
    pub authorities: Authorities,
}

/// None, and a word aloud, where there is no PostgreSQL.
pub fn encrypted() -> Option<&'static Encrypted> {
    static SERVER: OnceLock<Option<Encrypted>> = OnceLock::new();
    let server = SERVER.get_or_init(|| called("DNS:localhost", "listen_addresses=127.0.0.1"));
    aloud("PostgreSQL", server.as_ref())
}

/// A server of this name that listens there. None where PostgreSQL is not installed.
pub fn called(name: &str, listens: &str) -> Option<Encrypted> {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, arguments: &[&str]| {
        let output = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
            .args(["-noenc", "-days", "2", "-subj", &format!("/CN={name}")])
            .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.crt")])
            .args(arguments)
            .current_dir(&folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    for authority in ["right", "wrong"] {
        let ca = "basicConstraints=critical,CA:true";
        make(authority, &["-addext", ca, "-addext", "keyUsage=critical,keyCertSign"]);
    }
    let signed = ["-CA", "right.crt", "-CAkey", "right.key"];
    let named = ["-addext", &format!("subjectAltName={name}")];
    let plain = ["-addext", "basicConstraints=critical,CA:false"];
    make("server", &[signed.as_slice(), &named, &plain].concat());
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let (key, certificate) = (read("server.key"), read("server.crt"));
    let access = "local all all trust\nhostssl all all all scram-sha-256\n";
    let server = Server::start(
        &["ssl=on", "ssl_cert_file=../crt", "ssl_key_file=../key", listens],
        |_| vec![("crt", certificate.clone()), ("key", key.clone()), ("access", access.into())],
        "",
    )?;
    let authorities = Authorities { right: read("right.crt"), wrong: read("wrong.crt") };
    Some(Encrypted { server, authorities })
}

/// The same URL by the name that the certificate has.
pub fn as_localhost(url: &str) -> String {
    assert!(url.contains("@127.0.0.1:"), "{url}");
    url.replace("@127.0.0.1:", "@localhost:")
}

/// A URL that asks for this much.
pub fn with_mode(url: &str, mode: &str) -> String {
    assert!(!url.contains('?'), "{url}");
    format!("{url}?sslmode={mode}")
}
