//! Answers probes.

use std::future::Future;
use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;

use super::error::Error;

/// Serves `/livez` and `/readyz` until `shutdown`. Both say that the process answers: the loops end
/// it when they cannot go on, and a cluster whose API server is away gains nothing from a restart.
pub async fn serve(
    listen: Option<SocketAddr>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Error> {
    let Some(address) = listen else {
        shutdown.await;
        return Ok(());
    };
    let failed = |source| Error::Listen { address, source };
    let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
    let router = Router::new()
        .route("/livez", get(|| async { "ok" }))
        .route("/readyz", get(|| async { "ok" }));
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await.map_err(failed)
}
