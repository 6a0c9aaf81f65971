//! The keys of Secrets that a run's container is given, each in a variable of its own. The kubelet
//! hands them over: we may not read them.

use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, SecretKeySelector};

use crate::api::DatabaseConnectionSpec;
use crate::declare::named_by;

fn variable(at: usize) -> String {
    format!("RETENTION_OPERATOR_SECRET_{at}")
}

/// `None` where nobody logs in.
pub fn variables(connection: &DatabaseConnectionSpec) -> Option<Vec<EnvVar>> {
    let variables = named_by(connection).into_iter().enumerate().map(|(at, named)| EnvVar {
        name: variable(at),
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: named.name.clone(),
                key: named.key.clone(),
                // Not optional: the kubelet then says by itself what is missing, and waits for it.
                optional: None,
            }),
            ..EnvVarSource::default()
        }),
        value: None,
    });
    Some(variables.collect::<Vec<_>>()).filter(|variables| !variables.is_empty())
}

/// By these the runner knows which variable is what.
pub fn arguments(connection: &DatabaseConnectionSpec) -> Vec<String> {
    let named = named_by(connection).into_iter().enumerate();
    let pair = |(at, named): (usize, &crate::api::SecretKeyRef)| {
        ["--secret".to_owned(), format!("{}/{}={}", named.name, named.key, variable(at))]
    };
    named.flat_map(pair).collect()
}
