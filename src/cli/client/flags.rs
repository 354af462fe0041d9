//! What `add` and `update` say of a client alike, as flags.

use std::time::Duration;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::client::registration::Invalid;
use crate::client::{Change, Setting};
use crate::config::LateRetry;
use crate::grant;
use crate::store::client::{AccessTokenFormat, AccessTokenType, RefreshTokenRotation};

#[derive(Debug, Args)]
pub struct Flags {
    /// A name for people. [default: the id]
    #[arg(long)]
    name: Option<String>,
    /// The client is as much yours as this server is: a page or an app of your own. Only such a client may
    /// have the grant `password` and the scopes `account` and `admin`.
    #[arg(long)]
    first_party: bool,
    /// A grant type it may use; may be given again. `password` needs --first-party, because it shows
    /// people's passwords to the client (RFC 9700, 2.4), and brings `refresh_token` along;
    /// `client_credentials` needs --confidential.
    #[arg(long = "grant", value_name = "GRANT", value_parser = grant::TYPES)]
    grants: Option<Vec<String>>,
    /// A scope its tokens may have; may be given again. [default: `account` with --first-party, else none]
    #[arg(long = "scope", value_name = "SCOPE")]
    scope: Option<Vec<String>>,
    /// An API its tokens are for, as a URI; may be given again. [default: the issuer itself]
    #[arg(long = "audience", value_name = "URI")]
    audience: Option<Vec<String>>,
    /// What its access tokens look like: a JWT that APIs verify by themselves, or a reference that they
    /// ask about at /introspect. [default: jwt]
    #[arg(long, value_name = "FORMAT", value_parser = choice(AccessTokenFormat::ALL.map(AccessTokenFormat::name), AccessTokenFormat::parse))]
    access_token_format: Option<AccessTokenFormat>,
    /// The `typ` of its JWTs: JWT for APIs that cannot be told to accept at+jwt. [default: at+jwt, or what
    /// the settings say for the audience]
    #[arg(long, value_name = "TYP", value_parser = choice(AccessTokenType::ALL.map(AccessTokenType::name), AccessTokenType::parse))]
    access_token_type: Option<AccessTokenType>,
    /// How long its access tokens live, such as 5m.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    access_token_lifetime: Option<Duration>,
    /// How long its sessions live at most, such as 90d; counts for sessions that begin.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    session_lifetime: Option<Duration>,
    /// How long its sessions live without being refreshed, such as 14d.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    session_idle_lifetime: Option<Duration>,
    /// Whether a refresh replaces the refresh token. `never` needs --confidential: nothing else shows that
    /// a public client's token was stolen (RFC 9700, 4.14.2). [default: always]
    #[arg(long, value_name = "WHEN", value_parser = choice(RefreshTokenRotation::ALL.map(RefreshTokenRotation::name), RefreshTokenRotation::parse))]
    rotation: Option<RefreshTokenRotation>,
    /// How long the same refresh token gets the same answer, such as 10s.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    retry_window: Option<Duration>,
    /// Whether a retry after that is forgiven.
    #[arg(long, value_name = "WHEN", value_parser = choice(LateRetry::ALL.map(LateRetry::name), LateRetry::parse))]
    late_retry: Option<LateRetry>,
    /// A second late retry within so many refreshes of the first is a replay.
    #[arg(long, value_name = "COUNT")]
    late_retry_spacing: Option<u32>,
}

/// One of a few words.
fn choice<T: Clone + Send + Sync + 'static>(
    names: [&'static str; 2],
    parse: fn(&str) -> Option<T>,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(names)
        .try_map(move |name| parse(&name).ok_or("not one of the possible values"))
}

/// The settings that can be given back to the server, by their flags.
pub const SETTINGS: [&str; 14] = [
    "name",
    "first-party",
    "grant",
    "scope",
    "audience",
    "access-token-format",
    "access-token-type",
    "access-token-lifetime",
    "session-lifetime",
    "session-idle-lifetime",
    "rotation",
    "retry-window",
    "late-retry",
    "late-retry-spacing",
];

impl Flags {
    /// What is asked for; the settings named in `defaults` become what they are for a client of which
    /// nothing is said, unless another flag says what they become.
    pub fn change(self, defaults: &[String]) -> Change {
        let is_default = |flag: &str| defaults.iter().any(|own| own == flag);
        Change {
            name: setting(self.name, is_default("name")),
            first_party: setting(self.first_party.then_some(true), is_default("first-party")),
            grant_types: setting(self.grants.map(complete), is_default("grant")),
            scope: setting(self.scope, is_default("scope")),
            audience: setting(self.audience, is_default("audience")),
            access_token_format: setting(
                self.access_token_format,
                is_default("access-token-format"),
            ),
            access_token_type: setting(self.access_token_type, is_default("access-token-type")),
            access_token_lifetime: setting(
                self.access_token_lifetime,
                is_default("access-token-lifetime"),
            ),
            session_lifetime: setting(self.session_lifetime, is_default("session-lifetime")),
            session_idle_lifetime: setting(
                self.session_idle_lifetime,
                is_default("session-idle-lifetime"),
            ),
            rotation: setting(self.rotation, is_default("rotation")),
            retry_window: setting(self.retry_window, is_default("retry-window")),
            late_retry: setting(self.late_retry, is_default("late-retry")),
            late_retry_spacing: setting(self.late_retry_spacing, is_default("late-retry-spacing")),
            disabled: Setting::Kept,
        }
    }
}

fn setting<T>(given: Option<T>, is_default: bool) -> Setting<T> {
    match given {
        None if is_default => Setting::Default,
        given => Setting::from(given),
    }
}

/// Whoever signs in stays signed in.
fn complete(mut grants: Vec<String>) -> Vec<String> {
    if grants.iter().any(|grant| grant == grant::password::TYPE) {
        grants.push(grant::refresh_token::TYPE.to_owned());
    }
    grants
}

/// What is wrong, with fields called by their flags.
pub fn complaint(invalid: Invalid) -> String {
    let Invalid { field, message } = invalid;
    let message = ["first_party", "confidential"]
        .into_iter()
        .fold(message, |message, name| {
            message.replace(&format!("`{name}`"), &flag(name))
        });
    match field {
        "client_id" => format!("a client id {message}"),
        "client_secret" => format!("a client secret {message}"),
        field => format!("{}: {message}", flag(field)),
    }
}

fn flag(field: &str) -> String {
    let name = match field {
        "grant_types" => "grant",
        "origins" => "origin",
        other => other,
    };
    format!("--{}", name.replace('_', "-"))
}
