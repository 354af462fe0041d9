//! Liveness and readiness probes.

use std::sync::Arc;

use poem::http::{StatusCode, header};
use poem::web::Data;
use poem::{IntoResponse, Response, handler};

use crate::clock::Doubt;
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

/// Readiness: 200 if the store is reachable and can be written, a signing key is active and the clock is not in doubt,
/// else 503. A long pause before the start does not count: usually the server was stopped.
#[handler]
pub async fn readyz(server: Data<&Arc<AuthorizationServer>>) -> Response {
    let now = server.clock.now();
    if server.keys.ring().signer(now).is_none() {
        return unavailable("no signing key\n");
    }
    if let Some(doubt @ (Doubt::Apart(_) | Doubt::Stepped(_))) = expiry::doubt(&server) {
        tracing::warn!(%doubt, "readiness: the clock is in doubt");
        return unavailable("the clock is in doubt\n");
    }
    match server.store.check_ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "readiness: the store is not reachable");
            unavailable("the store is not reachable\n")
        }
    }
}

fn unavailable(why: &'static str) -> Response {
    why.with_status(StatusCode::SERVICE_UNAVAILABLE)
        .with_header(header::RETRY_AFTER, RETRY_AFTER)
        .into_response()
}
