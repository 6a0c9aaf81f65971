//! libpq's parameters: what is honoured, what changes nothing here, and what cannot be kept.

use super::fault::Fault;
use super::url::Parameters;

/// These are read where they are of use.
const HONOURED: &[&str] = &[
    "application_name",
    "connect_timeout",
    "dbname",
    "fallback_application_name",
    "host",
    "hostaddr",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// Care of idle connections, and of Kerberos, which no server is answered with.
const HARMLESS: &[&str] = &[
    "gssdelegation",
    "gsslib",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "krbsrvname",
    "sslcompression",
    "tcp_user_timeout",
];

/// The values that say what is so anyway.
const SO_ANYWAY: &[(&str, &[&str])] = &[
    ("channel_binding", &["prefer", "disable"]),
    ("client_encoding", &["UTF8", "utf8", "UTF-8", "utf-8", "auto"]),
    ("gssencmode", &["prefer", "disable"]),
    // Of one host.
    ("load_balance_hosts", &["disable", "random"]),
    ("max_protocol_version", &["3.0", "3.2", "latest"]),
    ("min_protocol_version", &["3.0"]),
    ("replication", &["false", "off", "no", "0"]),
    ("ssl_max_protocol_version", &["TLSv1.3"]),
    ("ssl_min_protocol_version", &["TLSv1.2", "TLSv1.1", "TLSv1"]),
    ("sslcertmode", &["allow"]),
    ("sslnegotiation", &["postgres"]),
    ("sslsni", &["1"]),
    // A server that is not the primary refuses a purge by itself.
    ("target_session_attrs", &["any", "read-write", "primary", "prefer-standby"]),
];

/// What would be asked for, and would not be done.
const REFUSED: &[(&str, &str)] = &[
    ("options", "remove it, poolers do not pass it on; the connection has limits for timeouts"),
    ("passfile", "write the password into the URL"),
    ("require_auth", "remove it, and name a CA by caSecretKeyRef: then the server is verified"),
    ("requirepeer", "remove it"),
    ("service", "write host, database and user into the URL"),
    ("servicefile", "write host, database and user into the URL"),
    ("sslcrl", "remove it"),
    ("sslcrldir", "remove it"),
    ("sslkeylogfile", "remove it"),
    ("sslpassword", "remove it, and name a key that needs no password"),
];

pub fn check(found: &Parameters, url: &str) -> Result<(), Fault> {
    for (name, value) in found {
        let name = name.as_str();
        if HONOURED.contains(&name) || HARMLESS.contains(&name) {
            continue;
        }
        if let Some((_, values)) = SO_ANYWAY.iter().find(|(known, _)| *known == name) {
            if values.contains(&value.as_str()) {
                continue;
            }
            let what = format!("{name} has a value in the URL that cannot be kept");
            return Err(Fault::url(what, format!("write {name}={}, or remove it", values[0])));
        }
        if let Some((_, write)) = REFUSED.iter().find(|(known, _)| *known == name) {
            return Err(Fault::url(format!("{name} in the URL is not supported"), *write));
        }
        // Before an @ the end of a password may pass for a parameter.
        let end = url.rsplit('@').next().unwrap_or_default();
        let is_one = ["?", "&"].iter().any(|before| end.contains(&format!("{before}{name}=")));
        let shown = if is_one { format!("parameter {name}") } else { "parameter".to_owned() };
        return Err(Fault::url(
            format!("the URL has a {shown} that is not one of PostgreSQL's, or not supported"),
            "remove it",
        ));
    }
    Ok(())
}
