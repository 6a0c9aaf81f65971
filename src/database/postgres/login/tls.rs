//! How much of TLS a login asks for.

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sqlx::postgres::PgSslMode;

use super::fault::{Fault, Part};
use super::url::Parameters;

/// The mode, and the authorities to trust beside this machine's.
pub fn of(found: &Parameters, ca: Option<&[u8]>) -> Result<(PgSslMode, Vec<u8>), Fault> {
    let mode = found.get("sslmode").map(String::as_str);
    let file = found.get("sslrootcert").map(String::as_str);
    let known = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
    if mode.is_some_and(|mode| !known.contains(&mode)) {
        let what = "the sslmode in the URL is none of PostgreSQL's";
        return Err(Fault::url(what, format!("write one of {}", known.join(", "))));
    }
    let is_socket = found.get("host").is_some_and(|host| host.starts_with('/'));
    let authorities = match (ca, file) {
        (Some(_), Some(_)) => {
            return Err(Fault::url(
                "sslrootcert in the URL and caSecretKeyRef both say whom to trust",
                "remove one of them",
            ));
        }
        (Some(_), None) if is_socket => {
            return Err(Fault {
                part: Part::Ca,
                what: "the URL names a socket's folder, where there is no TLS".to_owned(),
                write: "remove caSecretKeyRef, or name a host".to_owned(),
            });
        }
        (Some(pem), None) => Some(certificates(pem).map_err(|what| Fault {
            part: Part::Ca,
            what: what.to_owned(),
            write: "write certificates in PEM: -----BEGIN CERTIFICATE-----".to_owned(),
        })?),
        _ if is_socket => return Ok((PgSslMode::Disable, Vec::new())),
        (None, Some("system")) if matches!(mode, None | Some("verify-full")) => {
            return Ok((PgSslMode::VerifyFull, Vec::new()));
        }
        (None, Some("system")) => {
            return Err(Fault::url(
                "sslrootcert=system asks for more than the sslmode in the URL",
                "write sslmode=verify-full",
            ));
        }
        (None, Some(_)) => Some(from_file(found, "sslrootcert", certificates)?),
        (None, None) => None,
    };
    match (authorities, mode) {
        (Some(_), Some(weak @ ("disable" | "allow"))) => Err(Fault::url(
            format!("sslmode={weak} in the URL contradicts the CA that the server is verified by"),
            "write sslmode=verify-full, or name no CA",
        )),
        (Some(pem), _) => Ok((PgSslMode::VerifyFull, pem)),
        (None, None | Some("require")) => Ok((PgSslMode::Require, Vec::new())),
        (None, Some("disable")) => Ok((PgSslMode::Disable, Vec::new())),
        (None, Some("prefer")) => Ok((PgSslMode::Prefer, Vec::new())),
        (None, Some("verify-full")) => Ok((PgSslMode::VerifyFull, Vec::new())),
        // By the machine's authorities alone, anybody's certificate would do.
        (None, Some("verify-ca")) => Err(Fault::url(
            "sslmode=verify-ca in the URL has no CA to verify by",
            "name it by caSecretKeyRef, or write sslmode=verify-full",
        )),
        (None, Some(_)) => Err(Fault::url(
            "sslmode=allow in the URL is not supported",
            "write sslmode=prefer, or better sslmode=require",
        )),
    }
}

/// By what a client is known, both in PEM.
pub struct Client {
    pub chain: Vec<u8>,
    pub key: Vec<u8>,
}

pub fn client(found: &Parameters) -> Result<Option<Client>, Fault> {
    match (found.get("sslcert"), found.get("sslkey")) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            let chain = from_file(found, "sslcert", certificates)?;
            let key = from_file(found, "sslkey", |pem| {
                // The error may hold a piece of it.
                let key = PrivateKeyDer::from_pem_slice(pem);
                key.map(|_| pem.to_vec()).map_err(|_| "there is no private key in PEM")
            })?;
            Ok(Some(Client { chain, key }))
        }
        _ => Err(Fault::url(
            "of sslcert and sslkey the URL has only one",
            "write both of them, or neither",
        )),
    }
}

/// sqlx would go on without them if there are none, and quote them if they are broken.
fn certificates(pem: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| "its PEM is broken")?;
        store.add(certificate).map_err(|_| "there is a certificate that cannot be read")?;
    }
    if store.is_empty() { Err("there is no certificate in PEM") } else { Ok(pem.to_vec()) }
}

fn from_file(
    found: &Parameters,
    name: &str,
    read: impl Fn(&[u8]) -> Result<Vec<u8>, &'static str>,
) -> Result<Vec<u8>, Fault> {
    let path = found.get(name).map(String::as_str).unwrap_or_default();
    let pem = match std::fs::read(path) {
        Ok(pem) => read(&pem).map_err(str::to_owned),
        Err(error) => Err(error.to_string()),
    };
    pem.map_err(|what| {
        Fault::url(format!("{name} in the URL: {what}"), "name a file in PEM, or remove it")
    })
}
