//! Hangs all doors into one route, and holds the layers that every request passes.

mod door;
mod methods;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use hyper::body::Bytes;
use poem::error::ResponseError as _;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::web::Redirect;
use poem::{Body, Endpoint, EndpointExt as _, IntoResponse as _, Request, Response, Route, get};
use tracing::Instrument as _;

use self::door::{DOCUMENT, Door};
use self::methods::Methods;
use crate::document::{self, SwaggerUi};
use crate::endpoint::{health, metadata};
use crate::error::Error;
use crate::response::cors::Crossing;
use crate::response::oauth_error::ErrorAnswer;
use crate::response::problem::Problem;
use crate::secret::random_bytes;
use crate::server::AuthorizationServer;

/// Long enough that two requests of a day do not share one.
const REQUEST_ID: usize = 9;
/// Which methods each path knows.
static METHODS: LazyLock<Methods> =
    LazyLock::new(|| Methods::of(&document::repaired(&document::service(""))));
/// How long a browser may keep the pages and the document.
const PAGES: &str = "public, max-age=300";

/// The policy of what is no page: nothing of it runs or loads, should a browser take it for one.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";
/// What every answer says, unless it says otherwise itself.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, NOTHING),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];

/// The whole application: every path, every layer.
///
/// It answers at the root and, when the issuer has a path, below that path as well, so that a proxy
/// may or may not strip it.
pub fn app(server: Arc<AuthorizationServer>) -> impl Endpoint<Output = Response> {
    let issuer = server.settings.issuer.as_str();
    let prefix = issuer_path(issuer).to_owned();
    let mut route = routes(issuer);
    if !prefix.is_empty() {
        // "the well-known URI string is inserted between the host component and the path
        // component", RFC 8414 §3.1.
        route = route
            .at(
                format!("{}{prefix}", metadata::OAUTH),
                forward(issuer, metadata::OAUTH),
            )
            .at(
                format!("{}{prefix}", metadata::OPENID),
                forward(issuer, metadata::OPENID),
            )
            .nest(&prefix, routes(issuer));
    }
    layered(route.data(Arc::clone(&server)), server)
}

/// An endpoint within the layers: each request has its id, a time to be answered in, the pages that
/// may read the answer, and every failure, a panic too, the shape of its door. The doors stand at
/// the root and below the issuer's own path.
pub fn layered(
    endpoint: impl Endpoint<Output = Response> + 'static,
    server: Arc<AuthorizationServer>,
) -> impl Endpoint<Output = Response> {
    let prefix = issuer_path(&server.settings.issuer).to_owned();
    endpoint.around(move |next, request| {
        let path = request.uri().path();
        let below = path.strip_prefix(&prefix);
        let below = below.filter(|below| below.starts_with('/'));
        let path = below.unwrap_or(path).to_owned();
        layers(next, request, path, Arc::clone(&server))
    })
}

/// The path of an issuer such as `https://example.com/auth`; empty when it has none.
fn issuer_path(issuer: &str) -> &str {
    let after_scheme = issuer.split_once("://").map_or(issuer, |(_, rest)| rest);
    after_scheme
        .find('/')
        .and_then(|at| after_scheme.get(at..))
        .unwrap_or_default()
}

fn routes(issuer: &str) -> Route {
    let service = document::service(issuer);
    let json = document::repaired(&service);
    let swagger_ui = document::swagger_ui(&service, &json, issuer);
    Route::new()
        .at("/healthz", get(health::healthz))
        .at("/readyz", get(health::readyz))
        .at("/docs", get(docs(swagger_ui, issuer)))
        .at(DOCUMENT, get(fixed("application/json", json, NOTHING)))
        .nest("/", service)
}

/// Swagger UI, at the issuer's own name.
fn docs(page: SwaggerUi, issuer: &str) -> impl Endpoint<Output = Response> + use<> {
    let SwaggerUi { html, policy } = page;
    let issuer: Arc<str> = issuer.into();
    fixed("text/html; charset=utf-8", html, &policy).around(move |page, request: Request| {
        let host = request.header(header::HOST).unwrap_or_default();
        let elsewhere = document::address_at_issuer(&issuer, host);
        async move {
            match elsewhere {
                Some(address) => Ok(Redirect::temporary(address).into_response()),
                None => page.call(request).await,
            }
        }
    })
}

/// A page that is made once, and shared by all who ask for it.
fn fixed(
    content_type: &'static str,
    body: String,
    policy: &str,
) -> impl Endpoint<Output = Response> + use<> {
    let body = Bytes::from(body);
    let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static(NOTHING));
    poem::endpoint::make_sync(move |_| {
        Response::builder()
            .content_type(content_type)
            .header(header::CACHE_CONTROL, PAGES)
            .header(header::CONTENT_SECURITY_POLICY, policy.clone())
            .body(Body::from_bytes(body.clone()))
    })
}

