//! What every reconcile has at hand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kube::core::{DeserializeGuard, NamespaceResourceScope};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;

use super::events::Events;
use super::{Error, Settings};

/// The client, the settings, the one recorder of events, and the lock under which runs are started.
pub struct Context {
    pub client: Client,
    pub settings: Settings,
    pub events: Events,
    turns: Mutex<HashMap<String, Turn>>,
}

/// Held by who looks at the other runs of a namespace until what it does about them can be seen.
type Turn = Arc<tokio::sync::Mutex<()>>;

impl Context {
    pub fn new(client: Client, settings: Settings) -> Self {
        let events = Events::new(client.clone());
        Self { client, settings, events, turns: Mutex::default() }
    }

    /// The turn of a namespace. Databases are shared within one, so one that is slow, by a webhook
    /// or a quota, holds up no other.
    pub fn turn(&self, namespace: &str) -> Turn {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(namespace.to_owned()).or_default())
    }

    /// The objects of one namespace.
    pub fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// The objects of one namespace, or of all.
    pub fn api_in<K>(&self, namespace: Option<&str>) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        match namespace {
            Some(namespace) => Api::namespaced(self.client.clone(), namespace),
            None => Api::all(self.client.clone()),
        }
    }

    /// One object as it is now; `None`: not there, or not readable by this version, which is told
    /// by its own reconcile.
    pub async fn find<K>(&self, namespace: &str, name: &str) -> Result<Option<K>, Error>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let found = self.api::<DeserializeGuard<K>>(namespace).get_opt(name).await?;
        Ok(found.and_then(|guard| guard.0.ok()))
    }
}
