//! How one row is addressed.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

use super::Value;

/// In place of a key's column: where a row lies in PostgreSQL, while nobody moves it.
pub const ADDRESS: &str = "ctid";

/// The values of a row's key columns, in the key's order.
#[derive(Debug, Clone, PartialEq)]
pub struct Key(pub Vec<Value>);

impl Key {
    /// Equal exactly for equal keys.
    pub fn identity(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for value in &self.0 {
            value.write_identity(&mut bytes);
        }
        bytes
    }

    /// How a report names a row: no content of a row ever leaves the database.
    pub fn hash(&self) -> String {
        let digest = Sha256::digest(self.identity());
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }
}

/// Keys to be met again.
#[derive(Debug, Default)]
pub struct KeySet(HashSet<Vec<u8>>);

impl KeySet {
    /// Whether the key was not there before.
    pub fn insert(&mut self, key: &Key) -> bool {
        self.0.insert(key.identity())
    }

    pub fn contains(&self, key: &Key) -> bool {
        self.0.contains(&key.identity())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}
