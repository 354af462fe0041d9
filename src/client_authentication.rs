//! Client authentication, RFC 6749 §2.3.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::SHA256_OUTPUT_LEN;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use uuid::Uuid;

use crate::client::GrantType;
use crate::client::Policy;
use crate::client::secret::secret_digest;
use crate::clock::Timestamp;
use crate::error::{Error, Reason};
use crate::parameters::{Parameters, decode_component};
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::client::{self, Registration};
use crate::store::client_secret;

/// Base64 with optional padding: some clients omit it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A confidential client that has proved its secret, or a public client by its name.
#[derive(Debug)]
pub struct AuthenticatedClient {
    /// The client's row.
    pub client: Arc<client::Model>,
    /// The policy for its sessions and tokens.
    pub policy: Policy,
    /// The id of the secret that a confidential client has proved.
    pub secret: Option<Uuid>,
}

impl AuthenticatedClient {
    fn new(registration: &Registration, secret: Option<Uuid>) -> Self {
        Self {
            client: Arc::clone(&registration.client),
            policy: registration.policy.clone(),
            secret,
        }
    }

    /// Checks that the client may use a grant type, else `unauthorized_client`: "The authenticated client is
    /// not authorized to use this authorization grant type", RFC 6749 §5.2.
    pub fn require_grant_type(&self, grant_type: GrantType) -> Result<(), Error> {
        let name = grant_type.as_str();
        if self.client.allows(name) {
            Ok(())
        } else {
            let reason = format!("client {} may not use {name}", self.client.id);
            Err(Error::UnauthorizedClient(reason.into()))
        }
    }
}

/// Authenticates the client by `Authorization: Basic`, by `client_id` and `client_secret` in the body, or, if
/// it is public, by `client_id` alone. A request that names no client comes from the default client.
///
/// An unknown client, a disabled one and a wrong secret get the same error.
pub async fn authenticate(
    authorization: Option<&[u8]>,
    parameters: &Parameters,
    server: &AuthorizationServer,
) -> Result<AuthenticatedClient, Error> {
    let credentials = Credentials::parse(authorization, parameters, server)?;
    credentials.authenticate(server).await
}

/// The client credentials of a request. One value of the header may be read in two ways.
pub struct Credentials<'a> {
    claims: Vec<Claim>,
    /// The parameter `client_id`.
    named: Option<&'a str>,
    by_header: bool,
}

impl<'a> Credentials<'a> {
    /// Parses the credentials in the header or in the body.
    pub fn parse(
        authorization: Option<&[u8]>,
        parameters: &'a Parameters,
        server: &AuthorizationServer,
    ) -> Result<Self, Error> {
        let claims = match authorization.map(Basic::parse).transpose()? {
            Some(basic) if !basic.is_empty() => basic.claims(parameters)?,
            _ => vec![Claim::from_body(parameters, server)],
        };
        Ok(Self {
            claims,
            named: parameters.find("client_id").map(Secret::expose),
            by_header: authorization.is_some(),
        })
    }

    /// The client that the credentials prove, as this node has read it last: see [`ClientCache`](client::ClientCache).
    /// `None` is no refusal, because the client may have changed.
    pub fn authenticate_from_cache(
        &self,
        server: &AuthorizationServer,
    ) -> Option<AuthenticatedClient> {
        let now = server.clock.at_most_trusted(server.clock.now());
        let mut found = None;
        for claim in &self.claims {
            let cached = server.clients.find(&claim.id);
            let secrets = cached.as_ref().map_or(&[][..], |cached| &cached.secrets);
            // Computed for a client that is not cached, too: the time must not reveal which clients exist.
            let secret = claim.find_match(secrets, now);
            let cached = cached.filter(|own| claim.proves(&own.client, secret.is_some()));
            found = found.or(cached.map(|cached| AuthenticatedClient::new(&cached, secret)));
        }
        found.filter(|client| self.is_named(client))
    }

    /// The client that the credentials prove, by the store.
    pub async fn authenticate(
        &self,
        server: &AuthorizationServer,
    ) -> Result<AuthenticatedClient, Error> {
        let mut found = None;
        let now = server.clock.at_most_trusted(server.clock.now());
        for claim in &self.claims {
            let (client, secrets) = client::find_to_authenticate(&server.store, &claim.id).await?;
            // All claims are checked, and those of unknown clients too, so that the time reveals nothing.
            let secret = claim.find_match(&secrets, now);
            let client = client.filter(|client| claim.proves(client, secret.is_some()));
            found = found.or(client.map(|client| (client, secrets, secret)));
        }
        let (client, secrets, secret) = found.ok_or_else(|| {
            let reason = "unknown or disabled client, or wrong authentication";
            refused(reason, self.by_header)
        })?;
        let registration = Arc::new(Registration::new(client, secrets, &server.settings));
        server.clients.insert(Arc::clone(&registration));
        let client = AuthenticatedClient::new(&registration, secret);
        if self.is_named(&client) {
            Ok(client)
        } else {
            let reason = "client_id differs from the Basic id";
            Err(Error::InvalidRequest(reason.into()))
        }
    }

