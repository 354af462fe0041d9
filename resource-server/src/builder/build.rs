//! Builds a verifier: checks the settings and starts the background tasks.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use url::Url;

use super::{Keys, VerifierBuilder};
use crate::build_error::BuildError;
use crate::challenge::{Challenge, is_quotable};
use crate::claims::ClaimsPolicy;
use crate::issuer::fetch::{Http, is_secure};
use crate::issuer::key_cache::{CachePolicy, KeyCache};
use crate::issuer::key_source::KeySource;
use crate::issuer::revoked_sessions::RevokedSessions;
use crate::jwk::KeySet;
use crate::jws::HeaderPolicy;
use crate::protected_resource::ProtectedResource;
use crate::status::Counters;
use crate::trusted_issuer::TrustedIssuer;
use crate::verifier::{Shared, Verifier};

/// "Usually no more than a few minutes", RFC 7519 §4.1.4.
const MAX_LEEWAY: Duration = Duration::from_mins(5);

impl VerifierBuilder {
    /// Fetches the keys and builds the verifier, within a tokio runtime.
    pub async fn build(self) -> Result<Verifier, BuildError> {
        self.check()?;
        let keys = self.key_cache()?;
        let revoked = self.revoked_sessions(&keys)?;
        if !self.start_without_issuer {
            let first = keys.first_snapshot().await;
            if let Some((_, error)) = &first.failing {
                return Err(BuildError::Fetch(error.clone()));
            }
            if let Some(revoked) = &revoked {
                revoked.wait_for_first_fetch().await;
            }
        }
        let realm = self.realm.or_else(|| self.audiences.first().cloned());
        let issuer = TrustedIssuer {
            header: HeaderPolicy {
                max_length: self.max_token_length,
                algorithms: self.algorithms,
                accept_typ_jwt: self.accept_typ_jwt,
            },
            claims: ClaimsPolicy {
                issuer: self.issuer,
                audiences: self.audiences,
                expiry_leeway: seconds(self.expiry_leeway),
                clock_skew: seconds(self.clock_skew),
            },
            keys,
            revoked,
        };
        Ok(Verifier {
            shared: Arc::new(Shared {
                issuers: vec![Arc::new(issuer)],
                challenge: Challenge {
                    realm: realm.unwrap_or_default(),
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
        if self.expiry_leeway > MAX_LEEWAY || self.clock_skew > MAX_LEEWAY {
            return Err(BuildError::Leeway);
        }
        let realm = self.realm.as_ref().or(self.audiences.first());
        if !realm.is_some_and(|realm| is_quotable(realm)) {
            return Err(BuildError::Realm);
        }
        Ok(())
    }

    fn revoked_sessions(&self, keys: &KeyCache) -> Result<Option<RevokedSessions>, BuildError> {
        let Some(feed) = self.feed.clone() else {
            return Ok(None);
        };
        if !matches!(self.keys, Keys::Metadata) {
            return Err(BuildError::FeedWithoutMetadata);
        }
        let http = self.http(&parse_url(&self.issuer)?)?;
        let revoked = RevokedSessions::start(feed, http, keys.snapshots(), &runtime()?);
        Ok(Some(revoked))
    }

    fn key_cache(&self) -> Result<KeyCache, BuildError> {
        let policy = CachePolicy {
            cool_down: self.cool_down,
            wait: self.fetch_timeout,
            max_outage: self.max_outage,
        };
        let (url, jwks_uri) = match &self.keys {
            Keys::Fixed(jwks) => {
                let keys = KeySet::parse(jwks.as_bytes(), &self.algorithms);
                let keys = keys.map_err(|_| BuildError::FixedJwks)?;
                return Ok(KeyCache::fixed(keys, policy));
            }
            Keys::JwksUri(uri) => {
                let url = parse_url(uri)?;
                (url.clone(), Some(url))
            }
            Keys::Metadata => {
                let url = parse_url(&self.issuer)?;
                // "And has no query or fragment components", RFC 8414 §2.
                if url.query().is_some() {
                    return Err(BuildError::Address(self.issuer.clone()));
                }
                (url, None)
            }
        };
        let runtime = runtime()?;
        let http = self.http(&url)?;
        let source = KeySource::new(http, self.issuer.clone(), jwks_uri, self.algorithms.clone());
        let observer = self.observer.clone();
        Ok(KeyCache::start(source, policy, observer, &runtime))
    }

    fn http(&self, url: &Url) -> Result<Http, BuildError> {
        Http::new(self.fetch_timeout, url).map_err(BuildError::Tls)
    }
}

fn runtime() -> Result<Handle, BuildError> {
    Handle::try_current().map_err(|_| BuildError::NoRuntime)
}

fn parse_url(text: &str) -> Result<Url, BuildError> {
    let url = Url::parse(text).ok().filter(is_secure);
    url.filter(|url| url.fragment().is_none())
        .ok_or_else(|| BuildError::Address(text.to_owned()))
}

fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
