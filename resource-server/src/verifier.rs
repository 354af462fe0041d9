//! Verifies the access tokens of requests.

use std::sync::Arc;

use http::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::challenge::Challenge;
use crate::clock;
use crate::credentials::bearer_token;
use crate::json;
use crate::jws;
use crate::observer::Observer;
use crate::protected_resource::ProtectedResource;
use crate::refusal::Refusal;
use crate::requirement::Requirement;
use crate::status::{Counters, IssuerStatus, Status};
use crate::token::AccessToken;
use crate::trusted_issuer::TrustedIssuer;

/// Verifies access tokens with cached keys, without a call to the issuer per request.
///
/// A clone is another handle to the same verifier. Keys are fetched in the background while a handle
/// exists.
#[derive(Clone, Debug)]
pub struct Verifier {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    /// At least one.
    pub issuers: Vec<Arc<TrustedIssuer>>,
    pub challenge: Challenge,
    pub resource: Option<ProtectedResource>,
    pub counters: Counters,
    pub observer: Option<Arc<dyn Observer>>,
}

#[derive(Deserialize)]
struct Issuer {
    iss: Option<String>,
}

impl Verifier {
    /// Combines verifiers into one for the tokens of several issuers. Each token is checked with the keys
    /// and rules of its own issuer (RFC 8725 §3.8); of two verifiers for one issuer the first is used.
    /// Realm, resource and observer are those of the first verifier. `None` without a verifier.
    pub fn any_of(verifiers: impl IntoIterator<Item = Self>) -> Option<Self> {
        let verifiers: Vec<Self> = verifiers.into_iter().collect();
        let first = &verifiers.first()?.shared;
        let issuers = verifiers
            .iter()
            .flat_map(|verifier| verifier.shared.issuers.iter().map(Arc::clone));
        Some(Self {
            shared: Arc::new(Shared {
                issuers: issuers.collect(),
                challenge: first.challenge.clone(),
                resource: first.resource.clone(),
                counters: Counters::default(),
                observer: first.observer.clone(),
            }),
        })
    }

    /// Verifies a token and parses its claims; `C` are custom claims of the API.
    ///
    /// Waits for the issuer only if the token names an unknown key.
    pub async fn verify<C: DeserializeOwned>(
        &self,
        token: &str,
    ) -> Result<AccessToken<C>, Refusal> {
        self.counted(self.check(token).await)
    }

    /// Verifies the token of a request and checks the route's requirement. `form` is the body if its type
    /// is `application/x-www-form-urlencoded`: a second token in it is refused.
    ///
    /// Adapters for other frameworks call this.
    pub async fn authorize<C: DeserializeOwned>(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        form: Option<&[u8]>,
        requirement: &Requirement,
    ) -> Result<AccessToken<C>, Refusal> {
        let form = std::future::ready(form);
        self.authorize_with_form(headers, query, form, requirement)
            .await
    }

    /// [`authorize`](Self::authorize) with a form that is read after the token was verified, so that a
    /// client without a valid token cannot make the API wait for a body.
    pub(crate) async fn authorize_with_form<C: DeserializeOwned, F: AsRef<[u8]>>(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        form: impl Future<Output = Option<F>>,
        requirement: &Requirement,
    ) -> Result<AccessToken<C>, Refusal> {
        let outcome = async {
            let token = self.check(bearer_token(headers, query, None)?).await?;
            let form = form.await;
            bearer_token(headers, query, form.as_ref().map(AsRef::as_ref))?;
            requirement.check(&token, clock::now())?;
            Ok(token)
        };
        self.counted(outcome.await)
    }

    /// The response to a refused request on a route with this requirement: status, `WWW-Authenticate`
    /// and a body of type `application/problem+json`.
    pub fn error_response(
        &self,
        refusal: Refusal,
        requirement: &Requirement,
    ) -> http::Response<String> {
        self.shared.challenge.response(refusal, requirement.scopes)
    }

    /// The current status.
    pub fn status(&self) -> Status {
        let (verified, refused) = self.shared.counters.read();
        let issuers = self.shared.issuers.iter();
        Status {
            issuers: issuers.map(|issuer| IssuerStatus::new(issuer)).collect(),
            verified,
            refused,
        }
    }

    /// The protected resource metadata (RFC 9728), if it was set.
    pub fn protected_resource(&self) -> Option<&ProtectedResource> {
        self.shared.resource.as_ref()
    }

    /// The token endpoint of the first issuer, once its metadata is known.
    pub fn token_endpoint(&self) -> Option<String> {
        let issuer = self.shared.issuers.first()?;
        issuer.keys.snapshot().endpoints.token.clone()
    }

    async fn check<C: DeserializeOwned>(&self, token: &str) -> Result<AccessToken<C>, Refusal> {
        match self.shared.issuers.as_slice() {
            [only] => only.verify(token).await,
            several => {
                let named = issuer_of(token, several)?;
                let trusted = several.iter().find(|one| one.claims.issuer == named);
                trusted.ok_or(Refusal::WrongIssuer)?.verify(token).await
            }
        }
    }

    fn counted<T>(&self, outcome: Result<T, Refusal>) -> Result<T, Refusal> {
        let Shared {
            counters, observer, ..
        } = &*self.shared;
        match &outcome {
            Ok(_) => {
                counters.verified();
                if let Some(observer) = observer {
                    observer.verified();
                }
            }
            Err(refusal) => {
                counters.refused(*refusal);
                tracing::debug!(reason = refusal.reason(), "request refused");
                if let Some(observer) = observer {
                    observer.refused(*refusal);
                }
            }
        }
        outcome
    }
}

/// The `iss` of a token that is not verified yet. It only selects the issuer whose keys and rules apply.
fn issuer_of(token: &str, issuers: &[Arc<TrustedIssuer>]) -> Result<String, Refusal> {
    let max_length = issuers.iter().map(|issuer| issuer.header.max_length).max();
    if token.len() > max_length.unwrap_or_default() {
        return Err(Refusal::TooLong);
    }
    let payload = token.split('.').nth(1).ok_or(Refusal::Malformed)?;
    let Issuer { iss } = json::parse_claims(&jws::decode(payload)?)?;
    iss.ok_or(Refusal::MissingClaim("iss"))
}
