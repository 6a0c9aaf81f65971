//! Who logs in where, from a URL as libpq reads it. Nothing of this process's environment has a
//! say, and nothing of the URL is told.

mod fault;
mod parameters;
mod tls;
mod url;

use std::time::Duration;

use rustls::pki_types::ServerName;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

pub use fault::{Fault, Part};
use url::Parameters;

/// How long to wait for a server whose URL says nothing of it. One that swallows packets would
/// hold a run for minutes.
const PATIENCE: Duration = Duration::from_secs(10);

/// What it takes to connect. The options' own Debug shows the password.
#[derive(Clone)]
pub struct Options {
    pub connect: PgConnectOptions,
    pub timeout: Duration,
    /// Whether the server's certificate and name are verified.
    pub verifies: bool,
}

impl Options {
    /// Host and port, or the socket's folder: no secret, and what one asks for first.
    pub fn server(&self) -> String {
        match self.connect.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", self.connect.get_host(), self.connect.get_port()),
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

/// With a CA the server's certificate and name are verified, whatever the URL says.
pub fn options(url: &str, ca: Option<&[u8]>) -> Result<Options, Fault> {
    let found = url::parse(url)?;
    parameters::check(&found, url)?;
    let user = found.get("user").ok_or_else(|| {
        Fault::url("the URL names no user", "write postgresql://USER:PASSWORD@HOST/DATABASE")
    })?;
    let database = found.get("dbname").unwrap_or(user);
    let (mode, authorities) = tls::of(&found, ca)?;
    let client = tls::client(&found)?;
    // Every field that the environment can fill is written over below, or refused.
    let mut connect = PgConnectOptions::new_without_pgpass();
    if connect.get_options().is_some() {
        return Err(in_environment("PGOPTIONS"));
    }
    connect = match client {
        Some(tls::Client { chain, key }) => {
            connect.ssl_client_cert_from_pem(chain).ssl_client_key_from_pem(key)
        }
        None => match ["PGSSLCERT", "PGSSLKEY"].into_iter().find(|name| is_set(name)) {
            Some(name) => return Err(in_environment(name)),
            None => connect,
        },
    };
    let host = host(&found)?;
    connect = if host.starts_with('/') {
        connect.host("localhost").socket(host)
    } else {
        connect.host(host)
    };
    let given = ["application_name", "fallback_application_name"];
    let name = given.into_iter().find_map(|name| found.get(name));
    connect = connect
        .port(port(&found)?)
        .username(user)
        .password(found.get("password").map_or("", String::as_str))
        .database(database)
        .ssl_mode(mode)
        .ssl_root_cert_from_pem(authorities)
        .application_name(name.map_or("retention-operator", String::as_str))
        // Poolers refuse it as a parameter at the start.
        .extra_float_digits(None)
        // It would print expressions, and what they are compared with.
        .disable_statement_logging()
        .statement_cache_capacity(0);
    let verifies = matches!(mode, PgSslMode::VerifyFull);
    Ok(Options { connect, timeout: timeout(&found)?, verifies })
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some()
}

/// sqlx takes it from there, and lets nobody take it away again.
fn in_environment(variable: &str) -> Fault {
    Fault {
        part: Part::Environment,
        what: format!("{variable} in this process's environment would change the login"),
        write: format!("unset {variable}"),
    }
}

fn host(found: &Parameters) -> Result<&str, Fault> {
    let (host, address) = (found.get("host"), found.get("hostaddr"));
    let host = match (host, address) {
        (Some(_), Some(_)) => {
            return Err(Fault::url("the URL has host and hostaddr", "write one of them"));
        }
        (Some(host), None) | (None, Some(host)) => host,
        (None, None) => {
            return Err(Fault::url(
                "the URL names no host",
                "write postgresql://USER:PASSWORD@HOST/DATABASE",
            ));
        }
    };
    if host.contains(',') {
        return Err(Fault::several());
    }
    if !host.starts_with('/') && ServerName::try_from(host.as_str()).is_err() {
        return Err(Fault::url(
            "the host in the URL is no name of a host, no address and no folder of a socket",
            "write postgresql://USER:PASSWORD@HOST/DATABASE, with %40 for an @ in the password",
        ));
    }
    Ok(host)
}

fn port(found: &Parameters) -> Result<u16, Fault> {
    let Some(port) = found.get("port") else { return Ok(5432) };
    if port.contains(',') {
        return Err(Fault::several());
    }
    port.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
        Fault::url(
            "the port in the URL is no number from 1 to 65535",
            "write HOST:5432; a : or / of a password is written %3A or %2F",
        )
    })
}

/// With libpq 0 and less mean no end; here they mean nothing.
fn timeout(found: &Parameters) -> Result<Duration, Fault> {
    let Some(text) = found.get("connect_timeout") else { return Ok(PATIENCE) };
    let seconds = text.trim().parse::<i32>().map_err(|_| {
        Fault::url("connect_timeout in the URL is no number of seconds", "write connect_timeout=10")
    })?;
    Ok(u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds > 0)
        .map_or(PATIENCE, Duration::from_secs))
}

#[cfg(test)]
mod tests;
