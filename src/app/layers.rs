//! The request layers: request id, log span, CORS, timeout, panics, errors, default headers, metrics.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use poem::error::ResponseError as _;
use poem::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use poem::{Endpoint as _, IntoResponse as _, Request, Response};
use tracing::{Instrument as _, Span};

use super::context::RequestContext;
use super::endpoints::{Endpoint, ErrorFormat};
use super::error_page::error_page;
use super::measurement::Measurement;
use crate::error::Error;
use crate::metric::EndpointName;
use crate::response::body::Arrival;
use crate::response::cors::{CorsRequest, Readers};
use crate::response::host;
use crate::response::oauth_error::OAuthError;
use crate::response::problem::Problem;
use crate::response::request_id::RequestId;
use crate::server::AuthorizationServer;

/// The content security policy of a response that is not a page.
pub(super) const NO_CONTENT_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Maximum length of a method in the log. It may be any word.
const METHOD_LENGTH: usize = 16;

/// Headers of every response that does not set them itself.
const DEFAULT_HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, NO_CONTENT_POLICY),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// Passes a request through all layers.
pub(super) async fn call(
    next: Arc<impl poem::Endpoint<Output = Response>>,
    mut request: Request,
    server: Arc<AuthorizationServer>,
) -> poem::Result<Response> {
    let context = RequestContext::new(&request);
    let endpoint = Endpoint::at(request.uri().path());
    let method = request.method().as_str();
    let method = method.get(..METHOD_LENGTH).unwrap_or(method);
    // Not what the client sent: that may be long, and the query may hold secrets by mistake.
    let span = if endpoint.readers == Readers::Everyone && request.method() == Method::GET {
        // It costs as much as the response, and only a refusal writes a line above the level debug.
        context.debug_span(method, endpoint.path)
    } else {
        context.span(method, endpoint.path)
    };
    if endpoint.errors == ErrorFormat::Page {
        request.set_data(RequestId(context.id.clone()));
    }
    let response = respond(next, request, endpoint, &server, &context);
    let mut response = response.instrument(span).await;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(context.id) {
        headers.insert("x-request-id", id);
    }
    for (name, value) in DEFAULT_HEADERS {
        let entry = headers.entry(name);
        entry.or_insert(HeaderValue::from_static(value));
    }
    // "The authorization server MUST include the HTTP "Cache-Control" response header field with a
    // value of "no-store" in any response containing tokens, [...] as well as the "Pragma" response
    // header field with a value of "no-cache"", RFC 6749 §5.1. It is the default here.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    }
    Ok(response)
}

/// The response with the CORS headers.
async fn respond(
    next: Arc<impl poem::Endpoint<Output = Response>>,
    mut request: Request,
    endpoint: &Endpoint,
    server: &AuthorizationServer,
    context: &RequestContext,
) -> Response {
    let began = server.clock.read().monotonic;
    let mut measurement = Measurement::begin(&mut request, endpoint, began);
    let mut cors = CorsRequest::read(&mut request, endpoint.readers, &server.settings.issuer);
    let mut response = if let Err(error) = check(&request, &mut cors, server, began).await {
        Failure::Failed(error).response(endpoint, server, context)
    } else if cors.is_preflight() {
        measurement.endpoint = EndpointName::Preflight;
        StatusCode::NO_CONTENT.into_response()
    } else {
        endpoint_response(next, request, endpoint, server, context).await
    };
    cors.permit(&mut response, endpoint.allow, &server.store)
        .await;
    let status = response.status().as_u16();
    tracing::debug!(status, "response");
    measurement.end(&response, server.clock.read().monotonic);
    response
}

/// Refuses a request that no endpoint may see.
async fn check(
    request: &Request,
    cors: &mut CorsRequest,
    server: &AuthorizationServer,
    now: i64,
) -> Result<(), Error> {
    if !host::is_valid(request) {
        return Err(Error::InvalidHead(
            "Host is missing, repeated or malformed".into(),
        ));
    }
    cors.check_origin(&server.store, now).await
}

/// The response of the endpoint, or the one for its error.
async fn endpoint_response(
    next: Arc<impl poem::Endpoint<Output = Response>>,
    request: Request,
    endpoint: &Endpoint,
    server: &AuthorizationServer,
    context: &RequestContext,
) -> Response {
    let now = || server.clock.read().monotonic;
    // The probes do not count: they may be served while nothing else is.
    let waiting = (endpoint.metric != EndpointName::Probe).then(|| server.liveness.begin(now()));
    let timeout = server.settings.server.request_timeout.0;
    let response = match within(timeout, next, request).await {
        Ok(response) => response,
        Err(failure) => failure.response(endpoint, server, context),
    };
    if let Some(waiting) = waiting {
        waiting.answer(now());
    }
    response
}

/// A request without a response of its endpoint.
enum Failure {
    /// The endpoint or the framework returned an error.
    Refused(poem::Error),
    /// The endpoint panicked, or ran into the timeout.
    Failed(Error),
}

async fn within(
    timeout: Duration,
    next: Arc<impl poem::Endpoint<Output = Response>>,
    mut request: Request,
) -> Result<Response, Failure> {
    let body = Arrival::default();
    request.set_data(body.clone());
    let work = AssertUnwindSafe(next.call(request)).catch_unwind();
    match tokio::time::timeout(timeout, work).await {
        Ok(Ok(result)) => result.map_err(Failure::Refused),
        Ok(Err(_panic)) => Err(Failure::Failed(Error::ServerError(
            "a panic, logged above".into(),
        ))),
        // "The 408 (Request Timeout) status code indicates that the server did not receive a complete request
        // message within the time that it was prepared to wait", RFC 9110 §15.5.9.
        Err(_elapsed) if body.is_awaited() => Err(Failure::Failed(Error::RequestTimeout)),
        Err(_elapsed) => Err(Failure::Failed(Error::TemporarilyUnavailable(
            "server.request_timeout passed".into(),
        ))),
    }
}

impl Failure {
    fn response(
        self,
        endpoint: &Endpoint,
        server: &AuthorizationServer,
        context: &RequestContext,
    ) -> Response {
        let response = if Span::current().is_none() {
            let span = context.span("GET", endpoint.path);
            span.in_scope(|| self.data(endpoint))
        } else {
            self.data(endpoint)
        };
        if endpoint.errors == ErrorFormat::Page {
            error_page(&response, &server.settings.page.name, &context.id)
        } else {
            response
        }
    }

    /// The response in JSON.
    fn data(self, endpoint: &Endpoint) -> Response {
        match (self, endpoint.errors) {
            (Self::Refused(error), format) => {
                if let Some(error) = error.downcast_ref::<OAuthError>() {
                    error.as_response()
                } else if let Some(problem) = error.downcast_ref::<Problem>() {
                    problem.as_response()
                } else if format == ErrorFormat::Problem {
                    Problem::from_framework(&error, endpoint.allow).as_response()
                } else {
                    OAuthError::from_framework(&error, endpoint.allow).as_response()
                }
            }
            (Self::Failed(error), ErrorFormat::Problem) => Problem::from(error).as_response(),
            (Self::Failed(error), ErrorFormat::OAuth | ErrorFormat::Page) => {
                OAuthError(error).as_response()
            }
        }
    }
}
