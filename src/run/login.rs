//! What it takes to log in to a connection's server, or what is wrong with it.

use crate::database::postgres::{self, Fault, Options, Part};
use crate::declare::{Database, Declaration, Login, Refused};
use crate::model::{Reason, Refusal};

/// The variable, where a refusal is about it.
pub const ENVIRONMENT: &str = "environment";

pub fn options(login: &Login) -> Result<Options, Refusal> {
    postgres::options(&login.url, login.ca.as_deref()).map_err(|fault| {
        let Fault { part, what, write } = fault;
        let (field, reason) = match part {
            Part::Url => ("spec.postgres.secretKeyRef", Reason::InvalidValue),
            Part::Ca => ("spec.postgres.caSecretKeyRef", Reason::InvalidValue),
            Part::Environment => (ENVIRONMENT, Reason::Conflict),
        };
        Refusal::new(field, reason, what, write)
    })
}

/// Logins that cannot work, each connection told once. A URL that is not at hand is not judged.
pub fn unfit(declarations: &[Declaration]) -> Vec<Refused> {
    let mut refused: Vec<Refused> = Vec::new();
    for declaration in declarations {
        let connection = &declaration.connection;
        let Database::Postgres(login) = &connection.database else { continue };
        let object = format!("DatabaseConnection/{}", connection.name);
        if login.url.is_empty() || refused.iter().any(|told| told.object == object) {
            continue;
        }
        if let Err(refusal) = options(login) {
            let file = match refusal.field.as_str() {
                ENVIRONMENT => "command line".to_owned(),
                _ => connection.file.clone(),
            };
            refused.push(Refused { file, object, refusal });
        }
    }
    refused
}
