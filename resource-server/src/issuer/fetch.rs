//! Documents over HTTP, with every limit that a stranger's server calls for.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use headers::{Age, CacheControl, HeaderMapExt as _};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use url::Url;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// No metadata and no JWK set of an honest issuer is near this.
const LARGEST: usize = 512 * 1024;
const USER_AGENT: &str = concat!("jeton-resource-server/", env!("CARGO_PKG_VERSION"));

/// Fetches documents from one issuer.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: reqwest::Client,
}

/// What came back.
pub(crate) enum Fetched {
    /// What was fetched before still holds.
    Unchanged {
        /// How long it may be kept; `None` if the answer does not say.
        fresh_for: Option<Duration>,
    },
    /// A document.
    Document {
        body: Vec<u8>,
        etag: Option<HeaderValue>,
        fresh_for: Option<Duration>,
    },
}

/// Why the issuer's keys could not be fetched. The text names the address, and nothing of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchError {
    /// No answer came: the address, and what the network says.
    Unreachable(String, String),
    /// The answer, or the rest of it, did not come in time.
    TooSlow(String),
    /// Another status than 200.
    Status(String, u16),
    /// The address redirects; it is not followed, because what stands elsewhere is not the issuer's
    /// word. The address, and where to.
    Redirect(String, String),
    /// The document is larger than any honest one.
    TooLarge(String),
    /// The answer is no authorization server metadata (RFC 8414).
    NotMetadata(String),
    /// The metadata is that of another issuer, which is named.
    WrongIssuer(String, String),
    /// The metadata names a `jwks_uri` that is no URL, or not https.
    InsecureJwksUri(String),
    /// The answer is no JWK set (RFC 7517).
    NotAJwkSet(String),
    /// The JWK set has no key that verifies by an allowed algorithm.
    NoUsableKey(String),
    /// The metadata does not say where to ask which sessions were ended, or names another host, which
    /// is not told this API's secret.
    NoRevocationFeed,
    /// The answer does not say which sessions were ended.
    NotARevocationFeed(String),
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(url, why) => write!(f, "{url} cannot be reached: {why}"),
            Self::TooSlow(url) => write!(f, "{url} did not answer in time"),
            Self::Status(url, status) => write!(f, "{url} answered {status}"),
            Self::Redirect(url, to) => {
                write!(
                    f,
                    "{url} redirects to {to}, which is not followed; name the final address"
                )
            }
            Self::TooLarge(url) => write!(f, "{url} answered more than {LARGEST} bytes"),
            Self::NotMetadata(url) => {
                write!(f, "{url} is no authorization server metadata (RFC 8414)")
            }
            Self::WrongIssuer(url, said) => write!(
                f,
                "{url} is the metadata of the issuer {said:?}; the issuer must be given exactly so"
            ),
            Self::InsecureJwksUri(url) => write!(f, "the jwks_uri {url:?} is no https address"),
            Self::NotAJwkSet(url) => write!(f, "{url} is no JWK set (RFC 7517)"),
            Self::NoUsableKey(url) => {
                write!(f, "{url} has no key that verifies by an allowed algorithm")
            }
            Self::NoRevocationFeed => f.write_str(
                "the issuer's metadata has no revoked_sessions_endpoint of its own host",
            ),
            Self::NotARevocationFeed(url) => write!(f, "{url} does not say which sessions ended"),
        }
    }
}

impl std::error::Error for FetchError {}

impl Http {
    /// For an issuer on this host; one on this machine is never asked by way of a proxy.
    ///
    /// # Errors
    ///
    /// What the TLS library says about the system's certificates.
    pub(crate) fn new(timeout: Duration, issuer: &Url) -> Result<Self, String> {
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout);
        if is_loopback(issuer) {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| innermost(&error))?;
        Ok(Self { client })
    }

    /// Fetches a document, unless it is still the one with this `ETag`.
    ///
    /// # Errors
    ///
    /// [`FetchError`].
    pub(crate) async fn get(
        &self,
        url: &Url,
        etag: Option<&HeaderValue>,
    ) -> Result<Fetched, FetchError> {
        self.get_as(url, etag, None).await
    }

    /// The same with an `Authorization`.
    ///
    /// # Errors
    ///
    /// [`FetchError`].
    pub(crate) async fn get_as(
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
        let response = request.send().await.map_err(|error| broken(url, &error))?;
        let fresh_for = fresh_for(response.headers());
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED if etag.is_some() => {
                return Ok(Fetched::Unchanged { fresh_for });
            }
            status if status.is_redirection() => {
                let to = response.headers().get(header::LOCATION);
                let to = to.and_then(|to| to.to_str().ok()).unwrap_or("nowhere");
                return Err(FetchError::Redirect(shown(url), to.to_owned()));
            }
            status => return Err(FetchError::Status(shown(url), status.as_u16())),
        }
        let etag = response.headers().get(header::ETAG).cloned();
        Ok(Fetched::Document {
            body: read(url, response).await?,
            etag,
            fresh_for,
        })
    }
}

/// An address for people to read: a password in it is for the issuer alone.
pub(crate) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // These fail for addresses that have no host, and so no password.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

async fn read(url: &Url, mut response: reqwest::Response) -> Result<Vec<u8>, FetchError> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| broken(url, &error))?
    {
        if body.len() + chunk.len() > LARGEST {
            return Err(FetchError::TooLarge(shown(url)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn broken(url: &Url, error: &reqwest::Error) -> FetchError {
    if error.is_timeout() {
        FetchError::TooSlow(shown(url))
    } else {
        FetchError::Unreachable(shown(url), innermost(error))
    }
}

/// What the network says, without the wrappings.
fn innermost(error: &reqwest::Error) -> String {
    let mut source = error.source();
    let mut text = error.to_string();
    while let Some(inner) = source {
        text = inner.to_string();
        source = inner.source();
    }
    text
}

/// How long an answer may be kept, RFC 9111 §4.2.
fn fresh_for(headers: &HeaderMap) -> Option<Duration> {
    let control: CacheControl = headers.typed_get()?;
    if control.no_store() || control.no_cache() {
        return Some(Duration::ZERO);
    }
    let age = headers.typed_get::<Age>().map_or(0, |age| age.as_secs());
    let max_age = control.max_age()?;
    Some(max_age.saturating_sub(Duration::from_secs(age)))
}

/// Whether an address may be asked: https, or this machine.
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
