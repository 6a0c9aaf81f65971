//! Where a connection's database is: a file below the folder that stands for its volume, or a
//! server.

use std::path::{Path, PathBuf};

use super::{Options, login};
use crate::api::ServerReport;
use crate::database::{Error, ErrorClass, Mode, Session, postgres, sqlite};
use crate::declare::{Connection, Database, Declaration, Manifests, Refused};
use crate::model::{Reason, Refusal};
use crate::plan;

/// A database that can be opened.
pub enum Place {
    File(PathBuf),
    Server(Box<postgres::Options>),
}

impl Place {
    pub fn of(declaration: &Declaration, options: &Options) -> Result<Self, Refusal> {
        let connection = &declaration.connection;
        match &connection.database {
            Database::Sqlite { path } => {
                locate(connection, path, &options.roots, declaration.dry_run).map(Self::File)
            }
            Database::Postgres(login) => {
                login::options(login).map(|options| Self::Server(Box::new(options)))
            }
        }
    }

    /// What a report tells of a server of this version; `None` where there is no server.
    pub fn server(&self, version: Option<&str>) -> Option<ServerReport> {
        match self {
            Self::File(_) => None,
            Self::Server(options) => Some(ServerReport {
                // Who built it stands behind.
                version: format!("PostgreSQL {}", version?.split_whitespace().next()?),
                tls_verified: options.verifies,
            }),
        }
    }

    /// What an error about it begins with.
    pub fn prefix(&self) -> String {
        match self {
            Self::File(path) => format!("{}: ", path.display()),
            Self::Server(_) => String::new(),
        }
    }

    pub async fn open(&self, declaration: &Declaration, mode: Mode) -> Result<Session, Error> {
        let limits = &declaration.connection.limits;
        let (lock, statement) = (limits.lock_timeout, limits.statement_timeout);
        Ok(match self {
            Self::File(path) => {
                let enforce = plan::enforces_foreign_keys(declaration);
                let session = sqlite::Session::open(path, mode, enforce, lock, statement).await?;
                Session::Sqlite(Box::new(session))
            }
            Self::Server(options) => {
                let session = postgres::Session::connect(options, mode, lock, statement).await?;
                Session::Postgres(Box::new(session))
            }
        })
    }

    /// A file that a killed writer has left with a hot journal cannot be read before it is rolled
    /// back, which is what any reader with the right to write does.
    pub async fn open_to_read(&self, declaration: &Declaration) -> Result<Session, Error> {
        let mut session = self.open(declaration, Mode::Read).await?;
        if let Self::Server(_) = self {
            return Ok(session);
        }
        match session.rows(&crate::sql::sqlite::tables()).await {
            Err(error) if error.class == ErrorClass::ReadOnly => {
                self.open(declaration, Mode::Write).await
            }
            Err(error) => Err(error),
            Ok(_) => Ok(session),
        }
    }
}

/// The flag that names the folder, where a refusal is about it.
pub const ROOT: &str = "--root";

/// Folders of connections that are not there: with a name misspelled, the connection that was meant
/// would be looked for in another folder, where a file of its name may lie.
pub fn strangers(manifests: &Manifests, roots: &[(Option<String>, PathBuf)]) -> Vec<Refused> {
    let known: Vec<&str> =
        manifests.connections.iter().map(|connection| connection.metadata.name.as_str()).collect();
    let named = roots.iter().filter_map(|(name, _)| name.as_deref());
    named
        .filter(|name| !known.contains(name))
        .map(|name| Refused {
            file: "command line".to_owned(),
            object: String::new(),
            refusal: Refusal::new(
                ROOT,
                Reason::NotFound,
                format!("there is no DatabaseConnection {name}"),
                format!("write one of {}, or --root DIR", known.join(", ")),
            ),
        })
        .collect()
}

/// The file, without a link on the way: a link could lead to another tenant's volume, or change
/// its mind between the plan and the first batch.
fn locate(
    connection: &Connection,
    path: &str,
    roots: &[(Option<String>, PathBuf)],
    dry_run: bool,
) -> Result<PathBuf, Refusal> {
    let own = roots.iter().find(|(name, _)| name.as_deref() == Some(&connection.name));
    let any = roots.iter().find(|(name, _)| name.is_none());
    let root = own.or(any).map_or(Path::new("."), |(_, root)| root);
    let refuse = |what: String, write: &str| {
        Err(Refusal::new("spec.sqlite.path", Reason::BadDatabase, what, write))
    };
    let root = root.canonicalize().map_err(|error| {
        Refusal::new(
            ROOT,
            Reason::NotFound,
            format!("the folder {} cannot be opened: {error}", root.display()),
            "name a folder that is there: --root DIR",
        )
    })?;
    let mut file = root;
    for segment in path.split('/') {
        file.push(segment);
        match file.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => {
                return refuse(
                    format!("{} is a symbolic link", file.display()),
                    "name the file itself",
                );
            }
            Ok(_) => {}
            Err(error) => {
                return refuse(
                    format!("there is no database at {}: {error}", file.display()),
                    "correct the path, or --root; a database is never created",
                );
            }
        }
    }
    if !file.is_file() {
        return refuse(format!("{} is no file", file.display()), "name a SQLite file");
    }
    // Whoever is root may write everywhere; a file without a right to write was meant to be kept.
    let read_only = file.metadata().is_ok_and(|metadata| metadata.permissions().readonly());
    if !dry_run && (read_only || std::fs::OpenOptions::new().write(true).open(&file).is_err()) {
        return refuse(
            format!("{} is read-only", file.display()),
            "run as a user who may write it (in a cluster by the connection's \
             spec.runner.securityContext), or make it a dry run",
        );
    }
    Ok(file)
}
