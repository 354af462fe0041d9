//! Answers for probes: is the process alive, is it of use.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{IntoResponse, Response, handler};

use crate::server::AuthorizationServer;

/// The process runs and answers.
#[handler]
pub const fn healthz() -> &'static str {
    "ok\n"
}

/// The store answers, and there is a key to sign with.
#[handler]
pub async fn readyz(server: Data<&Arc<AuthorizationServer>>) -> Response {
    let now = server.clock.now();
    if server.keys.ring().signer(now).is_none() {
        return not_ready("no signing key\n");
    }
    match server.store.ping().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "the store does not answer");
            not_ready("the store does not answer\n")
        }
    }
}

fn not_ready(why: &'static str) -> Response {
    why.with_status(StatusCode::SERVICE_UNAVAILABLE)
        .into_response()
}
