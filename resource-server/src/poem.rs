//! For poem and poem-openapi: extractors that let a request in only with a good token.
//!
//! Both find the [`Verifier`] in the request's data: `app.data(verifier)`.

mod document;
mod form;

use std::marker::PhantomData;
use std::ops::Deref;

use poem::http::{HeaderValue, header};
use poem::{Endpoint, FromRequest, Request, RequestBody, Response};
use poem_openapi::registry::Registry;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::DeserializeOwned;

use crate::refusal::Refusal;
use crate::requirement::{AnyToken, Requirement, Requires};
use crate::token::{AccessToken, NoClaims};
use crate::verifier::Verifier;

pub use document::{SignIn, describe};

/// How long a client may keep the document of RFC 9728.
const METADATA: &str = "public, max-age=3600";

/// A good token that allows what `R` demands, as a security scheme of poem-openapi.
///
/// `C` are claims of the API's own. The scheme is named `OAuth2` in the document; [`describe`] says
/// there where people sign in.
#[derive(Debug)]
pub struct Bearer<R = AnyToken, C = NoClaims> {
    token: AccessToken<C>,
    requirement: PhantomData<fn() -> R>,
}

/// The same where a token may be absent; a bad one, or one that allows too little, is refused.
#[derive(Debug)]
pub struct OptionalBearer<R = AnyToken, C = NoClaims> {
    /// What the token says, if there is one.
    pub token: Option<AccessToken<C>>,
    requirement: PhantomData<fn() -> R>,
}

/// The same as [`Bearer`] for handlers of poem alone.
#[derive(Debug)]
pub struct Authorized<R = AnyToken, C = NoClaims> {
    token: AccessToken<C>,
    requirement: PhantomData<fn() -> R>,
}

/// Why a request was refused, as an error of poem; downcast to it to answer in another shape.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    answer: http::Response<String>,
}

impl<R, C> Bearer<R, C> {
    /// What the token says.
    #[must_use]
    pub fn into_token(self) -> AccessToken<C> {
        self.token
    }
}

impl<R, C> Authorized<R, C> {
    /// What the token says.
    #[must_use]
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
            token: admit(request, body, &R::REQUIREMENT).await?,
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
        let token = match admit(request, body, &R::REQUIREMENT).await {
            Ok(token) => Some(token),
            Err(error) if is_for_want_of_a_token(&error) => None,
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
            token: admit(request, body, &R::REQUIREMENT).await?,
            requirement: PhantomData,
        })
    }
}

/// The token of a request that is let in.
async fn admit<C: DeserializeOwned>(
    request: &Request,
    body: &mut RequestBody,
    requirement: &Requirement,
) -> poem::Result<AccessToken<C>> {
    let verifier = verifier(request)?;
    let form = form::peek(request, body);
    let query = request.uri().query();
    verifier
        .admit(request.headers(), query, form, requirement)
        .await
        .map_err(|refusal| refused(verifier, refusal, requirement))
}

fn is_for_want_of_a_token(error: &poem::Error) -> bool {
    error
        .downcast_ref()
        .is_some_and(|refused: &Refused| refused.refusal == Refusal::NoToken)
}

fn verifier(request: &Request) -> poem::Result<&Verifier> {
    request.data::<Verifier>().ok_or_else(|| {
        tracing::error!("there is no Verifier in the request's data: app.data(verifier)");
        poem::Error::from_status(poem::http::StatusCode::INTERNAL_SERVER_ERROR)
    })
}

fn refused(verifier: &Verifier, refusal: Refusal, requirement: &Requirement) -> poem::Error {
    let answer = verifier.answer(refusal, requirement);
    Refused { refusal, answer }.into()
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.refusal.fmt(f)
    }
}

impl std::error::Error for Refused {}

impl poem::error::ResponseError for Refused {
    fn status(&self) -> poem::http::StatusCode {
        self.refusal.status()
    }

    fn as_response(&self) -> Response {
        let (parts, body) = self.answer.clone().into_parts();
        let mut response = Response::builder().status(parts.status).body(body);
        response.headers_mut().extend(parts.headers);
        response
    }
}

/// Serves the document of RFC 9728, to pages of every origin; mount it at
/// [`ProtectedResource::path`](crate::ProtectedResource::path). 404 if the verifier has none.
pub fn protected_resource(verifier: &Verifier) -> impl Endpoint<Output = Response> + use<> {
    let json = verifier
        .protected_resource()
        .map(crate::ProtectedResource::json);
    poem::endpoint::make_sync(move |_| {
        let Some(json) = &json else {
            return poem::http::StatusCode::NOT_FOUND.into();
        };
        Response::builder()
            .content_type("application/json")
            .header(header::CACHE_CONTROL, METADATA)
            .header(
                header::ACCESS_CONTROL_ALLOW_ORIGIN,
                HeaderValue::from_static("*"),
            )
            .body(json.clone())
    })
}
