//! What can go wrong in a reconcile. All of it is tried again.

/// A request that failed, or an object that is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused, or was not reached.
    #[error("Kubernetes: {0}")]
    Kube(#[source] Box<kube::Error>),
    /// An object could not be written as JSON or YAML.
    #[error("cannot be serialized: {0}")]
    Serialize(String),
    /// An object without what every object of the cluster has.
    #[error("{0} is missing from the object")]
    Incomplete(&'static str),
    /// What lets a runner report is taken by something else.
    #[error("{0}")]
    ForeignBinding(String),
    /// The port for probes.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

impl From<kube::Error> for Error {
    fn from(error: kube::Error) -> Self {
        Self::Kube(Box::new(error))
    }
}

impl Error {
    fn status(&self) -> Option<&kube::core::Status> {
        match self {
            Self::Kube(error) => match &**error {
                kube::Error::Api(status) => Some(status),
                _ => None,
            },
            _ => None,
        }
    }

    /// Somebody else wrote first; what we saw is old.
    pub fn is_conflict(&self) -> bool {
        self.status().is_some_and(kube::core::Status::is_conflict)
    }

    /// The object is there already.
    pub fn is_already_there(&self) -> bool {
        self.status().is_some_and(kube::core::Status::is_already_exists)
    }

    /// A refusal by the API server that stays until somebody changes something: its words. 500 is
    /// among them: so a webhook that does not answer refuses.
    pub fn refusal(&self) -> Option<&str> {
        if let Self::ForeignBinding(message) = self {
            return Some(message);
        }
        let status = self.status()?;
        matches!(status.code, 400 | 403 | 404 | 413 | 422 | 500).then_some(status.message.as_str())
    }
}
