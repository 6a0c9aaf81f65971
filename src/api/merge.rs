//! What becomes of a list or map that several appliers write: said to the API server, which merges by it.
//!
//! A list keyed by name keeps the order of the applier who wrote it, and puts what another adds behind it. Targets,
//! sources, dependents and exemptions mean something by their order: they have one owner.

use schemars::Schema;
use serde_json::json;

/// A list whose items are told apart by their names.
pub fn by_name(schema: &mut Schema) {
    by(schema, "name");
}

/// Conditions are told apart by their types.
pub fn by_type(schema: &mut Schema) {
    by(schema, "type");
}

fn by(schema: &mut Schema, key: &str) {
    schema.insert("x-kubernetes-list-type".to_owned(), json!("map"));
    schema.insert("x-kubernetes-list-map-keys".to_owned(), json!([key]));
}

/// A list in which nothing stands twice and order means nothing.
pub fn set(schema: &mut Schema) {
    schema.insert("x-kubernetes-list-type".to_owned(), json!("set"));
}

/// A list that is replaced as a whole.
pub fn atomic(schema: &mut Schema) {
    schema.insert("x-kubernetes-list-type".to_owned(), json!("atomic"));
}

/// A map that is replaced as a whole.
pub fn atomic_map(schema: &mut Schema) {
    schema.insert("x-kubernetes-map-type".to_owned(), json!("atomic"));
}
