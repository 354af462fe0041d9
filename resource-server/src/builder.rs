//! How a verifier is made: what must be said, what may be, and what is refused at once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::algorithm::Algorithm;
use crate::build_error::BuildError;
use crate::issuer::fetch::{Http, is_secure};
use crate::issuer::keeper::{Keeper, Rules};
use crate::issuer::source::Source;
use crate::jwk::KeySet;
use crate::jws::HeaderPolicy;
use crate::protected_resource::ProtectedResource;
use crate::refusal::Realm;
use crate::status::{Counters, Observer};
use crate::token::ClaimsPolicy;
use crate::verifier::{Shared, TrustedIssuer, Verifier};

/// "Usually no more than a few minutes", RFC 7519 §4.1.4.
const LONGEST_LEEWAY: Duration = Duration::from_mins(5);
const CLOCK_SKEW: Duration = Duration::from_secs(30);
const COOL_DOWN: Duration = Duration::from_secs(10);
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Far more than an access token with a hundred roles.
const LONGEST_TOKEN: usize = 16 * 1024;

/// Makes a [`Verifier`]; [`Verifier::builder`] says what for.
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

    /// Who is told what the verifier does, for metrics.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Fetches the keys and makes the verifier; within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`BuildError`], which says what to do.
    pub async fn build(self) -> Result<Verifier, BuildError> {
        self.check()?;
        let keeper = self.keeper()?;
        if !self.start_without_issuer {
            let first = keeper.first_snapshot().await;
            if let Some((_, error)) = &first.failing {
                return Err(BuildError::Fetch(error.clone()));
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
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
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
