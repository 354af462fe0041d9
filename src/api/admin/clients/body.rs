//! What the clients' door takes.

use std::time::Duration;

use poem_openapi::Object;
use poem_openapi::types::{MaybeUndefined, Password};
use serde::Deserialize;

use super::new_secret;
use super::shape::{ClientLateRetry, ClientRotation, ClientTokenFormat, ClientTokenType};
use crate::api::json_body;
use crate::client::secret::NewSecret;
use crate::client::{self as registration, Change, Setting};
use crate::response::problem::Problem;
use crate::web_origin::WebOrigin;

/// A body with the settings of a client among its fields.
macro_rules! with_settings {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        #[derive(Object, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($own)*
            /// For people. Its id, unless given.
            #[serde(default)]
            #[oai(validator(min_length = 1, max_length = 255))]
            pub name: MaybeUndefined<String>,
            /// Whether it is as much the operator's own as this server is. Only such a client may take
            /// people's passwords (the password grant), and open the account and the admin door.
            #[serde(default)]
            pub first_party: MaybeUndefined<bool>,
            /// Which grant types it may use: `password`, `refresh_token`, `client_credentials`.
            #[serde(default)]
            #[oai(validator(pattern = "^(password|refresh_token|client_credentials)$"))]
            pub grant_types: MaybeUndefined<Vec<String>>,
            /// What its tokens may allow, and what they do when a request names no scope; space-separated.
            #[serde(default)]
            #[oai(validator(max_length = 2048, pattern = r"^([!#-\[\]-~]+( [!#-\[\]-~]+)*)?$"))]
            pub scope: MaybeUndefined<String>,
            /// Whom its tokens are for, as URIs; nobody: this server itself.
            #[serde(default)]
            #[oai(validator(max_items = 64, max_length = 2048, pattern = r"^[A-Za-z][A-Za-z0-9+.-]*:[!$-~]+$"))]
            pub audience: MaybeUndefined<Vec<String>>,
            /// What its access tokens look like.
            #[serde(default)]
            pub access_token_format: MaybeUndefined<ClientTokenFormat>,
            /// The `typ` of its JWTs.
            #[serde(default)]
            pub access_token_type: MaybeUndefined<ClientTokenType>,
            /// How long an access token lives, in seconds: 30 days at most.
            #[serde(default)]
            #[oai(validator(minimum(value = "1"), maximum(value = "2592000")))]
            pub access_token_lifetime: MaybeUndefined<i64>,
            /// How long a session lives at most, in seconds.
            #[serde(default)]
            #[oai(validator(minimum(value = "1"), maximum(value = "315360000")))]
            pub session_lifetime: MaybeUndefined<i64>,
            /// How long a session lives without being refreshed, in seconds.
            #[serde(default)]
            #[oai(validator(minimum(value = "1"), maximum(value = "315360000")))]
            pub session_idle_lifetime: MaybeUndefined<i64>,
            /// Whether a refresh replaces the refresh token; `never` is for confidential clients alone.
            #[serde(default)]
            pub rotation: MaybeUndefined<ClientRotation>,
            /// How long the same refresh token gets the same answer, in seconds: 60 at most.
            #[serde(default)]
            #[oai(validator(minimum(value = "0"), maximum(value = "60")))]
            pub retry_window: MaybeUndefined<i64>,
            /// Whether a retry after that is forgiven.
            #[serde(default)]
            pub late_retry: MaybeUndefined<ClientLateRetry>,
            /// How many generations lie between two late retries that are forgiven.
            #[serde(default)]
            #[oai(validator(minimum(value = "1"), maximum(value = "4294967295")))]
            pub late_retry_spacing: MaybeUndefined<i64>,
            /// Whether it gets no tokens. To disable a client ends its sessions.
            #[serde(default)]
            pub disabled: MaybeUndefined<bool>,
        }

        impl $name {
            /// The settings, as the registration takes them.
            ///
            /// # Errors
            ///
            /// [`Problem::Invalid`] for numbers that are none of what they should be.
            fn parse_settings(self) -> Result<Change, Problem> {
                let late_retry_spacing = match self.late_retry_spacing {
                    MaybeUndefined::Value(count) => {
                        MaybeUndefined::Value(u32::try_from(count).map_err(|_| {
                            Problem::invalid("late_retry_spacing", "a number of generations")
                        })?)
                    }
                    MaybeUndefined::Null => MaybeUndefined::Null,
                    MaybeUndefined::Undefined => MaybeUndefined::Undefined,
                };
                Ok(Change {
                    name: setting(self.name),
                    first_party: setting(self.first_party),
                    grant_types: setting(self.grant_types),
                    scope: setting(self.scope.map_value(|scope| words(&scope))),
                    audience: setting(self.audience),
                    access_token_format: setting(self.access_token_format),
                    access_token_type: setting(self.access_token_type),
                    access_token_lifetime: duration(
                        "access_token_lifetime",
                        self.access_token_lifetime,
                    )?,
                    session_lifetime: duration("session_lifetime", self.session_lifetime)?,
                    session_idle_lifetime: duration(
                        "session_idle_lifetime",
                        self.session_idle_lifetime,
                    )?,
                    rotation: setting(self.rotation),
                    retry_window: duration("retry_window", self.retry_window)?,
                    late_retry: setting(self.late_retry),
                    late_retry_spacing: setting(late_retry_spacing),
                    disabled: setting(self.disabled),
                })
            }
        }
    };
}

