//! Cross-origin requests: CORS, Fetch §3.3.
//!
//! Poem's middleware does not fit: it refuses unlisted origins with 403, and origins here belong to
//! clients.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};
use url::Url;

use crate::error::Error;
use crate::store::{Store, client};
use crate::web_origin::{WebOrigin, has_loopback_host};

/// Request headers that a page may send, beyond those that every page may.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id, \
                               X-Requested-With, traceparent, tracestate, baggage";
/// Response headers that a page may read.
const RESPONSE_HEADERS: &str = "ETag, Retry-After, WWW-Authenticate, X-Request-Id";
/// How long a browser may cache a preflight, in seconds. No browser observes more.
const MAX_AGE: &str = "7200";
/// How long a response waits for the store to look up its origin. After it, the page cannot read the
/// response.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(1);

/// Origins whose pages may read the responses of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Every origin.
    Everyone,
    /// The origins that are registered with the client of the request.
    Registered,
    /// The server's own origin alone.
    SameOrigin,
}

/// A request as CORS sees it.
pub struct CorsRequest {
    readers: Readers,
    origin: Option<WebOrigin>,
    is_preflight: bool,
    is_from_other_page: bool,
    client: RequestClient,
}

/// The client of a request, as it is registered. The endpoint sets it in the request, because the response after a
/// panic or a timeout is not the endpoint's own.
#[derive(Clone, Default)]
struct RequestClient(Arc<OnceLock<client::Model>>);

/// Sets the client of a request. From then on, only pages of that client's origins may read the
/// response, errors included.
pub fn set_client(client: &client::Model, request: &Request) {
    if let Some(RequestClient(own)) = request.extensions().get() {
        own.get_or_init(|| client.clone());
    }
}

impl CorsRequest {
    /// Reads the request and prepares it for [`set_client`].
    pub fn read(request: &mut Request, readers: Readers, issuer: &str) -> Self {
        let headers = request.headers();
        let cors = Self {
            readers,
            origin: origin(headers).filter(|_| readers == Readers::Registered),
            // "It uses `OPTIONS` as method and includes" these two, Fetch §3.3.2. Any other OPTIONS is
            // an ordinary request.
            is_preflight: readers != Readers::SameOrigin
                && request.method() == Method::OPTIONS
                && headers.contains_key(header::ORIGIN)
                && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD),
            is_from_other_page: readers == Readers::Registered
                && is_from_other_page(request, issuer),
            client: RequestClient::default(),
        };
        if cors.origin.is_some() {
            request.extensions_mut().insert(cors.client.clone());
        }
        cors
    }

    /// Whether the request is a preflight, which the endpoint does not see.
    pub const fn is_preflight(&self) -> bool {
        self.is_preflight
    }

    /// Refuses a request that a page sent whose origin is neither the issuer's nor registered with any client, so that
    /// a page cannot let its visitors guess passwords. Browsers send `Origin` with each such request.
    pub async fn check_origin(&mut self, store: &Store, now: i64) -> Result<(), Error> {
        if !self.is_from_other_page {
            return Ok(());
        }
        let Some(origin) = self.origin.take() else {
            return Err(Error::ForeignOrigin);
        };
        // Boxed, because few requests need it and each has the place for it.
        let lookup = Box::pin(client::is_known_origin(store, &origin, now));
        match tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await {
            Ok(Ok(true)) => {
                self.origin = Some(origin);
                Ok(())
            }
            Ok(Ok(false)) => {
                tracing::debug!(%origin, "the origin is not registered with any client");
                Err(Error::ForeignOrigin)
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Error::TemporarilyUnavailable(
                "looking up the origin took too long".into(),
            )),
        }
    }

    /// Sets the CORS headers of the response. `methods` are the methods of the path. Credentials are
    /// never allowed, because there are no cookies.
    pub async fn permit(&self, response: &mut Response, methods: &str, store: &Store) {
        let reader = match self.readers {
            Readers::SameOrigin => return,
            Readers::Everyone => Some(HeaderValue::from_static("*")),
            Readers::Registered => {
                // In every response, or a cache would serve a page the response for another origin:
                // Fetch, "CORS protocol and HTTP caches".
                let origin = HeaderValue::from_static("Origin");
                response.headers_mut().append(header::VARY, origin);
                self.registered(response.status(), store).await
            }
        };
        let Some(reader) = reader else { return };
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, reader);
        let rest: &[(_, &str)] = if self.is_preflight {
            &[
                (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
                (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
            ]
        } else {
            &[(header::ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS)]
        };
        for (name, value) in rest {
            if let Ok(value) = HeaderValue::try_from(*value) {
                headers.insert(name, value);
            }
        }
    }

    /// The origin, if it is registered with the client of the request. A preflight, and an error
    /// before the client is known, may be read from the origins of any client.
    async fn registered(&self, status: StatusCode, store: &Store) -> Option<HeaderValue> {
        let origin = self.origin.as_ref()?;
        let client = self.client.0.get();
        let is_error = status.is_client_error() || status.is_server_error();
        if client.is_none() && !is_error && !self.is_preflight {
            tracing::error!(%origin, "an endpoint did not set its client");
            return None;
        }
        let lookup = async {
            match client {
                Some(client) => Ok(client.has_origin(origin)),
                None => Box::pin(client::any_has_origin(store, origin)).await,
            }
        };
        match tokio::time::timeout(LOOKUP_TIMEOUT, lookup).await {
            Ok(Ok(true)) => return HeaderValue::try_from(origin.as_str()).ok(),
            Ok(Ok(false)) => {
                let client = client.map(|client| client.id.as_str());
                tracing::debug!(%origin, client, "the origin is not registered");
            }
            Ok(Err(error)) => tracing::warn!(%origin, %error, "cannot look up the origin"),
            Err(_) => tracing::warn!(%origin, "looking up the origin took too long"),
        }
        None
    }
}

/// Whether a page of another origin than the issuer's sent a request that may change or check something.
fn is_from_other_page(request: &Request, issuer: &str) -> bool {
    let mut values = request.headers().get_all(header::ORIGIN).iter();
    let Some(origin) = values.next().filter(|_| !request.method().is_safe()) else {
        return false;
    };
    values.next().is_some() || !origin.to_str().is_ok_and(|origin| is_own(origin, issuer))
}

/// Whether the server has sent the pages of this origin. At a loopback address, the server has several names.
fn is_own(origin: &str, issuer: &str) -> bool {
    let Ok(issuer) = Url::parse(issuer) else {
        return false;
    };
    if issuer.origin().ascii_serialization() == origin {
        return true;
    }
    WebOrigin::sent(origin).is_some_and(|origin| {
        let page = Url::parse(origin.as_str());
        page.is_ok_and(|page| {
            page.port_or_known_default() == issuer.port_or_known_default()
                && page.scheme() == issuer.scheme()
                && has_loopback_host(&page)
                && has_loopback_host(&issuer)
        })
    })
}

/// The single `Origin` header, as browsers write it.
fn origin(headers: &HeaderMap) -> Option<WebOrigin> {
    let mut values = headers.get_all(header::ORIGIN).iter();
    let first = values.next()?;
    let origin = first.to_str().ok().and_then(WebOrigin::sent);
    if origin.is_none() || values.next().is_some() {
        tracing::debug!("the Origin header is malformed or repeated");
        return None;
    }
    origin
}
