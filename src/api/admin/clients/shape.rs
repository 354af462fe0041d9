//! What the clients' door gives.

use poem_openapi::{Enum, Object};
use serde::Deserialize;
use uuid::Uuid;

use crate::client::Settings;
use crate::clock::Timestamp;
use crate::config::LateRetry;
use crate::store::client::{AccessTokenFormat, AccessTokenType, Model, RefreshTokenRotation};
use crate::store::client_secret;

/// An application that asks for tokens. A setting that is absent follows the server's.
// Generated SDKs have a `Client` of their own, which makes the calls.
#[derive(Object)]
#[oai(rename = "ClientInformation", skip_serializing_if_is_none)]
pub struct Client {
    /// Its id, which it sends as `client_id`.
    pub client_id: String,
    /// Whether it proves itself by a secret; a public client names itself.
    pub confidential: bool,
    /// For people.
    pub name: String,
    /// Whether it is as much the operator's own as this server is. Only such a client may take people's
    /// passwords (the password grant), and open the account and the admin door.
    pub first_party: bool,
    /// Which grant types it may use: `password`, `refresh_token`, `client_credentials`.
    pub grant_types: Vec<String>,
    /// What its tokens may allow, and what they do when a request names no scope; space-separated.
    pub scope: String,
    /// Whom its tokens are for, as URIs; nobody: this server itself.
    pub audience: Vec<String>,
    /// What its access tokens look like.
    pub access_token_format: Option<ClientTokenFormat>,
    /// The `typ` of its JWTs.
    pub access_token_type: Option<ClientTokenType>,
    /// How long an access token lives, in seconds.
    pub access_token_lifetime: Option<i64>,
    /// How long a session lives at most, in seconds.
    pub session_lifetime: Option<i64>,
    /// How long a session lives without being refreshed, in seconds.
    pub session_idle_lifetime: Option<i64>,
    /// Whether a refresh replaces the refresh token.
    pub rotation: Option<ClientRotation>,
    /// How long the same refresh token gets the same answer, in seconds.
    pub retry_window: Option<i64>,
    /// Whether a retry after that is forgiven.
    pub late_retry: Option<ClientLateRetry>,
    /// How many generations lie between two late retries that are forgiven.
    pub late_retry_spacing: Option<i64>,
    /// The origins whose pages may read what it is answered.
    pub origins: Vec<String>,
    /// Whether it gets no tokens.
    pub disabled: bool,
    /// When it was registered, in seconds since 1970.
    pub created_at: i64,
    /// Since when it gets no tokens, in seconds since 1970.
    pub disabled_at: Option<i64>,
}

/// A page of clients, by id.
#[derive(Object)]
pub struct ClientPage {
    /// The clients.
    pub clients: Vec<Client>,
    /// Names the next page; absent on the last.
    #[oai(skip_serializing_if_is_none)]
    pub next_cursor: Option<String>,
}

/// A secret of a client, without what it is.
#[derive(Object)]
pub struct ClientSecret {
    /// Its id.
    pub id: Uuid,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// From when on it proves nothing, in seconds since 1970; absent: it lasts until it is removed.
    #[oai(skip_serializing_if_is_none)]
    pub expires_at: Option<i64>,
}

/// The secrets of a client, the oldest first.
#[derive(Object)]
pub struct ClientSecrets {
    /// The secrets.
    pub secrets: Vec<ClientSecret>,
}

/// What access tokens look like.
#[derive(Clone, Copy, Debug, Enum, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ClientTokenFormat {
    /// A JWT by RFC 9068, which any API verifies by itself.
    Jwt,
    /// A reference: an API asks `/introspect` about it.
    Opaque,
}

/// The `typ` in the header of a JWT.
#[derive(Clone, Copy, Debug, Enum, Deserialize)]
pub enum ClientTokenType {
    /// By RFC 9068.
    #[oai(rename = "at+jwt")]
    #[serde(rename = "at+jwt")]
    AtJwt,
    /// For APIs that cannot be told to accept the other.
    #[oai(rename = "JWT")]
    #[serde(rename = "JWT")]
    Jwt,
}

/// Whether a refresh replaces the refresh token.
#[derive(Clone, Copy, Debug, Enum, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ClientRotation {
    /// By a new one, each time.
    Always,
    /// It stays the same for the whole session.
    Never,
}

/// Whether a retry after the retry window is forgiven.
#[derive(Clone, Copy, Debug, Enum, Deserialize)]
#[oai(rename_all = "lowercase")]
#[serde(rename_all = "lowercase")]
pub enum ClientLateRetry {
    /// At one generation within the spacing.
    Once,
    /// Never: the strict reading of RFC 9700 §4.14.2.
    Never,
}

impl Client {
    /// A client and its origins.
    #[must_use]
    pub fn of(row: &Model, origins: Vec<String>) -> Self {
        let settings = Settings::of(row);
        let seconds = |life: std::time::Duration| i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
        Self {
            client_id: row.id.clone(),
            confidential: row.confidential,
            name: settings.name,
            first_party: settings.first_party,
            grant_types: settings.grant_types,
            scope: settings.scope.join(" "),
            audience: settings.audience,
            access_token_format: settings.access_token_format.map(Into::into),
            access_token_type: settings.access_token_type.map(Into::into),
            access_token_lifetime: settings.access_token_lifetime.map(seconds),
            session_lifetime: settings.session_lifetime.map(seconds),
            session_idle_lifetime: settings.session_idle_lifetime.map(seconds),
            rotation: settings.rotation.map(Into::into),
            retry_window: settings.retry_window.map(seconds),
            late_retry: settings.late_retry.map(Into::into),
            late_retry_spacing: settings.late_retry_spacing.map(Into::into),
            origins,
            disabled: row.disabled_at.is_some(),
            created_at: row.created_at.as_seconds(),
            disabled_at: row.disabled_at.map(Timestamp::as_seconds),
        }
    }
}

impl From<client_secret::Model> for ClientSecret {
    fn from(row: client_secret::Model) -> Self {
        Self {
            id: row.id,
            created_at: row.created_at.as_seconds(),
            expires_at: row.expires_at.map(Timestamp::as_seconds),
        }
    }
}

/// The same words on the wire and in the registration.
macro_rules! same {
    ($shown:ident = $registered:ident: $($word:ident),+) => {
        impl From<$registered> for $shown {
            fn from(word: $registered) -> Self {
                match word {
                    $($registered::$word => Self::$word),+
                }
            }
        }

        impl From<$shown> for $registered {
            fn from(word: $shown) -> Self {
                match word {
                    $($shown::$word => Self::$word),+
                }
            }
        }
    };
}

same!(ClientTokenFormat = AccessTokenFormat: Jwt, Opaque);
same!(ClientTokenType = AccessTokenType: AtJwt, Jwt);
same!(ClientRotation = RefreshTokenRotation: Always, Never);
same!(ClientLateRetry = LateRetry: Once, Never);
