//! How a verifier is made: what must be said, what may be, and what is refused at once.

mod build;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::issuer::feed::RevocationFeed;
use crate::protected_resource::ProtectedResource;
use crate::status::Observer;

pub(crate) use build::is_quotable;

const CLOCK_SKEW: Duration = Duration::from_secs(30);
const COOL_DOWN: Duration = Duration::from_secs(10);
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Far more than an access token with a hundred roles.
const LONGEST_TOKEN: usize = 16 * 1024;

/// Makes a [`Verifier`](crate::Verifier); [`Verifier::builder`](crate::Verifier::builder) says what for.
#[derive(Debug)]
#[must_use]
pub struct VerifierBuilder {
    issuer: String,
    audiences: Vec<String>,
    algorithms: Vec<Algorithm>,
    accept_typ_jwt: bool,
    longest_token: usize,
    expiry_leeway: Duration,
    clock_skew: Duration,
    keys: Keys,
    start_without_issuer: bool,
    cool_down: Duration,
    fetch_timeout: Duration,
    longest_outage: Option<Duration>,
    realm: Option<String>,
    resource: Option<ProtectedResource>,
    observer: Option<Arc<dyn Observer>>,
    feed: Option<RevocationFeed>,
}

/// Where the keys come from.
enum Keys {
    ByMetadata,
    At(String),
    Fixed(String),
}

impl fmt::Debug for Keys {
    /// The kind alone: there may be a password in an address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ByMetadata => "ByMetadata",
            Self::At(_) => "At",
            Self::Fixed(_) => "Fixed",
        })
    }
}

impl VerifierBuilder {
    pub(crate) fn new(issuer: String, audience: String) -> Self {
        Self {
            issuer,
            audiences: vec![audience],
            algorithms: vec![Algorithm::Rs256],
            accept_typ_jwt: false,
            longest_token: LONGEST_TOKEN,
            expiry_leeway: Duration::ZERO,
            clock_skew: CLOCK_SKEW,
            keys: Keys::ByMetadata,
            start_without_issuer: false,
            cool_down: COOL_DOWN,
            fetch_timeout: FETCH_TIMEOUT,
            longest_outage: None,
            realm: None,
            resource: None,
            observer: None,
            feed: None,
        }
    }

    /// Another name of this API: a token for either is taken.
    pub fn also_audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.push(audience.into());
        self
    }

    /// The allow-list of signature algorithms; RS256 alone if this is not said.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Whether tokens whose header says `typ: JWT` are taken too, from issuers that cannot say `at+jwt`.
    /// All claims that RFC 9068 requires must be there all the same. Off if this is not said: an ID
    /// token says `JWT` as well.
    pub const fn accept_typ_jwt(mut self, accept: bool) -> Self {
        self.accept_typ_jwt = accept;
        self
    }

    /// The longest token that is read, in bytes; 16 KiB if this is not said.
    pub const fn longest_token(mut self, bytes: usize) -> Self {
        self.longest_token = bytes;
        self
    }

    /// For how long an expired token is still taken: 0 to 5 minutes, 0 if this is not said. A client
    /// refreshes a token that expires early; nobody is signed out by it.
    pub const fn expiry_leeway(mut self, leeway: Duration) -> Self {
        self.expiry_leeway = leeway;
        self
    }

    /// How far the issuer's clock may be ahead, for `nbf` and `iat`: 0 to 5 minutes, 30 seconds if this
    /// is not said. With too little of it, a token that was just issued would be refused, and so would
    /// the next.
    pub const fn clock_skew(mut self, skew: Duration) -> Self {
        self.clock_skew = skew;
        self
    }

    /// Where the keys are, for an issuer that has no metadata.
    pub fn jwks_uri(mut self, uri: impl Into<String>) -> Self {
        self.keys = Keys::At(uri.into());
        self
    }

    /// The keys themselves, as a JWK set in JSON; nothing is ever fetched. For tests, and for machines
    /// that reach no network.
    pub fn fixed_jwks(mut self, jwks: impl Into<String>) -> Self {
        self.keys = Keys::Fixed(jwks.into());
        self
    }

    /// Whether [`build`](Self::build) succeeds although the issuer cannot be asked. Requests are then
    /// answered with 503 until it can. Off if this is not said: a misspelt issuer is found at start.
    pub const fn start_without_issuer(mut self, start: bool) -> Self {
        self.start_without_issuer = start;
        self
    }

    /// The time between two fetches that are made because a token names an unknown key; 10 s if this
    /// is not said. It keeps strangers from making this API ask the issuer again and again.
    pub const fn cool_down(mut self, time: Duration) -> Self {
        self.cool_down = time;
        self
    }

    /// How long the issuer may take for an answer, and a request may wait for a fetch; 10 s if this is
    /// not said.
    pub const fn fetch_timeout(mut self, time: Duration) -> Self {
        self.fetch_timeout = time;
        self
    }

    /// For how long after they ceased to be fresh the keys are used while the issuer cannot be asked.
    /// For ever if this is not said: what a token may do ends by its own `exp`.
    pub const fn longest_outage(mut self, time: Duration) -> Self {
        self.longest_outage = Some(time);
        self
    }

    /// The `realm` of challenges; the audience if this is not said.
    pub fn realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// The document of RFC 9728, whose address challenges then name. The API must serve it there.
    pub fn protected_resource(mut self, resource: ProtectedResource) -> Self {
        self.resource = Some(resource);
        self
    }

    /// Asks the issuer every second which sessions were ended, and refuses their tokens from then on.
    /// Jeton has such a feed; it is no RFC's. While it is away, tokens go on until they expire, and the
    /// [status](crate::Verifier::status) says so.
    pub fn revocation_feed(mut self, feed: RevocationFeed) -> Self {
        self.feed = Some(feed);
        self
    }

    /// Who is told what the verifier does, for metrics.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }
}
