//! A layer for tower, and thus axum, that requires a valid token.
//!
//! The request's extensions contain the token as [`AccessToken<C>`].
//!
//! Every method requires the token, including `OPTIONS`. For pages of other origins, put a CORS layer such
//! as tower-http's `CorsLayer` *around* this one (in axum: add it later). A browser's preflight has no
//! token, and without CORS headers the page cannot read a refusal.
//!
//! The inner service receives a body of type [`Peeked`], which handlers and routers of axum accept. For an
//! inner layer that requires axum's own type, such as `axum::middleware::from_fn`, insert
//! `map_request(|request: Request<Peeked<Body>>| request.map(Body::new))` between the two.

mod body;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body::Body;
use serde::de::DeserializeOwned;
use tower_layer::Layer;
use tower_service::Service;

use crate::credentials::is_form;
use crate::refusal::Refusal;
use crate::requirement::Requirement;
use crate::token::{AccessToken, NoClaims};
use crate::verifier::Verifier;

pub use body::Peeked;

/// A layer that requires a valid token which meets the route's requirement.
///
/// `C` are custom claims of the API.
#[derive(Debug)]
#[must_use]
pub struct RequireToken<C = NoClaims> {
    verifier: Verifier,
    requirement: Requirement,
    optional: bool,
    check: Option<Check<C>>,
    map_response: Option<MapResponse>,
}

/// An additional check of a token.
type Check<C> = fn(&AccessToken<C>) -> Result<(), Refusal>;
/// Changes the response to a refusal.
type MapResponse = fn(Refusal, Response<String>) -> Response<String>;

/// The service that [`RequireToken`] wraps around another.
#[derive(Debug)]
pub struct TokenRequired<S, C = NoClaims> {
    inner: S,
    layer: RequireToken<C>,
}

impl RequireToken {
    /// Requires a valid token.
    pub const fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            requirement: Requirement::NONE,
            optional: false,
            check: None,
            map_response: None,
        }
    }
}

impl<C> RequireToken<C> {
    /// Sets the requirement of the route.
    pub const fn requirement(mut self, requirement: Requirement) -> Self {
        self.requirement = requirement;
        self
    }

    /// Accepts requests without a token. An invalid or insufficient token is refused.
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Adds a check of a token that meets the requirement.
    pub const fn check(mut self, check: fn(&AccessToken<C>) -> Result<(), Refusal>) -> Self {
        self.check = Some(check);
        self
    }

    /// Changes the responses to refusals. Keep the status and `WWW-Authenticate`, which RFC 6750 requires.
    pub const fn map_response(
        mut self,
        map: fn(Refusal, Response<String>) -> Response<String>,
    ) -> Self {
        self.map_response = Some(map);
        self
    }

    /// Parses custom claims, too: the extension is then [`AccessToken<D>`]. Call this before
    /// [`check`](Self::check).
    pub fn with_claims<D>(self) -> RequireToken<D> {
        RequireToken {
            verifier: self.verifier,
            requirement: self.requirement,
            optional: self.optional,
            check: None,
            map_response: self.map_response,
        }
    }

    fn error_response(&self, refusal: Refusal) -> Response<String> {
        let response = self.verifier.error_response(refusal, &self.requirement);
        match self.map_response {
            Some(map) => map(refusal, response),
            None => response,
        }
    }
}

impl<C> Clone for RequireToken<C> {
    fn clone(&self) -> Self {
        Self {
            verifier: self.verifier.clone(),
            requirement: self.requirement,
            optional: self.optional,
            check: self.check,
            map_response: self.map_response,
        }
    }
}

impl<S: Clone, C> Clone for TokenRequired<S, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<S, C> Layer<S> for RequireToken<C> {
    type Service = TokenRequired<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        TokenRequired {
            inner,
            layer: self.clone(),
        }
    }
}

impl<S, C, B, A> Service<Request<B>> for TokenRequired<S, C>
where
    S: Service<Request<Peeked<B>>, Response = Response<A>> + Clone + Send + 'static,
    S::Future: Send,
    C: DeserializeOwned + Clone + Send + Sync + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Send,
    A: From<String>,
{
    type Response = Response<A>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<A>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The inner service is ready, its clone is not: call the former, keep the latter.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            match layer.authorize(request).await {
                Ok(request) => inner.call(request).await,
                Err(refusal) => Ok(layer.error_response(refusal).map(A::from)),
            }
        })
    }
}

impl<C: DeserializeOwned + Clone + Send + Sync + 'static> RequireToken<C> {
    async fn authorize<B>(&self, request: Request<B>) -> Result<Request<Peeked<B>>, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (mut parts, body) = request.into_parts();
        let mut body = Peeked::new(body);
        let form = async {
            if is_form(parts.headers.get(CONTENT_TYPE)) {
                Some(body.read_prefix().await)
            } else {
                None
            }
        };
        let query = parts.uri.query();
        let authorized = self
            .verifier
            .authorize_with_form::<C, _>(&parts.headers, query, form, &self.requirement)
            .await;
        match authorized {
            Ok(token) => {
                if let Some(check) = self.check {
                    check(&token)?;
                }
                parts.extensions.insert(token);
            }
            Err(Refusal::NoToken) if self.optional => {}
            Err(refusal) => return Err(refusal),
        }
        Ok(Request::from_parts(parts, body))
    }
}
