//! Extractors for poem and poem-openapi that require a valid token.
//!
//! They read the [`Verifier`] from the request's data: `app.data(verifier)`.

mod document;
mod form;

use std::marker::PhantomData;
use std::ops::Deref;

use poem::http::{HeaderValue, header};
use poem::{Endpoint, FromRequest, Request, RequestBody, Response};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::protected_resource::ProtectedResource;
use crate::refusal::Refusal;
use crate::requirement::{AnyToken, Requirement, Requires};
use crate::token::{AccessToken, NoClaims};
use crate::verifier::Verifier;

pub use document::{SignIn, describe};

/// Caching of the protected resource metadata (RFC 9728).
const METADATA_CACHE_CONTROL: &str = "public, max-age=3600";

/// A valid token that meets the requirement `R`, as a security scheme of poem-openapi.
///
/// `C` are custom claims of the API. The scheme is named `OAuth2` in the document; [`describe`] adds the
/// URLs at which users sign in.
#[derive(Debug)]
pub struct Bearer<R = AnyToken, C = NoClaims> {
    token: AccessToken<C>,
    requirement: PhantomData<fn() -> R>,
}

/// [`Bearer`] for a route where the token is optional. An invalid or insufficient token is refused.
#[derive(Debug)]
pub struct OptionalBearer<R = AnyToken, C = NoClaims> {
    /// The token, if the request has one.
    pub token: Option<AccessToken<C>>,
    requirement: PhantomData<fn() -> R>,
}

/// [`Bearer`] for handlers of poem without poem-openapi.
#[derive(Debug)]
pub struct Authorized<R = AnyToken, C = NoClaims> {
    token: AccessToken<C>,
    requirement: PhantomData<fn() -> R>,
}

/// A refusal as an error of poem. Downcast the error to change the format of the response.
#[derive(Debug, Error)]
#[error("{refusal}")]
pub struct Refused {
    /// The reason.
    pub refusal: Refusal,
    response: http::Response<String>,
}

impl<R, C> Bearer<R, C> {
    /// The token.
    pub fn into_token(self) -> AccessToken<C> {
        self.token
    }
}

impl<R, C> Authorized<R, C> {
    /// The token.
    pub fn into_token(self) -> AccessToken<C> {
        self.token
    }
}

impl<R, C> Deref for Bearer<R, C> {
    type Target = AccessToken<C>;

    fn deref(&self) -> &AccessToken<C> {
        &self.token
    }
}

impl<R, C> Deref for Authorized<R, C> {
    type Target = AccessToken<C>;

    fn deref(&self) -> &AccessToken<C> {
        &self.token
    }
}

impl<'a, R: Requires, C: DeserializeOwned + Send> ApiExtractor<'a> for Bearer<R, C> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        document::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![document::SCHEME]
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        Ok(Self {
            token: authorize(request, body, &R::REQUIREMENT).await?,
            requirement: PhantomData,
        })
    }
}

impl<'a, R: Requires, C: DeserializeOwned + Send> ApiExtractor<'a> for OptionalBearer<R, C> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        document::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![document::SCHEME]
    }

    fn has_security_fallback() -> bool {
        true
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let token = match authorize(request, body, &R::REQUIREMENT).await {
            Ok(token) => Some(token),
            Err(error) if is_without_token(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            token,
            requirement: PhantomData,
        })
    }
}

impl<'a, R: Requires, C: DeserializeOwned + Send> FromRequest<'a> for Authorized<R, C> {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        Ok(Self {
            token: authorize(request, body, &R::REQUIREMENT).await?,
            requirement: PhantomData,
        })
    }
}

async fn authorize<C: DeserializeOwned>(
    request: &Request,
    body: &mut RequestBody,
    requirement: &Requirement,
) -> poem::Result<AccessToken<C>> {
    let verifier = verifier(request)?;
    let form = form::read_prefix(request, body);
    let query = request.uri().query();
    verifier
        .authorize_with_form(request.headers(), query, form, requirement)
        .await
        .map_err(|refusal| refused(verifier, refusal, requirement))
}

fn is_without_token(error: &poem::Error) -> bool {
    error
        .downcast_ref()
        .is_some_and(|refused: &Refused| refused.refusal == Refusal::NoToken)
}

fn verifier(request: &Request) -> poem::Result<&Verifier> {
    request.data::<Verifier>().ok_or_else(|| {
        tracing::error!("no Verifier in the request's data; add app.data(verifier)");
        poem::Error::from_status(poem::http::StatusCode::INTERNAL_SERVER_ERROR)
    })
}

fn refused(verifier: &Verifier, refusal: Refusal, requirement: &Requirement) -> poem::Error {
    let response = verifier.error_response(refusal, requirement);
    Refused { refusal, response }.into()
}

impl poem::error::ResponseError for Refused {
    fn status(&self) -> poem::http::StatusCode {
        self.refusal.status()
    }

    fn as_response(&self) -> Response {
        let (parts, body) = self.response.clone().into_parts();
        let mut response = Response::builder().status(parts.status).body(body);
        response.headers_mut().extend(parts.headers);
        response
    }
}

/// Serves the protected resource metadata (RFC 9728) to pages of every origin; mount it at
/// [`ProtectedResource::path`]. 404 if the verifier has none.
pub fn protected_resource(verifier: &Verifier) -> impl Endpoint<Output = Response> + use<> {
    let json = verifier.protected_resource().map(ProtectedResource::json);
    poem::endpoint::make_sync(move |_| {
        let Some(json) = &json else {
            return poem::http::StatusCode::NOT_FOUND.into();
        };
        Response::builder()
            .content_type("application/json")
            .header(header::CACHE_CONTROL, METADATA_CACHE_CONTROL)
            .header(
                header::ACCESS_CONTROL_ALLOW_ORIGIN,
                HeaderValue::from_static("*"),
            )
            .body(json.clone())
    })
}
