//! Which pages may read an answer from another origin, and what they may send: CORS, Fetch §3.3.
//!
//! Poem's own middleware does not do: it answers 403 to origins that it was not told of, and knows
//! no clients.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use poem::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use poem::{Request, Response};

use crate::store::{Store, client_origin};
use crate::web_origin::WebOrigin;

/// What clients, the libraries below them and tracing send, beyond what every page may.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, If-Match, If-None-Match, X-Request-Id, \
                               X-Requested-With, traceparent, tracestate, baggage";
/// What a page may see beyond the body.
const RESPONSE_HEADERS: &str = "ETag, Retry-After, WWW-Authenticate, X-Request-Id";
/// Seconds for which a browser need not ask again; two hours are the most that any observes.
const MAX_AGE: &str = "7200";
/// An answer is ready: it goes unread rather than wait longer than this for a store that hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whose pages may read what a door answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Everyone's.
    Everyone,
    /// Those of the origins that are registered with the client in question.
    Registered,
    /// Our own alone.
    Ourselves,
}

/// What a request has to do with pages of other origins.
pub struct Crossing {
    readers: Readers,
    origin: Option<WebOrigin>,
    is_preflight: bool,
    client: Behalf,
}

/// The client for which a request is handled. Its door says so while it works, in the request: an
/// answer that follows a panic or a time-out is not the door's, and could not tell.
#[derive(Clone, Default)]
struct Behalf(Arc<OnceLock<String>>);

/// Says for which client a request is handled, once it is known. From then on the answer, an error
/// too, is for the pages of that client alone.
pub fn on_behalf_of(client_id: &str, request: &Request) {
    if let Some(Behalf(client)) = request.extensions().get() {
        client.get_or_init(|| client_id.to_owned());
    }
}

impl Crossing {
    /// Reads the request, and lets its door say for which client it is handled.
    pub fn begin(request: &mut Request, readers: Readers) -> Self {
        let headers = request.headers();
        let crossing = Self {
            readers,
            origin: origin(headers).filter(|_| readers == Readers::Registered),
            // "It uses `OPTIONS` as method and includes" these two, Fetch §3.3.2. Any other OPTIONS is
            // a method like others.
            is_preflight: readers != Readers::Ourselves
                && request.method() == Method::OPTIONS
                && headers.contains_key(header::ORIGIN)
                && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD),
            client: Behalf::default(),
        };
        if crossing.origin.is_some() {
            request.extensions_mut().insert(crossing.client.clone());
        }
        crossing
    }

    /// Whether a browser asks what its page may do; the door is not meant.
    #[must_use]
    pub const fn is_preflight(&self) -> bool {
        self.is_preflight
    }

    /// Tells the browser whether its page may read the response, and, if it asks, what the page may
    /// send to a path that knows `methods`. There are no cookies, so credentials are never allowed.
    pub async fn permit(&self, response: &mut Response, methods: &str, store: &Store) {
        let reader = match self.readers {
            Readers::Ourselves => return,
            Readers::Everyone => Some(HeaderValue::from_static("*")),
            Readers::Registered => {
                // In answers to no page as well, or a cache would give a page what was not for it:
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

    /// The origin, if it is registered with the client of the request. A preflight and an error
    /// before the client was known are for the pages of any client: their developers must be able
    /// to read what is wrong.
    async fn registered(&self, status: StatusCode, store: &Store) -> Option<HeaderValue> {
        let origin = self.origin.as_ref()?;
        let client = self.client.0.get();
        let is_error = status.is_client_error() || status.is_server_error();
        if client.is_none() && !is_error && !self.is_preflight {
            tracing::error!(%origin, "a door did not say for which client it answered");
            return None;
        }
        let asked = async {
            match client {
                Some(client) => client_origin::is_registered_with(store, client, origin).await,
                None => client_origin::is_registered(store, origin).await,
            }
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(true)) => return HeaderValue::try_from(origin.as_str()).ok(),
            // Of the client, if one is named, or else of any that is enabled.
            Ok(Ok(false)) => tracing::debug!(%origin, client, "the origin is not registered"),
            Ok(Err(error)) => tracing::warn!(%origin, %error, "unknown whether it is registered"),
            Err(_) => tracing::warn!(%origin, "the store does not say whether it is registered"),
        }
        None
    }
}

/// The one `Origin`, as browsers write it; whatever else stands there is registered with nobody.
fn origin(headers: &HeaderMap) -> Option<WebOrigin> {
    let mut values = headers.get_all(header::ORIGIN).iter();
    let first = values.next()?;
    let origin = first.to_str().ok().and_then(WebOrigin::sent);
    if origin.is_none() || values.next().is_some() {
        tracing::debug!("Origin is not one that could be registered");
        return None;
    }
    origin
}