    /// Whether the parameter `client_id`, if there is one, names this client.
    fn is_named(&self, client: &AuthenticatedClient) -> bool {
        self.named.is_none_or(|name| name == client.client.id)
    }
}

const fn refused(reason: &'static str, by_header: bool) -> Error {
    Error::InvalidClient {
        reason: Reason::Borrowed(reason),
        by_header,
    }
}

/// The client that a request names, and its secret.
struct Claim {
    id: String,
    secret: Option<Secret>,
}

impl Claim {
    fn from_body(parameters: &Parameters, server: &AuthorizationServer) -> Self {
        let named = parameters.find("client_id").map(Secret::expose);
        Self {
            id: named.unwrap_or(&server.settings.default_client).to_owned(),
            secret: parameters.find("client_secret").cloned(),
        }
    }

    /// The id of the one of these secrets that was given and has not expired. The work does not depend on the number
    /// of secrets or on the one that matches.
    fn find_match(&self, secrets: &[client_secret::Model], now: Timestamp) -> Option<Uuid> {
        let given = secret_digest(self.secret.as_ref().map_or("", Secret::expose));
        let equal = (0..client_secret::MAX_SECRETS).map(|index| {
            let valid = secrets.get(index).filter(|secret| secret.is_alive(now));
            let digest = valid.map_or(&[0; SHA256_OUTPUT_LEN][..], |secret| &secret.digest);
            let is_equal = verify_slices_are_equal(digest, &given).is_ok();
            valid.map(|secret| secret.id).filter(|_| is_equal)
        });
        equal.fold(None, Option::or)
    }

    /// Whether the claim proves this client, which may get tokens: it is not disabled, and not reserved for browser sessions.
    fn proves(&self, client: &client::Model, is_secret_right: bool) -> bool {
        let is_proved = match (client.confidential, &self.secret) {
            // A public client has no secret, so one that is sent must be wrong.
            (false, None) => true,
            (true, Some(_)) => is_secret_right,
            _ => false,
        };
        is_proved && client.disabled_at.is_none() && !client.is_reserved()
    }
}

/// The credentials in `Authorization: Basic`, before the decoding of RFC 6749 Appendix B.
struct Basic {
    id: Secret,
    secret: Secret,
}

impl Basic {
    fn parse(header: &[u8]) -> Result<Self, Error> {
        let malformed = || refused("malformed Authorization header", true);
        let text = std::str::from_utf8(header).map_err(|_| malformed())?;
        let (scheme, credentials) = text.trim().split_once(' ').ok_or_else(malformed)?;
        // "It uses a case-insensitive token to identify the authentication scheme", RFC 9110 §11.1.
        if !scheme.eq_ignore_ascii_case("Basic") {
            return Err(refused("not the Basic scheme", true));
        }
        let decoded = BASE64.decode(credentials.trim()).map_err(|_| malformed())?;
        let decoded = Secret::new(String::from_utf8(decoded).map_err(|_| malformed())?);
        let (id, secret) = decoded.expose().split_once(':').ok_or_else(malformed)?;
        Ok(Self {
            id: Secret::new(id.to_owned()),
            secret: Secret::new(secret.to_owned()),
        })
    }

    /// Whether both are empty, which counts as no header: Swagger UI sends `Og==` for a client without
    /// credentials.
    fn is_empty(&self) -> bool {
        self.id.expose().is_empty() && self.secret.expose().is_empty()
    }

    /// The credentials as RFC 6749 §2.3.1 requires them, encoded by "application/x-www-form-urlencoded",
    /// and unencoded, as many clients send them.
    fn claims(self, parameters: &Parameters) -> Result<Vec<Claim>, Error> {
        // "The client MUST NOT use more than one authentication method in each request", §2.3.
        if parameters.find("client_secret").is_some() {
            return Err(Error::InvalidRequest(
                "two client authentication methods".into(),
            ));
        }
        let claim = |id: String, secret: String| Claim {
            id,
            // "The client MAY omit the parameter if the client secret is an empty string", §2.3.1.
            secret: (!secret.is_empty()).then(|| Secret::new(secret)),
        };
        let (id, secret) = (self.id.expose(), self.secret.expose());
        let mut claims = vec![claim(id.to_owned(), secret.to_owned())];
        let decoded = (
            decode_component(id.as_bytes()),
            decode_component(secret.as_bytes()),
        );
        if let (Ok(id), Ok(secret)) = decoded
            && (id != self.id.expose() || secret != self.secret.expose())
        {
            claims.insert(0, claim(id, secret));
        }
        Ok(claims)
    }
}

/// Hides the id, too: users paste secrets into the wrong field.
impl fmt::Debug for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Basic [hidden]")
    }
}
