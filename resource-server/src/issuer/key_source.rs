//! Fetches the keys of one issuer, by `ETag` where possible.

use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;
use url::Url;

use super::fetch::{Fetched, Http, redacted};
use super::fetch_error::FetchError;
use super::metadata::{self, Discovered, Endpoints};
use crate::algorithm::Algorithm;
use crate::jwk::{KeySet, KeySetError};

/// Freshness of the metadata if the response does not state it, and its limits.
const METADATA_DEFAULT: Duration = Duration::from_hours(1);
const METADATA_MIN: Duration = Duration::from_mins(1);
const METADATA_MAX: Duration = Duration::from_hours(24);

#[derive(Debug)]
pub(crate) struct KeySource {
    http: Http,
    issuer: String,
    algorithms: Vec<Algorithm>,
    /// Whether the metadata gives `jwks_uri`. Otherwise it is configured.
    uses_metadata: bool,
    metadata_fresh_until: Option<Instant>,
    jwks_uri: Option<Url>,
    endpoints: Endpoints,
    etag: Option<HeaderValue>,
    /// The last valid document: an equal one is not parsed again.
    body: Option<Vec<u8>>,
}

/// The result of a fetch.
#[derive(Debug)]
pub(crate) struct FetchedKeys {
    /// `None` if the keys have not changed.
    pub keys: Option<KeySet>,
    pub fresh_for: Option<Duration>,
    pub jwks_uri: Url,
    pub endpoints: Endpoints,
}

impl KeySource {
    pub(crate) fn new(
        http: Http,
        issuer: String,
        jwks_uri: Option<Url>,
        algorithms: Vec<Algorithm>,
    ) -> Self {
        Self {
            http,
            issuer,
            algorithms,
            uses_metadata: jwks_uri.is_none(),
            metadata_fresh_until: None,
            jwks_uri,
            endpoints: Endpoints::default(),
            etag: None,
            body: None,
        }
    }

    /// Fetches the keys, after the metadata if that is not fresh.
    pub(crate) async fn fetch(&mut self) -> Result<FetchedKeys, FetchError> {
        let jwks_uri = self.find_jwks_uri().await?;
        let fetched = self.fetch_keys(jwks_uri).await;
        if fetched.is_err() {
            // `jwks_uri` may have changed.
            self.metadata_fresh_until = None;
        }
        fetched
    }

    async fn find_jwks_uri(&mut self) -> Result<Url, FetchError> {
        let now = Instant::now();
        let is_fresh = self.metadata_fresh_until.is_some_and(|until| now < until);
        if let Some(jwks_uri) = &self.jwks_uri
            && (!self.uses_metadata || is_fresh)
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
            // The last known `jwks_uri` may still be valid.
            (Err(FetchError::Unreachable(..) | FetchError::TooSlow(_)), Some(jwks_uri)) => {
                return Ok(jwks_uri.clone());
            }
            (Err(error), _) => return Err(error),
        };
        let fresh_for = fresh_for
            .unwrap_or(METADATA_DEFAULT)
            .clamp(METADATA_MIN, METADATA_MAX);
        self.metadata_fresh_until = Some(now + fresh_for);
        if self.jwks_uri.as_ref() != Some(&jwks_uri) {
            self.etag = None;
        }
        self.jwks_uri = Some(jwks_uri.clone());
        self.endpoints = endpoints;
        Ok(jwks_uri)
    }

    async fn fetch_keys(&mut self, jwks_uri: Url) -> Result<FetchedKeys, FetchError> {
        let fetched = self.http.get(&jwks_uri, self.etag.as_ref(), None).await?;
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
                    Some(self.parse(&body, &jwks_uri)?)
                };
                self.etag = etag;
                self.body = Some(body);
                (keys, fresh_for)
            }
        };
        Ok(FetchedKeys {
            keys,
            fresh_for,
            jwks_uri,
            endpoints: self.endpoints.clone(),
        })
    }

    fn parse(&self, body: &[u8], url: &Url) -> Result<KeySet, FetchError> {
        KeySet::parse(body, &self.algorithms).map_err(|error| match error {
            KeySetError::NotAJwkSet => FetchError::NotAJwkSet(redacted(url)),
            KeySetError::NoUsableKey => FetchError::NoUsableKey(redacted(url)),
        })
    }
}
