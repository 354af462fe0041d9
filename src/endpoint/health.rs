//! Liveness and readiness probes.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{IntoResponse, Response, handler};

use crate::clock::Doubt;
use crate::server::AuthorizationServer;
use crate::token::expiry;

/// Liveness: 200 while the process serves requests.
#[handler]
pub const fn healthz() -> &'static str {
    "ok\n"
}

/// Readiness: 200 if the store is reachable, a signing key is active and the clock is not in doubt, else 503. A long
/// pause before the start does not count: usually the server was stopped.
#[handler]
pub async fn readyz(server: Data<&Arc<AuthorizationServer>>) -> Response {
    let now = server.clock.now();
    if server.keys.ring().signer(now).is_none() {
        return not_ready("no signing key\n");
    }
    if let Some(doubt @ (Doubt::Apart(_) | Doubt::Stepped(_))) = expiry::doubt(&server) {
        tracing::warn!(%doubt, "readiness: the clock is in doubt");
        return not_ready("the clock is in doubt\n");
    }
    match server.store.check_ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "readiness: the store is not reachable");
            not_ready("the store is not reachable\n")
        }
    }
}

fn not_ready(why: &'static str) -> Response {
    why.with_status(StatusCode::SERVICE_UNAVAILABLE)
        .into_response()
}
