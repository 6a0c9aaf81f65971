//! The same checks that `validate` makes, on objects of the cluster. What is in Secrets is left to
//! the runner.

use kube::ResourceExt;

use crate::api::{DatabaseConnection, PurgeRun, RetentionPolicy};
use crate::declare::{self, Declaration, Document, Manifests, Metadata, Narrowing, Refused};

fn metadata(object: &impl ResourceExt) -> Metadata {
    Metadata {
        name: object.name_any(),
        namespace: object.namespace(),
        uid: object.uid(),
        generation: object.meta().generation,
    }
}

fn document<T: Clone>(object: &impl ResourceExt, spec: &T) -> Document<T> {
    Document { file: String::new(), metadata: metadata(object), spec: spec.clone() }
}

/// A policy over its connection, narrowed by a run; or all that is wrong with them.
pub fn policy(
    policy: &RetentionPolicy,
    connection: Option<&DatabaseConnection>,
    run: Option<&PurgeRun>,
) -> Result<Declaration, Vec<Refused>> {
    let mut manifests = Manifests {
        connections: connection.map(|c| document(c, &c.spec)).into_iter().collect(),
        policies: vec![document(policy, &policy.spec)],
        runs: run.map(|run| document(run, &run.spec)).into_iter().collect(),
        ..Manifests::default()
    };
    declare::hold_places(&mut manifests);
    let mut declarations = declare::declare(&manifests, &Narrowing::default())?;
    declarations.pop().ok_or_else(Vec::new)
}

/// What is wrong with a connection in itself.
pub fn connection(connection: &DatabaseConnection) -> Result<(), Vec<Refused>> {
    let mut manifests = Manifests {
        connections: vec![document(connection, &connection.spec)],
        ..Manifests::default()
    };
    declare::hold_places(&mut manifests);
    declare::declare(&manifests, &Narrowing::default()).map(drop)
}

/// Refusals as a condition has them: the first one's word, and a sentence.
pub fn told(refused: &[Refused]) -> (String, String) {
    let Some(Refused { object, refusal, .. }) = refused.first() else {
        return ("Refused".to_owned(), "the policy is refused".to_owned());
    };
    let more = match refused.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more faults; `retention-operator validate` shows them all)"),
    };
    let message =
        format!("{object}: {}: {}: {}{more}", refusal.field, refusal.message, refusal.write);
    (refusal.reason.word().to_owned(), message)
}
