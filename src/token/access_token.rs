//! The access token: a JWT by RFC 9068, signed with RS256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::error::Error;
use crate::scope::Scope;
use crate::secret::Secret;
use crate::server::AuthorizationServer;
use crate::store::session::Model as Session;
use crate::token::response::Narrowed;

/// 128 bits of a MAC: enough that no two tokens share a `jti`.
const TOKEN_ID: usize = 16;

/// What the tokens of this server say, RFC 9068 §2.2.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The issuer.
    pub iss: String,
    /// The user.
    pub sub: Uuid,
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
    pub auth_time: i64,
    /// The token's own id.
    pub jti: String,
    /// The session.
    pub sid: Uuid,
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

/// What a token is made from.
pub struct Grant<'a> {
    /// The session, at the generation that the token belongs to.
    pub session: &'a Session,
    /// The user's roles, separated by spaces.
    pub roles: &'a str,
    /// What this token is narrowed to.
    pub narrowed: &'a Narrowed,
    /// When it expires.
    pub expires_at: Timestamp,
}

/// Makes the token. The same grant gives the same token, to the byte, as long as the same key signs:
/// RS256 is deterministic, and the `jti` is a MAC over what tells tokens apart.
///
/// # Errors
///
/// [`Error::ServerError`] when no signing key can sign.
pub fn sign(
    grant: &Grant<'_>,
    now: Timestamp,
    server: &AuthorizationServer,
) -> Result<Secret, Error> {
    let failed = |what: &'static str| Error::ServerError(what.into());
    let ring = server.keys.ring();
    let key = ring
        .signer(now)
        .ok_or_else(|| failed("there is no signing key"))?;
    let mut header = Header::new(Algorithm::RS256);
    header.typ = Some(typ(&grant.narrowed.audience, server).to_owned());
    header.kid = Some(key.id.clone());
    let message = [
        encode(&header).ok_or_else(|| failed("the header cannot be written"))?,
        encode(&claims(grant, server)).ok_or_else(|| failed("the claims cannot be written"))?,
    ]
    .join(".");
    let signature = key
        .sign(message.as_bytes())
        .map_err(|error| Error::ServerError(error.to_string().into()))?;
    Ok(Secret::new(format!(
        "{message}.{}",
        URL_SAFE_NO_PAD.encode(signature)
    )))
}

fn claims(grant: &Grant<'_>, server: &AuthorizationServer) -> Claims {
    let session = grant.session;
    Claims {
        iss: server.settings.issuer.clone(),
        sub: session.user_id,
        aud: Audience::from(grant.narrowed.audience.as_slice()),
        client_id: session.client_id.clone(),
        scope: grant.narrowed.scope.to_string(),
        iat: session.rotated_at.as_seconds(),
        exp: grant.expires_at.as_seconds(),
        auth_time: session.authenticated_at.as_seconds(),
        jti: token_id(grant, server),
        sid: session.id,
        roles: grant.roles.split_whitespace().map(str::to_owned).collect(),
    }
}

fn token_id(grant: &Grant<'_>, server: &AuthorizationServer) -> String {
    let what = [
        grant.session.id.to_string(),
        grant.session.generation.to_string(),
        grant.session.rotated_at.as_micros().to_string(),
        grant.narrowed.scope.to_string(),
        grant.narrowed.audience.join(" "),
        grant.roles.to_owned(),
    ]
    .join("\n");
    let mac = server.root_secrets.sign_token_id(what.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.as_ref().get(..TOKEN_ID).unwrap_or_default())
}

/// "It is RECOMMENDED that the "application/" prefix be omitted. Therefore, the "typ" value used
/// SHOULD be "at+jwt"", RFC 9068 §2.1; `JWT` for audiences that cannot be told to accept it.
fn typ(audience: &[String], server: &AuthorizationServer) -> &'static str {
    let plain = &server.settings.access_token.jwt_typ_audiences;
    if plain
        .split_whitespace()
        .any(|name| audience.iter().any(|own| own == name))
    {
        "JWT"
    } else {
        "at+jwt"
    }
}

fn encode(part: &impl Serialize) -> Option<String> {
    Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).ok()?))
}

/// Verifies a token of our own that is for ourselves, RFC 9068 §4.
///
/// # Errors
///
/// Why it is no good, for the log.
pub fn verify(text: &str, server: &AuthorizationServer) -> Result<Claims, String> {
    let now = server.clock.now();
    let header = jsonwebtoken::decode_header(text).map_err(|error| error.to_string())?;
    let issuer = &server.settings.issuer;
    let ring = server.keys.ring();
    let id = header.kid.as_deref().unwrap_or_default();
    let key = ring.find(id, now).ok_or("signed by an unknown key")?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[issuer]);
    // By our own clock, below.
    validation.validate_exp = false;
    let token = jsonwebtoken::decode::<Claims>(text, &key.verifying, &validation)
        .map_err(|error| error.to_string())?;
    // "The resource server MUST verify that the "typ" header value is "at+jwt" or
    // "application/at+jwt"", or what the token's audiences have us write.
    let expected = typ(token.claims.aud.all(), server);
    let given = header.typ.as_deref().unwrap_or_default();
    let given = given.strip_prefix("application/").unwrap_or(given);
    if !given.eq_ignore_ascii_case(expected) {
        return Err("not an access token by its typ".to_owned());
    }
    // "The current time MUST be before the time represented by the "exp" claim."
    if now.as_seconds() >= token.claims.exp {
        return Err("expired".to_owned());
    }
    Ok(token.claims)
}

impl Claims {
    /// What the token allows.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::from_stored(&self.scope)
    }
}
