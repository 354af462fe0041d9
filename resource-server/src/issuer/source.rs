//! Fetches the keys of one issuer, again and again, asking no more than is needed.

use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;
use url::Url;

use super::fetch::{FetchError, Fetched, Http, shown};
use super::metadata::{self, Discovered, Endpoints};
use crate::algorithm::Algorithm;
use crate::jwk::{KeySet, KeySetError};

/// How long the metadata is kept when it does not say, and the bounds of what it may say.
const METADATA_DEFAULT: Duration = Duration::from_hours(1);
const METADATA_SHORTEST: Duration = Duration::from_mins(1);
const METADATA_LONGEST: Duration = Duration::from_hours(24);

/// Where the keys come from.
#[derive(Debug)]
pub(crate) struct Source {
    http: Http,
    issuer: String,
    algorithms: Vec<Algorithm>,
    /// `None` when the address of the keys was given.
    metadata: Option<Known>,
    jwks_uri: Option<Url>,
    endpoints: Endpoints,
    etag: Option<HeaderValue>,
    /// The last good document, so that a set is parsed only when it is another.
    body: Option<Vec<u8>>,
}

/// Until when the metadata is known.
#[derive(Debug)]
struct Known {
    until: Option<Instant>,
}

/// What a fetch brought.
#[derive(Debug)]
pub(crate) struct Harvest {
    /// `None`: the keys are those of the last time.
    pub keys: Option<KeySet>,
    pub fresh_for: Option<Duration>,
    pub jwks_uri: Url,
    pub endpoints: Endpoints,
}

impl Source {
    pub(crate) const fn new(
        http: Http,
        issuer: String,
        jwks_uri: Option<Url>,
        algorithms: Vec<Algorithm>,
    ) -> Self {
        let metadata = match jwks_uri {
            Some(_) => None,
            None => Some(Known { until: None }),
        };
        Self {
            http,
            issuer,
            algorithms,
            metadata,
            jwks_uri,
            endpoints: Endpoints {
                token: None,
                revoked_sessions: None,
            },
            etag: None,
            body: None,
        }
    }

    /// Fetches the keys, and the metadata first if it is not known or no longer fresh.
    pub(crate) async fn fetch(&mut self) -> Result<Harvest, FetchError> {
        let jwks_uri = self.locate().await?;
        let harvest = self.fetch_keys(jwks_uri).await;
        if harvest.is_err()
            && let Some(known) = &mut self.metadata
        {
            // The keys may have moved.
            known.until = None;
        }
        harvest
    }

    async fn locate(&mut self) -> Result<Url, FetchError> {
        let now = Instant::now();
        if let Some(jwks_uri) = &self.jwks_uri
            && self
                .metadata
                .as_ref()
                .is_none_or(|known| known.until.is_some_and(|until| now < until))
        {
            return Ok(jwks_uri.clone());
        }
        let discovered = metadata::discover(&self.http, &self.issuer).await;
        let Discovered {
            jwks_uri,
            endpoints,
            fresh_for,
        } = match (discovered, &self.jwks_uri) {
            (Ok(discovered), _) => discovered,
            // Where the keys were, they may still be.
            (Err(FetchError::Unreachable(..) | FetchError::TooSlow(_)), Some(jwks_uri)) => {
                return Ok(jwks_uri.clone());
            }
            (Err(error), _) => return Err(error),
        };
        let fresh_for = fresh_for
            .unwrap_or(METADATA_DEFAULT)
            .clamp(METADATA_SHORTEST, METADATA_LONGEST);
        self.metadata = Some(Known {
            until: Some(now + fresh_for),
        });
        if self.jwks_uri.as_ref() != Some(&jwks_uri) {
            self.etag = None;
        }
        self.jwks_uri = Some(jwks_uri.clone());
        self.endpoints = endpoints;
        Ok(jwks_uri)
    }

    async fn fetch_keys(&mut self, jwks_uri: Url) -> Result<Harvest, FetchError> {
        let fetched = self.http.get(&jwks_uri, self.etag.as_ref()).await?;
        let (keys, fresh_for) = match fetched {
            Fetched::Unchanged { fresh_for } => (None, fresh_for),
            Fetched::Document {
                body,
                etag,
                fresh_for,
            } => {
                let keys = if self.body.as_ref() == Some(&body) {
                    None
                } else {
                    Some(parse(&body, &self.algorithms, &jwks_uri)?)
                };
                self.etag = etag;
                self.body = Some(body);
                (keys, fresh_for)
            }
        };
        Ok(Harvest {
            keys,
            fresh_for,
            jwks_uri,
            endpoints: self.endpoints.clone(),
        })
    }
}

fn parse(body: &[u8], algorithms: &[Algorithm], url: &Url) -> Result<KeySet, FetchError> {
    KeySet::parse(body, algorithms).map_err(|error| match error {
        KeySetError::NotAJwkSet => FetchError::NotAJwkSet(shown(url)),
        KeySetError::NoUsableKey => FetchError::NoUsableKey(shown(url)),
    })
}
