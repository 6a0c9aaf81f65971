//! Answers probes.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use super::error::Error;

/// Serves `/livez` and `/readyz` until `shutdown`. Live is a process that answers: an API server that
/// is away gains nothing from our restart. Ready is one that has found the kinds.
pub async fn serve(
    listen: Option<SocketAddr>,
    is_ready: Arc<AtomicBool>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let Some(address) = listen else {
        shutdown.await;
        return Ok(());
    };
    let failed = |source| Error::Listen { address, source };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
    let readiness = move || async move {
        if is_ready.load(Ordering::Relaxed) {
            (StatusCode::OK, "ok")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "the custom resource definitions are not there yet")
        }
    };
    let router =
        Router::new().route("/livez", get(|| async { "ok" })).route("/readyz", get(readiness));
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await.map_err(failed)
}