/// Answers at another path with what stands at `path`.
fn forward(issuer: &str, path: &'static str) -> impl Endpoint<Output = Response> + use<> {
    let inner = Route::new()
        .nest("/", document::service(issuer))
        .map_to_response();
    inner.before(move |mut request: Request| async move {
        *request.uri_mut() = poem::http::Uri::from_static(path);
        Ok(request)
    })
}

/// Gives the request its id and its time, and every failure the shape of the door at `path`, which
/// the issuer's own path is no part of.
async fn layers(
    next: Arc<impl Endpoint<Output = Response>>,
    request: Request,
    path: String,
    server: Arc<AuthorizationServer>,
) -> poem::Result<Response> {
    let id = URL_SAFE_NO_PAD.encode(random_bytes::<REQUEST_ID>());
    // The query stays out of the log: people put secrets there by mistake.
    let full = request.uri().path();
    let span = tracing::info_span!("request", %id, method = %request.method(), path = full);
    let mut response = answer(next, request, &path, &server).instrument(span).await;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert("x-request-id", id);
    }
    for (name, value) in HEADERS {
        let entry = headers.entry(name);
        entry.or_insert(HeaderValue::from_static(value));
    }
    // "The authorization server MUST include the HTTP "Cache-Control" response header field with a
    // value of "no-store" in any response containing tokens, [...] as well as the "Pragma" response
    // header field with a value of "no-cache"", RFC 6749 §5.1. Nothing here is kept unless it says.
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    }
    Ok(response)
}

/// What the door answers, or what its failure comes to; and which pages may read it.
async fn answer(
    next: Arc<impl Endpoint<Output = Response>>,
    mut request: Request,
    path: &str,
    server: &AuthorizationServer,
) -> Response {
    let door = Door::of(path);
    let crossing = Crossing::begin(&mut request, door.readers());
    let (name, mut response) = if crossing.is_preflight() {
        ("preflight", StatusCode::NO_CONTENT.into_response())
    } else {
        let timeout = server.settings.server.request_timeout.0;
        let response = match in_time(next, request, timeout).await {
            Ok(response) => response,
            Err(failure) => failure.response(path, door),
        };
        (door.name(), response)
    };
    let methods = METHODS.of_path(path);
    crossing.permit(&mut response, methods, &server.store).await;
    let status = response.status().as_u16();
    tracing::debug!(status, "answered");
    let labels = [("door", name), ("status", class(status))];
    metrics::counter!("jeton_requests_total", &labels).increment(1);
    response
}

/// Why there is no answer.
enum Failure {
    /// The door refused, or the framework did.
    Refused(poem::Error),
    /// The door panicked, or took too long.
    Failed(Error),
}

async fn in_time(
    next: Arc<impl Endpoint<Output = Response>>,
    request: Request,
    timeout: Duration,
) -> Result<Response, Failure> {
    let work = AssertUnwindSafe(next.call(request)).catch_unwind();
    match tokio::time::timeout(timeout, work).await {
        Ok(Ok(answered)) => answered.map_err(Failure::Refused),
        Ok(Err(_panic)) => Err(Failure::Failed(Error::ServerError(
            "a panic, logged above".into(),
        ))),
        Err(_elapsed) => Err(Failure::Failed(Error::TemporarilyUnavailable(
            "took too long".into(),
        ))),
    }
}

impl Failure {
    /// The answer, in the shape of the door that the path leads to.
    fn response(self, path: &str, door: Door) -> Response {
        match self {
            Self::Refused(error) => {
                if let Some(answer) = error.downcast_ref::<ErrorAnswer>() {
                    answer.as_response()
                } else if let Some(problem) = error.downcast_ref::<Problem>() {
                    problem.as_response()
                } else if door.has_problems() {
                    Problem::from_framework(&error, METHODS.of_path(path)).as_response()
                } else {
                    ErrorAnswer::from_framework(&error, METHODS.of_path(path)).as_response()
                }
            }
            Self::Failed(error) if door.has_problems() => Problem::from(error).as_response(),
            Self::Failed(error) => ErrorAnswer(error).as_response(),
        }
    }
}

/// The class of a status.
const fn class(status: u16) -> &'static str {
    match status {
        ..300 => "2xx",
        300..400 => "3xx",
        400..500 => "4xx",
        _ => "5xx",
    }
}
