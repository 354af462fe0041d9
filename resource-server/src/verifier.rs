//! Verifies access tokens, RFC 9068 §4.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::builder::VerifierBuilder;
use crate::clock;
use crate::credentials::bearer_token;
use crate::issuer::feed::Ended;
use crate::issuer::keeper::{Found, Keeper};
use crate::json::{self, JsonError};
use crate::jws::{HeaderPolicy, Jws};
use crate::protected_resource::ProtectedResource;
use crate::refusal::{Answer, Realm, Refusal};
use crate::requirement::Requirement;
use crate::status::{Counters, IssuerStatus, Observer, Status};
use crate::token::{AccessToken, ClaimsPolicy, NumericDate};

/// Verifies access tokens by keys that it keeps: no call to the issuer for a request.
///
/// A clone is another handle to the same verifier. It fetches keys for as long as a handle lives.
#[derive(Clone, Debug)]
pub struct Verifier {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    /// One or more.
    pub issuers: Vec<Arc<TrustedIssuer>>,
    pub realm: Realm,
    pub resource: Option<ProtectedResource>,
    pub counters: Counters,
    pub observer: Option<Arc<dyn Observer>>,
}

/// An issuer whose tokens are taken, and what they must say.
#[derive(Debug)]
pub(crate) struct TrustedIssuer {
    pub header: HeaderPolicy,
    pub claims: ClaimsPolicy,
    pub keeper: Keeper,
    pub ended: Option<Ended>,
}

#[derive(Deserialize)]
struct IssuerAlone {
    iss: Option<String>,
}

#[derive(Deserialize)]
struct Dated {
    iat: NumericDate,
}

impl Verifier {
    /// A verifier for the tokens that `issuer` makes for `audience`.
    ///
    /// The issuer is compared as it stands, and the keys are found by its metadata. The audience is
    /// the name of this API at the issuer; by RFC 8707 its URL.
    pub fn builder(issuer: impl Into<String>, audience: impl Into<String>) -> VerifierBuilder {
        VerifierBuilder::new(issuer.into(), audience.into())
    }

    /// One verifier that takes the tokens of several: each by its own issuer's keys and rules (RFC 8725
    /// §3.8); of two for the same issuer, by those of the first. Realm, resource and observer are those
    /// of the first; `None` if there is none.
    #[must_use]
    pub fn any_of(verifiers: impl IntoIterator<Item = Self>) -> Option<Self> {
        let verifiers: Vec<Self> = verifiers.into_iter().collect();
        let first = &verifiers.first()?.shared;
        let issuers = verifiers
            .iter()
            .flat_map(|verifier| verifier.shared.issuers.iter().map(Arc::clone));
        Some(Self {
            shared: Arc::new(Shared {
                issuers: issuers.collect(),
                realm: first.realm.clone(),
                resource: first.resource.clone(),
                counters: Counters::default(),
                observer: first.observer.clone(),
            }),
        })
    }

    /// Verifies a token and reads what it says; `C` are claims of the API's own.
    ///
    /// This waits for the issuer only if the token names a key that is not known.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] for each check that fails.
    pub async fn verify<C: DeserializeOwned>(
        &self,
        token: &str,
    ) -> Result<AccessToken<C>, Refusal> {
        self.counted(self.check(token).await)
    }

    /// Verifies the token of a request and holds it to what the route demands. `form` is the request's
    /// body if that is `application/x-www-form-urlencoded`: a second token in it is refused.
    ///
    /// This is what the adapters do; use it to write another.
    ///
    /// # Errors
    ///
    /// A [`Refusal`] for each check that fails.
    pub async fn authorize<C: DeserializeOwned>(
        &self,
        headers: &HeaderMap,
        query: Option<&str>,
        form: Option<&[u8]>,
        requirement: &Requirement,
    ) -> Result<AccessToken<C>, Refusal> {
        let form = std::future::ready(form);
        self.admit(headers, query, form, requirement).await
    }

