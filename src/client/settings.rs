//! The settings of a client: their names, types and meaning, in one place.
//!
//! The admin API, the command line, the audit log and the store use this struct. Its names are those of RFC 7591,
//! where that has one.

use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::config::{LateRetry, RetryDevice};

/// The settings of a client. An absent setting follows the server's settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Object)]
#[serde(deny_unknown_fields)]
#[oai(skip_serializing_if_is_none)]
pub struct ClientSettings {
    /// Name shown to users. Default: the client's id.
    #[oai(validator(min_length = 1, max_length = 255))]
    pub client_name: String,
    /// Whether the client is operated by the operator of this server. Only such a client may use the password grant
    /// and the scopes `account` and `admin`.
    pub first_party: bool,
    /// Grant types that the client may use.
    pub grant_types: Vec<GrantType>,
    /// Scopes that the client's tokens may have, separated by spaces. A token request that names none gets them without
    /// those of OpenID Connect and those that require a role. Default: `account` for a first-party client; with the grant
    /// `authorization_code` also `openid`, `profile`, `email` and, with `refresh_token`, `offline_access`.
    #[oai(validator(max_length = 2048, pattern = r"^([!#-\[\]-~]+( [!#-\[\]-~]+)*)?$"))]
    pub scope: String,
    /// Audiences of the client's access tokens, as URIs. Default: the issuer.
    #[oai(validator(
        max_items = 64,
        max_length = 2048,
        pattern = r"^[A-Za-z][A-Za-z0-9+.-]*:[!$-~]+$"
    ))]
    pub audience: Vec<String>,
    /// Format of the client's access tokens. Default: `jwt`.
    pub access_token_format: Option<AccessTokenFormat>,
    /// The `typ` header of the client's JWTs. Default: `at+jwt`, or the server's setting for the audience.
    pub access_token_type: Option<AccessTokenType>,
    /// Lifetime of an access token in seconds, at most 30 days. Default: the server's setting.
    #[oai(validator(minimum(value = "1"), maximum(value = "2592000")))]
    pub access_token_lifetime: Option<i64>,
    /// Maximum lifetime of a session in seconds. Default: the server's setting.
    #[oai(validator(minimum(value = "1"), maximum(value = "315360000")))]
    pub session_lifetime: Option<i64>,
    /// Lifetime of a session without a refresh in seconds. Default: the server's setting.
    #[oai(validator(minimum(value = "1"), maximum(value = "315360000")))]
    pub session_idle_lifetime: Option<i64>,
    /// Whether a refresh replaces the refresh token. `never` is for confidential clients. Default: `always`.
    pub rotation: Option<RefreshTokenRotation>,
    /// Seconds in which the same refresh token gets the same response, at most 60. In force is at most half of the
    /// lifetime of access tokens. Default: the server's setting.
    #[oai(validator(minimum(value = "0"), maximum(value = "60")))]
    pub retry_window: Option<i64>,
    /// Devices that get the same response within the retry window. With `same`, a retry with another `User-Agent` is
    /// a late one. Default: the server's setting.
    pub retry_device: Option<RetryDevice>,
    /// Whether a retry after the retry window is allowed: `same_device` allows it from the same device always, and
    /// from another one any number of times until the newest token is used, but not at two generations within
    /// `late_retry_spacing`; `once` treats every device as another. Default: the server's setting.
    pub late_retry: Option<LateRetry>,
    /// Number of generations after a late retry from another device in which a late retry of another generation is a
    /// replay. Default: the server's setting.
    #[oai(validator(minimum(value = "1"), maximum(value = "4294967295")))]
    pub late_retry_spacing: Option<i64>,
    /// Origins of the pages that may call the server as this client (CORS), such as `https://app.example.com`.
    #[oai(validator(
        max_items = 64,
        max_length = 255,
        pattern = r"^[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@\\*]+/?$"
    ))]
    pub origins: Vec<String>,
    /// URIs to which the browser may return after the sign-in page, with a code. At least one for the grant
    /// `authorization_code`. A request names one of them exactly; only the port of an `http` URI with the host
    /// `127.0.0.1`, `[::1]` or `localhost` may differ.
    #[oai(validator(
        max_items = 20,
        max_length = 2048,
        pattern = r"^[a-z][a-z0-9+.-]*:[!$-)+-;=?-\[\]_a-z~]*$"
    ))]
    pub redirect_uris: Vec<String>,
    /// URIs to which the browser may return after signing out. A request names one of them exactly.
    #[oai(validator(
        max_items = 20,
        max_length = 2048,
        pattern = r"^[a-z][a-z0-9+.-]*:[!$-)+-;=?-\[\]_a-z~]*$"
    ))]
    pub post_logout_redirect_uris: Vec<String>,
    /// Whether authorization requests must use PKCE (RFC 7636). `optional` is for confidential clients. Default:
    /// `required`.
    pub pkce: Option<Pkce>,
    /// Whether users are asked for their consent. `skip` is for applications of the operator that are not first-party.
    /// First-party clients never ask. Default: `required`.
    pub consent: Option<Consent>,
    /// Whether the client gets no tokens. Disabling a client ends its sessions.
    pub disabled: bool,
}

