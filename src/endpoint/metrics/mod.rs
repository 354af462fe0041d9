//! What Prometheus and an orchestrator read: an application of its own, for a listener of its own.

mod gauges;
mod process;

use std::sync::Arc;

use poem::error::ResponseError as _;
use poem::http::{HeaderValue, header};
use poem::{Endpoint, EndpointExt as _, Request, Response, Route, get};

use super::health::{self, healthz, readyz};
use crate::error::Error;
use crate::response::host;
use crate::response::oauth_error::OAuthError;
use crate::server::AuthorizationServer;

/// Answers `GET /metrics` with what `render` gives, in the text format of Prometheus, after a check of the readiness;
/// and the probes, which must not wait behind the connections of clients.
pub fn app(
    render: impl Fn() -> String + Send + Sync + 'static,
    server: Arc<AuthorizationServer>,
) -> impl Endpoint<Output = Response> {
    let (render, of) = (Arc::new(render), Arc::clone(&server));
    let answer = poem::endpoint::make(move |_| {
        let (render, server) = (Arc::clone(&render), Arc::clone(&of));
        async move {
            // Refused or not, it sets the gauge of the readiness.
            health::check_ready(&server).await.ok();
            gauges::set(&server);
            tokio::task::spawn_blocking(process::set).await.ok();
            Response::builder()
                .content_type("text/plain; version=0.0.4; charset=utf-8")
                .body(render())
        }
    });
    Route::new()
        .at("/metrics", get(answer))
        .at("/healthz", get(healthz))
        .at("/readyz", get(readyz))
        .data(server)
        .map_to_response()
        .around(respond)
}

async fn respond(
    next: Arc<impl Endpoint<Output = Response>>,
    request: Request,
) -> poem::Result<Response> {
    let mut response = if host::is_valid(&request) {
        next.get_response(request).await
    } else {
        OAuthError(Error::InvalidHead(
            "Host is missing, repeated or malformed".into(),
        ))
        .as_response()
    };
    let no_store = HeaderValue::from_static("no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}
