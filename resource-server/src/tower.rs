//! For tower, and so for axum: a layer that lets a request in only with a good token.
//!
//! What the token says is in the request's extensions, as [`AccessToken<C>`].
//!
//! Every method needs the token, `OPTIONS` too. For pages of other origins put the layer that answers
//! CORS *around* this one (in axum: say it later), such as tower-http's `CorsLayer`: a browser's preflight
//! has no token, and the page could not read why it was refused.
//!
//! The service within gets a body of the type [`Peeked`]. Handlers and routers of axum take it as it is;
//! where a layer within insists on axum's own, `axum::middleware::from_fn` for one, say
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

/// A layer that lets a request in only with a good token that allows what the route demands.
///
/// `C` are claims of the API's own.
#[derive(Debug)]
pub struct RequireToken<C = NoClaims> {
    verifier: Verifier,
    requirement: Requirement,
    optional: bool,
    check: Option<Check<C>>,
    reshape: Option<Reshape>,
}

/// What else a route demands of a token.
type Check<C> = fn(&AccessToken<C>) -> Result<(), Refusal>;
/// Makes another answer of a refusal.
type Reshape = fn(Refusal, Response<String>) -> Response<String>;

/// The service that [`RequireToken`] makes.
#[derive(Debug)]
pub struct TokenRequired<S, C = NoClaims> {
    inner: S,
    layer: RequireToken<C>,
}

impl RequireToken {
    /// Demands a good token.
    #[must_use]
    pub const fn new(verifier: Verifier) -> Self {
        Self {
            verifier,
            requirement: Requirement::NONE,
            optional: false,
            check: None,
            reshape: None,
        }
    }
}

impl<C> RequireToken<C> {
    /// Demands this of the token, too.
    #[must_use]
    pub const fn that(mut self, requirement: Requirement) -> Self {
        self.requirement = requirement;
        self
    }

    /// Lets a request without a token in as well; a bad one, or one that allows too little, is refused.
    #[must_use]
    pub const fn or_none(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Asks this, too, of a token that allows what was demanded so far.
    #[must_use]
    pub const fn if_also(mut self, check: fn(&AccessToken<C>) -> Result<(), Refusal>) -> Self {
        self.check = Some(check);
        self
    }

    /// Answers refusals in another shape. Status and `WWW-Authenticate` of the given answer are what
    /// RFC 6750 asks for: keep them.
    #[must_use]
    pub const fn answer_with(
        mut self,
        reshape: fn(Refusal, Response<String>) -> Response<String>,
    ) -> Self {
        self.reshape = Some(reshape);
        self
    }

    /// Reads these claims, too: the extension is then [`AccessToken<D>`]. Say this before
    /// [`if_also`](Self::if_also).
    #[must_use]
    pub fn with_claims<D>(self) -> RequireToken<D> {
        RequireToken {
            verifier: self.verifier,
            requirement: self.requirement,
            optional: self.optional,
            check: None,
            reshape: self.reshape,
        }
    }

    fn answer(&self, refusal: Refusal) -> Response<String> {
        let answer = self.verifier.answer(refusal, &self.requirement);
        match self.reshape {
            Some(reshape) => reshape(refusal, answer),
            None => answer,
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
            reshape: self.reshape,
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
        // The service that was found ready is the one to call; its clone waits for the next request.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let layer = self.layer.clone();
        Box::pin(async move {
            match layer.admit(request).await {
                Ok(request) => inner.call(request).await,
                Err(refusal) => Ok(layer.answer(refusal).map(A::from)),
            }
        })
    }
}

impl<C: DeserializeOwned + Clone + Send + Sync + 'static> RequireToken<C> {
    async fn admit<B>(&self, request: Request<B>) -> Result<Request<Peeked<B>>, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
    {
        let (mut parts, body) = request.into_parts();
        let mut body = Peeked::new(body);
        let form = async {
            if is_form(parts.headers.get(CONTENT_TYPE)) {
                Some(body.peek().await)
            } else {
                None
            }
        };
        let query = parts.uri.query();
        let authorized = self
            .verifier
            .admit::<C, _>(&parts.headers, query, form, &self.requirement)
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
