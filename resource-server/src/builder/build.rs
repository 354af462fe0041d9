//! From what was said to a verifier: checks, keys, and the tasks that keep them.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::{Keys, VerifierBuilder};
use crate::build_error::BuildError;
use crate::issuer::feed::Ended;
use crate::issuer::fetch::{Http, is_secure};
use crate::issuer::keeper::{Keeper, Rules};
use crate::issuer::source::Source;
use crate::jwk::KeySet;
use crate::jws::HeaderPolicy;
use crate::protected_resource::ProtectedResource;
use crate::refusal::Realm;
use crate::status::Counters;
use crate::token::ClaimsPolicy;
use crate::verifier::{Shared, TrustedIssuer, Verifier};

/// "Usually no more than a few minutes", RFC 7519 §4.1.4.
const LONGEST_LEEWAY: Duration = Duration::from_mins(5);

impl VerifierBuilder {
    /// Fetches the keys and makes the verifier; within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`BuildError`], which says what to do.
    pub async fn build(self) -> Result<Verifier, BuildError> {
        self.check()?;
        let keeper = self.keeper()?;
        let ended = self.ended(&keeper)?;
        if !self.start_without_issuer {
            let first = keeper.first_snapshot().await;
            if let Some((_, error)) = &first.failing {
                return Err(BuildError::Fetch(error.clone()));
            }
            if let Some(ended) = &ended {
                ended.first().await;
            }
        }
        let issuer = TrustedIssuer {
            header: HeaderPolicy {
                longest: self.longest_token,
                algorithms: self.algorithms,
                accept_typ_jwt: self.accept_typ_jwt,
            },
            claims: ClaimsPolicy {
                issuer: self.issuer,
                audiences: self.audiences.clone(),
                expiry_leeway: seconds(self.expiry_leeway),
                clock_skew: seconds(self.clock_skew),
            },
            keeper,
            ended,
        };
        let audience = self.audiences.into_iter().next().unwrap_or_default();
        Ok(Verifier {
            shared: Arc::new(Shared {
                issuers: vec![Arc::new(issuer)],
                realm: Realm {
                    realm: self.realm.unwrap_or(audience),
                    resource_metadata: self.resource.as_ref().map(ProtectedResource::url),
                },
                resource: self.resource,
                counters: Counters::default(),
                observer: self.observer,
            }),
        })
    }

    fn check(&self) -> Result<(), BuildError> {
        if self.audiences.iter().any(String::is_empty) {
            return Err(BuildError::NoAudience);
        }
        if self.algorithms.is_empty() {
            return Err(BuildError::NoAlgorithm);
        }
        if self.expiry_leeway > LONGEST_LEEWAY || self.clock_skew > LONGEST_LEEWAY {
            return Err(BuildError::Leeway);
        }
        let realm = self.realm.as_ref().or(self.audiences.first());
        if !realm.is_some_and(|realm| is_quotable(realm)) {
            return Err(BuildError::Realm);
        }
        Ok(())
    }

    fn ended(&self, keeper: &Keeper) -> Result<Option<Ended>, BuildError> {
        let Some(feed) = self.feed.clone() else {
            return Ok(None);
        };
        // Where to ask is in the metadata, and only there.
        if !matches!(self.keys, Keys::ByMetadata) {
            return Err(BuildError::FeedWithoutMetadata);
        }
        let issuer = address(&self.issuer, |_| true)?;
        let http = Http::new(self.fetch_timeout, &issuer).map_err(BuildError::Tls)?;
        let snapshots = keeper.snapshots();
        Ok(Some(Ended::start(feed, http, snapshots, &runtime()?)))
    }

    fn keeper(&self) -> Result<Keeper, BuildError> {
        let rules = Rules {
            cool_down: self.cool_down,
            wait: self.fetch_timeout,
            longest_outage: self.longest_outage,
        };
        let jwks_uri = match &self.keys {
            Keys::Fixed(jwks) => {
                let keys = KeySet::parse(jwks.as_bytes(), &self.algorithms);
                return keys
                    .map(|keys| Keeper::fixed(keys, rules))
                    .map_err(|_| BuildError::FixedJwks);
            }
            Keys::At(uri) => Some(address(uri, |_| true)?),
            Keys::ByMetadata => None,
        };
        let asked = match &jwks_uri {
            Some(uri) => uri.clone(),
            // "And has no query or fragment components", RFC 8414 §2.
            None => address(&self.issuer, |issuer| issuer.query().is_none())?,
        };
        let runtime = runtime()?;
        let http = Http::new(self.fetch_timeout, &asked).map_err(BuildError::Tls)?;
        let source = Source::new(http, self.issuer.clone(), jwks_uri, self.algorithms.clone());
        Ok(Keeper::start(
            source,
            rules,
            self.observer.clone(),
            &runtime,
        ))
    }
}

fn runtime() -> Result<tokio::runtime::Handle, BuildError> {
    tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)
}

fn address(text: &str, may_be: impl Fn(&Url) -> bool) -> Result<Url, BuildError> {
    let url = Url::parse(text).ok().filter(is_secure);
    url.filter(|url| url.fragment().is_none() && may_be(url))
        .ok_or_else(|| BuildError::Address(text.to_owned()))
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}

/// Whether a text can stand between quotes in a header as it is.
pub(crate) fn is_quotable(text: &str) -> bool {
    text.bytes()
        .all(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\')
}