with_settings! {
    /// A client to be registered. What is absent or null is off, nothing, or follows the server.
    pub struct ClientCreation {
        /// Its id, which it sends as `client_id`: 1 to 255 printable ASCII characters, and not a UUID, which
        /// could be taken for a user.
        #[oai(validator(min_length = 1, max_length = 255, pattern = "^[!-9;-~]([ -9;-~]*[!-9;-~])?$"))]
        pub client_id: String,
        /// Whether it can keep a secret: a server, not a browser or an app. The answer holds the secret,
        /// this once.
        #[serde(default)]
        #[oai(default)]
        pub confidential: bool,
        /// For a confidential client: a secret that was made elsewhere, of 32 characters or more, at random.
        #[serde(default, deserialize_with = "json_body::password_if_any")]
        #[oai(validator(min_length = 32, max_length = 255, pattern = "^[ -~]+$"))]
        pub client_secret: Option<Password>,
        /// The origins whose pages may read what it is answered, such as `https://app.example.com`.
        #[serde(default)]
        #[oai(default, validator(max_items = 64, max_length = 255, pattern = r"^[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@\\*]+/?$"))]
        pub origins: Vec<String>,
    }
}

with_settings! {
    /// What is to change. What is absent stays; `null` is what holds for a client of which nothing is said.
    pub struct ClientChange {}
}

impl ClientCreation {
    /// The client to be registered, and its secret.
    ///
    /// # Errors
    ///
    /// [`Problem::Invalid`].
    pub fn parse(mut self) -> Result<(registration::NewClient, Option<NewSecret>), Problem> {
        let id = std::mem::take(&mut self.client_id);
        let origins = parse_origins(&self.origins)?;
        let given = self.client_secret.take();
        let secret = match (self.confidential, given) {
            (true, given) => Some(new_secret(given)?),
            (false, None) => None,
            (false, Some(_)) => {
                let detail = "a public client has none; say confidential: true";
                return Err(Problem::invalid("client_secret", detail));
            }
        };
        let new = registration::NewClient {
            id,
            secret: secret.clone(),
            settings: self.parse_settings()?,
            origins,
        };
        Ok((new, secret))
    }
}

impl ClientChange {
    /// The change, as the registration takes it.
    ///
    /// # Errors
    ///
    /// [`Problem::Invalid`].
    pub fn parse(self) -> Result<Change, Problem> {
        self.parse_settings()
    }
}

/// All origins from now on.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrigins {
    /// The origins whose pages may read what the client is answered.
    #[oai(validator(
        max_items = 64,
        max_length = 255,
        pattern = r"^[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@\\*]+/?$"
    ))]
    pub origins: Vec<String>,
}

/// A secret to come.
#[derive(Object, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSecretCreation {
    /// A secret that was made elsewhere, of 32 characters or more, at random; absent: one is made here.
    #[serde(default, deserialize_with = "json_body::password_if_any")]
    #[oai(validator(min_length = 32, max_length = 255, pattern = "^[ -~]+$"))]
    pub client_secret: Option<Password>,
    /// For how long it is good, in seconds; absent: until it is removed.
    #[oai(validator(minimum(value = "1"), maximum(value = "315360000")))]
    #[serde(default, deserialize_with = "json_body::if_any")]
    pub expires_in: Option<i64>,
}

fn setting<F, T: From<F>>(given: MaybeUndefined<F>) -> Setting<T> {
    match given {
        MaybeUndefined::Undefined => Setting::Kept,
        MaybeUndefined::Null => Setting::Default,
        MaybeUndefined::Value(value) => Setting::To(value.into()),
    }
}

/// An empty text holds none. What is wrong with one is found by whoever registers it.
fn words(text: &str) -> Vec<String> {
    let words = text.split(' ').filter(|_| !text.is_empty());
    words.map(str::to_owned).collect()
}

fn duration(field: &str, given: MaybeUndefined<i64>) -> Result<Setting<Duration>, Problem> {
    Ok(match given {
        MaybeUndefined::Undefined => Setting::Kept,
        MaybeUndefined::Null => Setting::Default,
        MaybeUndefined::Value(count) => Setting::To(seconds(field, count)?),
    })
}

/// So many seconds.
pub fn seconds(field: &str, count: i64) -> Result<Duration, Problem> {
    let count = u64::try_from(count).map_err(|_| Problem::invalid(field, "a number of seconds"))?;
    Ok(Duration::from_secs(count))
}

/// Origins as pages send them.
pub fn parse_origins(origins: &[String]) -> Result<Vec<WebOrigin>, Problem> {
    let parsed = origins.iter().map(|origin| WebOrigin::parse(origin));
    parsed
        .collect::<Result<_, _>>()
        .map_err(|error| Problem::invalid("origins", error.to_string()))
}