    /// The same with a form that is read when the token was found good: who has none does not make the
    /// API wait for a body.
    pub(crate) async fn admit<C: DeserializeOwned, F: AsRef<[u8]>>(
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

    /// The answer to a refused request on a route with this requirement: status, `WWW-Authenticate`
    /// and a body of `application/problem+json`.
    #[must_use]
    pub fn answer(&self, refusal: Refusal, requirement: &Requirement) -> http::Response<String> {
        let Answer {
            status,
            headers,
            body,
        } = self.shared.realm.answer(refusal, requirement.scopes);
        let mut response = http::Response::new(body);
        *response.status_mut() = status;
        response.headers_mut().extend(headers);
        response
    }

    /// How it is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        let (verified, refused) = self.shared.counters.read();
        let issuers = self.shared.issuers.iter();
        Status {
            issuers: issuers.map(|issuer| IssuerStatus::new(issuer)).collect(),
            verified,
            refused,
        }
    }

    /// The document of RFC 9728, if one was given.
    #[must_use]
    pub fn protected_resource(&self) -> Option<&ProtectedResource> {
        self.shared.resource.as_ref()
    }

    /// Where the first issuer gives tokens, once its metadata is known.
    #[must_use]
    pub fn token_endpoint(&self) -> Option<String> {
        let issuer = self.shared.issuers.first()?;
        issuer.keeper.snapshot().endpoints.token.clone()
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
                tracing::debug!(reason = refusal.reason(), "an access token was refused");
                if let Some(observer) = observer {
                    observer.refused(*refusal);
                }
            }
        }
        outcome
    }
}

impl TrustedIssuer {
    async fn verify<C: DeserializeOwned>(&self, token: &str) -> Result<AccessToken<C>, Refusal> {
        let jws = Jws::parse(token, &self.header)?;
        let kid = jws.kid.as_deref();
        let keys = match self.keeper.keys_for(kid).await {
            Found::Keys(keys) => keys,
            // A token that is younger than what is known of the keys may be by a key that is younger,
            // too: its client comes back, and does not sign in again.
            Found::NotThereBefore(age) if !issued_before(&jws, age) => {
                return Err(Refusal::KeysUnavailable);
            }
            Found::NotThereBefore(_) => return Err(Refusal::UnknownKey),
            Found::Unavailable => return Err(Refusal::KeysUnavailable),
        };
        let mut keys = keys.find(kid, jws.algorithm).peekable();
        if keys.peek().is_none() {
            return Err(Refusal::UnknownKey);
        }
        if !jws.verify(keys) {
            return Err(Refusal::WrongSignature);
        }
        let token = AccessToken::from_claims(&jws.payload()?, &self.claims, clock::now())?;
        self.refuse_ended(token)
    }

    fn refuse_ended<C>(&self, token: AccessToken<C>) -> Result<AccessToken<C>, Refusal> {
        match (&self.ended, &token.session_id) {
            (Some(ended), Some(session)) if ended.has(session) => Err(Refusal::SessionEnded),
            _ => Ok(token),
        }
    }
}

/// Whether a token says that it was issued more than so long ago, to a second; so is one that does not
/// say when. Nothing of it was verified: it decides how a token is refused, and nothing else.
fn issued_before(jws: &Jws<'_>, age: Duration) -> bool {
    let payload = jws.payload().ok();
    let dated = payload.and_then(|payload| json::parse_object::<Dated>(&payload).ok());
    let known_at = clock::now().saturating_sub_unsigned(age.as_secs());
    dated.is_none_or(|Dated { iat }| iat.0 < known_at - 1)
}

/// The issuer that a token names, before anything of it was verified: it decides by whose keys and rules
/// the token is judged, and nothing else.
fn issuer_of(token: &str, issuers: &[Arc<TrustedIssuer>]) -> Result<String, Refusal> {
    let longest = issuers.iter().map(|issuer| issuer.header.longest).max();
    if token.len() > longest.unwrap_or_default() {
        return Err(Refusal::TooLong);
    }
    let payload = token.split('.').nth(1).ok_or(Refusal::Malformed)?;
    let payload = crate::jws::decode(payload)?;
    let IssuerAlone { iss } = json::parse_object(&payload).map_err(JsonError::of_claims)?;
    iss.ok_or(Refusal::MissingClaim("iss"))
}
