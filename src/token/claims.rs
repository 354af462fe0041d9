//! What an access token says, RFC 9068 §2.2.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::response::Narrowed;
use crate::clock::Timestamp;
use crate::scope::Scope;
use crate::secret::random_bytes;
use crate::server::AuthorizationServer;
use crate::store::session::Model as Session;

/// 128 bits: enough that no two tokens share a `jti`.
const TOKEN_ID: usize = 16;

/// `acr` of a sign-in by password alone, the only one there is. "Parties using this claim will need to
/// agree upon the meanings of the values used, which may be context-specific", OpenID Connect Core §2:
/// the README says what it means. A stronger sign-in will have a value of its own. There is no `amr`: it
/// would say the same in more bytes.
pub const PASSWORD: &str = "pwd";

/// What the tokens of this server say, RFC 9068 §2.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The user; the client itself, where it speaks for nobody else.
    pub sub: String,
    /// Whom the token is for.
    pub aud: Audience,
    /// The client that asked for it.
    pub client_id: String,
    /// What it allows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scope: String,
    /// When it was issued, in seconds.
    pub iat: i64,
    /// When it expires, in seconds.
    pub exp: i64,
    /// When the person signed in, in seconds: the same for the whole session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// How the person signed in: the same for the whole session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acr: Option<String>,
    /// The token's own id.
    pub jti: String,
    /// The session; none where a client speaks for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// The user's roles, RFC 9068 §2.2.3.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

/// "In the general case, the "aud" value is an array [...]. In the special case when the JWT has one
/// audience, the "aud" value MAY be a single case-sensitive string", RFC 7519 §4.1.3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// For one.
    One(String),
    /// For several.
    Several(Vec<String>),
}

impl Audience {
    /// The audiences.
    #[must_use]
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

/// When a token is issued and when it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// `iat`.
    pub issued_at: Timestamp,
    /// `exp`.
    pub expires_at: Timestamp,
}

impl Claims {
    /// What a token of a session says. The same session, at the same generation, says the same, to
    /// the byte: the `jti` is a MAC over what tells tokens apart.
    #[must_use]
    pub fn for_session(
        session: &Session,
        roles: &str,
        narrowed: &Narrowed,
        validity: Validity,
        server: &AuthorizationServer,
    ) -> Self {
        let what = [
            session.id.to_string(),
            session.generation.to_string(),
            session.rotated_at.as_micros().to_string(),
            narrowed.scope.to_string(),
            narrowed.audience.join(" "),
            roles.to_owned(),
        ]
        .join("\n");
        let mac = server.root_secrets.sign_token_id(what.as_bytes());
        Self {
            iss: server.settings.issuer.clone(),
            sub: session.user_id.to_string(),
            aud: Audience::from(narrowed.audience.as_slice()),
            client_id: session.client_id.clone(),
            scope: narrowed.scope.to_string(),
            iat: validity.issued_at.as_seconds(),
            exp: validity.expires_at.as_seconds(),
            auth_time: Some(session.authenticated_at.as_seconds()),
            acr: Some(PASSWORD.to_owned()),
            jti: URL_SAFE_NO_PAD.encode(mac.as_ref().get(..TOKEN_ID).unwrap_or_default()),
            sid: Some(session.id),
            roles: roles.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// What a token says by which a client speaks for itself: "the value of "sub" SHOULD correspond to
    /// an identifier the authorization server uses to indicate the client application", RFC 9068
    /// §2.2. No user's id looks like it: a client's is never a UUID.
    #[must_use]
    pub fn for_client(
        client_id: &str,
        narrowed: &Narrowed,
        validity: Validity,
        server: &AuthorizationServer,
    ) -> Self {
        Self {
            iss: server.settings.issuer.clone(),
            sub: client_id.to_owned(),
            aud: Audience::from(narrowed.audience.as_slice()),
            client_id: client_id.to_owned(),
            scope: narrowed.scope.to_string(),
            iat: validity.issued_at.as_seconds(),
            exp: validity.expires_at.as_seconds(),
            auth_time: None,
            acr: None,
            jti: URL_SAFE_NO_PAD.encode(random_bytes::<TOKEN_ID>()),
            sid: None,
            roles: Vec::new(),
        }
    }

    /// What the token allows.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::from_stored(&self.scope)
    }

    /// Whether the token is for this audience.
    #[must_use]
    pub fn is_for(&self, audience: &str) -> bool {
        self.aud.all().iter().any(|own| own == audience)
    }
}
