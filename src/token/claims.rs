//! The claims of an access token, RFC 9068 §2.2.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::access::Access;
use crate::clock::Timestamp;
use crate::scope::Scope;
use crate::secret::random_bytes;
use crate::server::AuthorizationServer;
use crate::store::client::Model as Client;
use crate::store::client_secret::Model as ClientSecret;
use crate::store::session::Model as Session;
use crate::store::user::ADMIN_ROLE;

/// The bytes of a `jti`: with 128 bits no two tokens share one.
const TOKEN_ID: usize = 16;

/// The claims of an access token, RFC 9068 §2.2. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The user, or the client if the token is for the client itself.
    pub sub: String,
    /// The audience.
    pub aud: Audience,
    /// The client that the token was issued to.
    pub client_id: String,
    /// The scope.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// The time of the issue.
    pub iat: i64,
    /// The time of the expiry.
    pub exp: i64,
    /// The time of the sign-in, the same for the whole session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// The method of the sign-in, the same for the whole session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The id of the token.
    pub jti: String,
    /// The session; `None` if the token is for the client itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// The user's roles, RFC 9068 §2.2.3.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// The client's epoch, base64url; only if the token is for the client itself. Such a token has no session that
    /// could end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_epoch: Option<String>,
    /// The id of the secret that obtained the token; only if the token is for the client itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_id: Option<Uuid>,
}

/// "In the general case, the "aud" value is an array [...]. In the special case when the JWT has one
/// audience, the "aud" value MAY be a single case-sensitive string", RFC 7519 §4.1.3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One audience.
    One(String),
    /// Several audiences.
    Several(Vec<String>),
}

impl Audience {
    /// All audiences.
    pub const fn all(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several.as_slice(),
        }
    }
}

impl From<&[String]> for Audience {
    fn from(audience: &[String]) -> Self {
        match audience {
            [one] => Self::One(one.clone()),
            several => Self::Several(several.to_vec()),
        }
    }
}

/// The time of a token's issue and that of its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
}

impl Validity {
    /// Whether the token has expired, by whole seconds as in its claims.
    pub const fn has_expired(self, now: Timestamp) -> bool {
        now.as_seconds() >= self.expires_at.as_seconds()
    }
}

impl Claims {
    /// The claims of a token of a session. The same row gives the same claims, to the byte: the `jti` is a
    /// MAC over the values in which tokens differ.
    pub fn for_session(
        session: &Session,
        roles: &str,
        access: &Access,
        validity: Validity,
        server: &AuthorizationServer,
    ) -> Self {
        let roles = roles_for(access, roles, &server.settings.issuer);
        let identity = [
            session.id.to_string(),
            session.generation.to_string(),
            session.rotated_at.as_micros().to_string(),
            access.scope.to_string(),
            access.audience.join(" "),
            roles.join(" "),
        ]
        .join("\n");
        let mac = server.root_secrets.sign_token_id(identity.as_bytes());
        Self {
            iss: server.settings.issuer.clone(),
            sub: session.user_id.to_string(),
            aud: Audience::from(access.audience.as_slice()),
            client_id: session.client_id.clone(),
            scope: access.scope.to_string(),
            iat: validity.issued_at.as_seconds(),
            exp: validity.expires_at.as_seconds(),
            auth_time: Some(session.authenticated_at.as_seconds()),
            acr: Some(session.acr.clone()),
            jti: URL_SAFE_NO_PAD.encode(mac.as_ref().get(..TOKEN_ID).unwrap_or_default()),
            sid: Some(session.id),
            roles: roles.into_iter().map(str::to_owned).collect(),
            client_epoch: None,
            client_secret_id: None,
        }
    }

    /// The claims of a token for the client itself: "the value of "sub" SHOULD correspond to an identifier
    /// the authorization server uses to indicate the client application", RFC 9068 §2.2. No user has the
    /// same `sub`, because a client id is never a UUID.
    pub fn for_client(
        client: &Client,
        secret_id: Uuid,
        access: &Access,
        validity: Validity,
        server: &AuthorizationServer,
    ) -> Self {
        Self {
            iss: server.settings.issuer.clone(),
            sub: client.id.clone(),
            aud: Audience::from(access.audience.as_slice()),
            client_id: client.id.clone(),
            scope: access.scope.to_string(),
            iat: validity.issued_at.as_seconds(),
            exp: validity.expires_at.as_seconds(),
            auth_time: None,
            acr: None,
            jti: URL_SAFE_NO_PAD.encode(random_bytes::<TOKEN_ID>()),
            sid: None,
            roles: Vec::new(),
            client_epoch: Some(encode_epoch(client)),
            client_secret_id: Some(secret_id),
        }
    }

    /// Whether the client of a token for the client itself was neither disabled nor deleted since, and the secret is
    /// still valid. Times of changes are not compared: clocks differ.
    pub fn is_obtained_by(
        &self,
        client: &Client,
        secrets: &[ClientSecret],
        now: Timestamp,
    ) -> bool {
        let obtained = |secret: &ClientSecret| Some(secret.id) == self.client_secret_id;
        self.client_epoch.as_deref() == Some(&encode_epoch(client))
            && secrets
                .iter()
                .any(|secret| obtained(secret) && secret.is_alive(now))
    }

    /// The scope.
    pub fn scope(&self) -> Scope {
        Scope::from_stored(&self.scope)
    }

    /// Whether the token is for this audience.
    pub fn is_for(&self, audience: &str) -> bool {
        self.aud.all().iter().any(|own| own == audience)
    }

    /// Whether the token is for this audience and no other. Another API that receives the token could use it here.
    pub fn is_only_for(&self, audience: &str) -> bool {
        self.aud.all() == [audience]
    }
}

/// The roles for a token. An API must not receive the role of this server's administrators, beside which it may mean
/// something else.
fn roles_for<'a>(access: &Access, roles: &'a str, issuer: &str) -> Vec<&'a str> {
    let is_own = access.audience == [issuer];
    let roles = roles.split_whitespace();
    roles.filter(|role| is_own || *role != ADMIN_ROLE).collect()
}

fn encode_epoch(client: &Client) -> String {
    URL_SAFE_NO_PAD.encode(&client.epoch)
}
