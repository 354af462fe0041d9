//! The settings of a verifier.

mod build;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::issuer::revocation_feed::RevocationFeed;
use crate::observer::Observer;
use crate::protected_resource::ProtectedResource;
use crate::verifier::Verifier;

const CLOCK_SKEW: Duration = Duration::from_secs(30);
const COOL_DOWN: Duration = Duration::from_secs(10);
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Far more than an access token with a hundred roles.
const MAX_TOKEN_LENGTH: usize = 16 * 1024;

/// Builds a [`Verifier`]; see [`Verifier::builder`].
#[derive(Debug)]
#[must_use]
pub struct VerifierBuilder {
    issuer: String,
    audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    accept_typ_jwt: bool,
    max_token_length: usize,
    expiry_leeway: Duration,
    clock_skew: Duration,
    keys: Keys,
    start_without_issuer: bool,
    cool_down: Duration,
    fetch_timeout: Duration,
    max_outage: Option<Duration>,
    realm: Option<String>,
    resource: Option<ProtectedResource>,
    observer: Option<Arc<dyn Observer>>,
    feed: Option<RevocationFeed>,
}

/// The source of the keys.
enum Keys {
    Metadata,
    JwksUri(String),
    Fixed(String),
}

impl fmt::Debug for Keys {
    /// Prints the kind only, because a URL may contain a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "Metadata",
            Self::JwksUri(_) => "JwksUri",
            Self::Fixed(_) => "Fixed",
        })
    }
}

impl Verifier {
    /// A builder of a verifier for the tokens that `issuer` issues for `audience`.
    ///
    /// The issuer is compared exactly, and its metadata gives the URL of the keys. The audience is the
    /// identifier of this API at the issuer; by RFC 8707 it is its URL.
    pub fn builder(issuer: impl Into<String>, audience: impl Into<String>) -> VerifierBuilder {
        VerifierBuilder::new(issuer.into(), audience.into())
    }
}

impl VerifierBuilder {
    fn new(issuer: String, audience: String) -> Self {
        Self {
            issuer,
            audiences: vec![audience],
            algorithms: vec![Algorithm::Rs256],
            accept_typ_jwt: false,
            max_token_length: MAX_TOKEN_LENGTH,
            expiry_leeway: Duration::ZERO,
            clock_skew: CLOCK_SKEW,
            keys: Keys::Metadata,
            start_without_issuer: false,
            cool_down: COOL_DOWN,
            fetch_timeout: FETCH_TIMEOUT,
            max_outage: None,
            realm: None,
            resource: None,
            observer: None,
            feed: None,
        }
    }

    /// Adds an audience: a token for any of them is accepted.
    pub fn also_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// Accepted signature algorithms. Default: RS256 only.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Whether `typ: JWT` is accepted too, for issuers that cannot send `at+jwt`. All claims that RFC 9068
    /// requires are still required. Default: false, because ID tokens have `typ: JWT` as well.
    pub const fn accept_typ_jwt(mut self, accept: bool) -> Self {
        self.accept_typ_jwt = accept;
        self
    }

    /// Maximum length of a token, in bytes. Default: 16 KiB.
    pub const fn max_token_length(mut self, bytes: usize) -> Self {
        self.max_token_length = bytes;
        self
    }

    /// Time after `exp` for which a token is still accepted, at most 5 minutes. Default: 0. A client that
    /// is refused early refreshes its token; no user is signed out.
    pub const fn expiry_leeway(mut self, leeway: Duration) -> Self {
        self.expiry_leeway = leeway;
        self
    }

    /// Time by which the issuer's clock may be ahead, for `nbf` and `iat`, at most 5 minutes. Default: 30
    /// seconds. If it is too small, tokens are refused just after they are issued.
    pub const fn clock_skew(mut self, skew: Duration) -> Self {
        self.clock_skew = skew;
        self
    }

    /// The URL of the JWK set, for an issuer without metadata.
    pub fn jwks_uri(mut self, uri: impl Into<String>) -> Self {
        self.keys = Keys::JwksUri(uri.into());
        self
    }

    /// The JWK set itself, in JSON; nothing is fetched. For tests, and for machines without a network.
    pub fn fixed_jwks(mut self, jwks: impl Into<String>) -> Self {
        self.keys = Keys::Fixed(jwks.into());
        self
    }

    /// Whether [`build`](Self::build) succeeds while the issuer is unreachable; requests then get 503 until
    /// the keys are fetched. Default: false, so that a misspelled issuer is found at start.
    pub const fn start_without_issuer(mut self, start: bool) -> Self {
        self.start_without_issuer = start;
        self
    }

    /// Minimum time between two fetches that are caused by tokens with unknown keys. Default: 10 s. It
    /// limits the requests to the issuer that a client can cause.
    pub const fn cool_down(mut self, time: Duration) -> Self {
        self.cool_down = time;
        self
    }

    /// Timeout of a fetch, and of a request that waits for a fetch. Default: 10 s.
    pub const fn fetch_timeout(mut self, time: Duration) -> Self {
        self.fetch_timeout = time;
        self
    }

    /// Maximum time for which keys are used while the issuer is down, from the end of their freshness.
    /// Default: no limit, because tokens expire anyway.
    pub const fn max_outage(mut self, time: Duration) -> Self {
        self.max_outage = Some(time);
        self
    }

    /// The `realm` of challenges. Default: the first audience.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// The protected resource metadata (RFC 9728). Challenges contain its URL; the API must serve it there.
    pub fn protected_resource(mut self, resource: ProtectedResource) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Fetches the revoked sessions every second and refuses their tokens. The feed is an extension of
    /// Jeton, not of an RFC. While it fails, tokens are accepted until they expire, and the
    /// [status](Verifier::status) reports the failure.
    pub fn revocation_feed(mut self, feed: RevocationFeed) -> Self {
        self.feed = Some(feed);
        self
    }

    /// Receives events for metrics.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }
}
