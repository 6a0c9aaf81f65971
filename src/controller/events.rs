//! What people are told as it happens, by one recorder, so that repetitions are counted and not
//! repeated.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Client, Resource};

use super::names::MANAGER;

/// The one recorder.
#[derive(Clone)]
pub struct Events {
    recorder: Recorder,
}

/// One thing to tell. The reasons are documented words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    pub warning: bool,
    pub reason: &'static str,
    pub message: String,
}

impl Note {
    pub fn normal(reason: &'static str, message: impl Into<String>) -> Self {
        Self { warning: false, reason, message: message.into() }
    }

    pub fn warning(reason: &'static str, message: impl Into<String>) -> Self {
        Self { warning: true, reason, message: message.into() }
    }
}

impl Events {
    pub fn new(client: Client) -> Self {
        let reporter =
            Reporter { controller: MANAGER.to_owned(), instance: std::env::var("POD_NAME").ok() };
        Self { recorder: Recorder::new(client, reporter) }
    }

    /// An event that cannot be written is only logged: nothing depends on it.
    pub async fn tell<K: Resource<DynamicType = ()>>(&self, object: &K, note: &Note) {
        self.tell_of(&object.object_ref(&()), note).await;
    }

    pub async fn tell_of(&self, object: &ObjectReference, note: &Note) {
        let Note { warning, reason, message } = note;
        let name = object.name.as_deref().unwrap_or_default();
        if *warning {
            tracing::warn!("{name}: {reason}: {message}");
        } else {
            tracing::info!("{name}: {reason}: {message}");
        }
        let event = Event {
            type_: if *warning { EventType::Warning } else { EventType::Normal },
            reason: (*reason).to_owned(),
            note: Some(message.chars().take(1000).collect()),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, object).await {
            tracing::warn!("{name}: the event {reason} was not written: {error}");
        }
    }
}
