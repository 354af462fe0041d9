//! Liveness and readiness probes.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use poem::http::{StatusCode, header};
use poem::web::Data;
use poem::{IntoResponse, Response, handler};

use crate::clock::Doubt;
use crate::metric;
use crate::response::RETRY_AFTER;
use crate::server::AuthorizationServer;
use crate::token::expiry;

/// Liveness: 200, but 503 if requests wait and none of them got a response for a minute. A response of any status
/// counts, so a database that is away is no reason to restart the process.
#[handler]
pub fn healthz(Data(server): Data<&Arc<AuthorizationServer>>) -> Response {
    let now = server.clock.read().monotonic;
    let request_timeout = server.settings.server.request_timeout.0;
    match server.liveness.standstill(now, request_timeout) {
        None => "ok\n".into_response(),
        Some(length) => {
            let seconds = length.as_secs();
            tracing::error!(seconds, "liveness: requests wait and none is answered");
            unavailable("requests wait and none is answered\n")
        }
    }
}

/// Readiness: 200 if the store is reachable and can be written, a signing key is active, the clock is not in doubt and
/// the server does not stop, else 503. A long pause before the start does not count: usually the server was stopped.
#[handler]
pub async fn readyz(Data(server): Data<&Arc<AuthorizationServer>>) -> Response {
    match check_ready(server).await {
        Ok(()) => "ready\n".into_response(),
        Err(why) => unavailable(why),
    }
}

/// Checks whether the node can serve requests, and sets the gauge. Fails with the body of the response.
pub(super) async fn check_ready(server: &AuthorizationServer) -> Result<(), &'static str> {
    let outcome = find_obstacle(server).await;
    metric::READY.set((), if outcome.is_ok() { 1.0 } else { 0.0 });
    outcome
}

async fn find_obstacle(server: &AuthorizationServer) -> Result<(), &'static str> {
    if server.is_stopping.load(Ordering::Relaxed) {
        return Err("the server stops\n");
    }
    let now = server.clock.now();
    if server.keys.ring().signer(now).is_none() {
        return Err("no signing key\n");
    }
    if let Some(doubt @ (Doubt::Apart(_) | Doubt::Stepped(_))) = expiry::doubt(server) {
        tracing::warn!(%doubt, "readiness: the clock is in doubt");
        return Err("the clock is in doubt\n");
    }
    let ready = server.store.check_ready().await;
    ready.map_err(|error| {
        tracing::warn!(%error, "readiness: the store is not reachable");
        "the store is not reachable\n"
    })
}

fn unavailable(why: &'static str) -> Response {
    why.with_status(StatusCode::SERVICE_UNAVAILABLE)
        .with_header(header::RETRY_AFTER, RETRY_AFTER)
        .into_response()
}
