//! Fetches documents over HTTP, with limits for size and time.

use std::error::Error as _;
use std::time::Duration;

use headers::{Age, CacheControl, HeaderMapExt as _};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::Url;

use super::fetch_error::FetchError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Far more than the metadata or the JWK set of any issuer.
const MAX_DOCUMENT: usize = 512 * 1024;
const USER_AGENT: &str = concat!("jeton-resource-server/", env!("CARGO_PKG_VERSION"));

/// Fetches documents from one issuer.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
}

/// The result of a fetch.
pub(crate) enum Fetched {
    /// 304: the document has not changed.
    Unchanged {
        /// Freshness; `None` if the response does not state it.
        fresh_for: Option<Duration>,
    },
    Document {
        body: Vec<u8>,
        etag: Option<HeaderValue>,
        fresh_for: Option<Duration>,
    },
}

impl Http {
    /// A client for the host of `issuer`; a loopback address is never reached through a proxy.
    pub(crate) fn new(timeout: Duration, issuer: &Url) -> Result<Self, String> {
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout);
        if is_loopback(issuer) {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| root_cause(&error))?;
        Ok(Self { client })
    }

    /// Fetches a document, unless its `ETag` is still `etag`.
    pub(crate) async fn get(
        &self,
        url: &Url,
        etag: Option<&HeaderValue>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Fetched, FetchError> {
        let mut request = self
            .client
            .get(url.clone())
            .header(header::ACCEPT, "application/json, application/jwk-set+json");
        if let Some(etag) = etag {
            request = request.header(header::IF_NONE_MATCH, etag);
        }
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let response = request
            .send()
            .await
            .map_err(|error| network_error(url, &error))?;
        let fresh_for = fresh_for(response.headers());
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if etag.is_some() => {
                return Ok(Fetched::Unchanged { fresh_for });
            }
            status if status.is_redirection() => {
                let to = response.headers().get(header::LOCATION);
                let to = to
                    .and_then(|to| to.to_str().ok())
                    .unwrap_or("an unknown URL");
                return Err(FetchError::Redirect(redacted(url), to.to_owned()));
            }
            status => return Err(FetchError::Status(redacted(url), status.as_u16())),
        }
        let etag = response.headers().get(header::ETAG).cloned();
        Ok(Fetched::Document {
            body: read(url, response).await?,
            etag,
            fresh_for,
        })
    }
}

/// A URL without its user name and password, for logs and errors.
pub(crate) fn redacted(url: &Url) -> String {
    let mut url = url.clone();
    // These fail only for URLs without a host, which have no password.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

async fn read(url: &Url, mut response: reqwest::Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| network_error(url, &error))?
    {
        if body.len() + chunk.len() > MAX_DOCUMENT {
            return Err(FetchError::TooLarge(redacted(url)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn network_error(url: &Url, error: &reqwest::Error) -> FetchError {
    if error.is_timeout() {
        FetchError::TooSlow(redacted(url))
    } else {
        FetchError::Unreachable(redacted(url), root_cause(error))
    }
}

/// The message of the root cause.
fn root_cause(error: &reqwest::Error) -> String {
    let mut source = error.source();
    let mut text = error.to_string();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}

/// The freshness of a response, RFC 9111 §4.2.
fn fresh_for(headers: &HeaderMap) -> Option<Duration> {
    let control: CacheControl = headers.typed_get()?;
    if control.no_store() || control.no_cache() {
        return Some(Duration::ZERO);
    }
    let age = headers.typed_get::<Age>().map_or(0, |age| age.as_secs());
    let max_age = control.max_age()?;
    Some(max_age.saturating_sub(Duration::from_secs(age)))
}

/// Whether a URL is https or a loopback address.
pub(crate) fn is_secure(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