/// A grant type.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Enum,
)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 section 4.3.
    Password,
    /// RFC 6749 section 6.
    RefreshToken,
    /// RFC 6749 section 4.4.
    ClientCredentials,
    /// RFC 6749 section 4.1.
    AuthorizationCode,
}

/// Format of access tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// A JWT by RFC 9068, which an API verifies offline.
    #[default]
    Jwt,
    /// A reference, which an API sends to `/introspect` (RFC 7662).
    Opaque,
}

/// The `typ` header of a JWT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Enum)]
pub enum AccessTokenType {
    /// By RFC 9068 section 2.1.
    #[default]
    #[serde(rename = "at+jwt")]
    #[oai(rename = "at+jwt")]
    AtJwt,
    /// For APIs that do not accept the other.
    #[serde(rename = "JWT")]
    #[oai(rename = "JWT")]
    Jwt,
}

/// Whether a refresh replaces the refresh token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum RefreshTokenRotation {
    /// Each refresh returns a new refresh token.
    #[default]
    Always,
    /// The refresh token stays the same for the whole session.
    Never,
}

/// Whether authorization requests must use PKCE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum Pkce {
    /// A request without a code challenge is refused.
    #[default]
    Required,
    /// A request may have none.
    Optional,
}

/// Whether users are asked for their consent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum Consent {
    /// Each user is asked once for each scope.
    #[default]
    Required,
    /// The operator has consented for all users.
    Skip,
}

/// How a client authenticates at the token endpoint, by RFC 7591 section 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Enum)]
#[serde(rename_all = "snake_case")]
#[oai(rename_all = "snake_case")]
pub enum TokenEndpointAuthMethod {
    /// A public client: it has no secret.
    #[default]
    None,
    /// A confidential client: it sends its secret by HTTP Basic, or in the request body.
    ClientSecretBasic,
}

impl GrantType {
    /// All grant types.
    pub const ALL: [Self; 4] = [
        Self::Password,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::AuthorizationCode,
    ];

    /// The value of `grant_type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::AuthorizationCode => "authorization_code",
        }
    }

    /// The grant type with this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == name)
    }
}

impl ClientSettings {
    /// The default settings of the client with this id.
    pub fn new(id: &str) -> Self {
        Self {
            client_name: id.to_owned(),
            ..Self::default()
        }
    }

    /// All settings by name; `null` stands for the server's setting.
    pub fn members(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }

    /// The settings that differ from `before`, by name.
    pub fn changes_since(&self, before: &Self) -> Map<String, Value> {
        let before = before.members();
        let mut changes = self.members();
        changes.retain(|name, value| before.get(name) != Some(value));
        changes
    }
}

impl AccessTokenType {
    /// The value of `typ`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtJwt => "at+jwt",
            Self::Jwt => "JWT",
        }
    }
}
