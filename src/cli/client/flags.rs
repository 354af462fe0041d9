//! The settings of a client as flags of `add` and `update`.

use clap::builder::PossibleValuesParser;
use clap::{Args, Command};
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::client::{ClientPatch, GrantType, InvalidSetting};
use crate::config::{LateRetry, RetryDevice};
use crate::redirect_uri::{RedirectUri, RedirectUriError};

/// The flags. Each is serialized under the name of its setting.
#[derive(Debug, Args, Serialize)]
pub struct Flags {
    /// Name shown to users. [default: the id]
    #[arg(long)]
    #[serde(rename = "client_name")]
    name: Option<String>,
    /// The client is operated by you, as this server is. Required for the grant `password` and the scopes `account`
    /// and `admin`.
    #[arg(long)]
    #[serde(serialize_with = "flag_or_null")]
    first_party: bool,
    /// A grant type that the client may use; may be repeated. `password` requires --first-party, because it shows
    /// users' passwords to the client (RFC 9700, 2.4), and adds `refresh_token`; `client_credentials` requires
    /// --confidential; `authorization_code` requires --redirect-uri and adds `refresh_token`.
    #[arg(long = "grant", value_name = "GRANT", value_parser = GrantType::ALL.map(GrantType::as_str))]
    #[serde(rename = "grant_types", serialize_with = "with_refresh_token")]
    grants: Option<Vec<String>>,
    /// A scope that its tokens may have; may be repeated. [default: `account` with --first-party; with the grant
    /// `authorization_code` also `openid`, `profile`, `email` and `offline_access`]
    #[arg(long = "scope", value_name = "SCOPE")]
    #[serde(serialize_with = "joined")]
    scope: Option<Vec<String>>,
    /// An API that its tokens are for, as a URI; may be repeated. [default: the issuer]
    #[arg(long = "audience", value_name = "URI")]
    audience: Option<Vec<String>>,
    /// Format of its access tokens: a JWT, which APIs verify offline, or a reference, which APIs send to /introspect.
    /// [default: jwt]
    #[arg(long, value_name = "FORMAT", value_parser = ["jwt", "opaque"])]
    access_token_format: Option<String>,
    /// The `typ` of its JWTs: JWT for APIs that do not accept at+jwt. [default: at+jwt, or the server's setting for the
    /// audience]
    #[arg(long, value_name = "TYP", value_parser = ["at+jwt", "JWT"])]
    access_token_type: Option<String>,
    /// Lifetime of its access tokens, such as 5m.
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    access_token_lifetime: Option<u64>,
    /// Maximum lifetime of its sessions, such as 90d; applies to new sessions.
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    session_lifetime: Option<u64>,
    /// Lifetime of its sessions without a refresh, such as 14d.
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    session_idle_lifetime: Option<u64>,
    /// Whether a refresh replaces the refresh token. `never` requires --confidential: only rotation detects a stolen
    /// refresh token of a public client (RFC 9700, 4.14.2). [default: always]
    #[arg(long, value_name = "WHEN", value_parser = ["always", "never"])]
    rotation: Option<String>,
    /// The time in which the same refresh token gets the same response, such as 10s; at most 60s. In force is at most
    /// half of the access token lifetime.
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    retry_window: Option<u64>,
    /// Devices that get the same response within the retry window: any, or those with the same User-Agent. With same,
    /// a retry with another User-Agent is a late one.
    #[arg(long, value_name = "DEVICES", value_parser = RetryDevice::ALL.map(RetryDevice::name))]
    retry_device: Option<String>,
    /// Whether a retry after the retry window is allowed. `same_device`: from the same device always; from another one
    /// any number of times until the newest token is used, but not at two generations within --late-retry-spacing.
    /// `once`: every device counts as another.
    #[arg(long, value_name = "WHEN", value_parser = LateRetry::ALL.map(LateRetry::name))]
    late_retry: Option<String>,
    /// Number of refreshes after a late retry from another device in which a late retry of another generation revokes
    /// the session.
    #[arg(long, value_name = "COUNT")]
    late_retry_spacing: Option<u32>,
    /// A URI to which the browser may return after the sign-in page, such as `https://app.example.com/callback`; may be
    /// repeated. Compared as a whole, except for the port of `http://localhost`, `http://127.0.0.1` and `http://[::1]`.
    #[arg(long = "redirect-uri", value_name = "URI", value_parser = redirect_uri)]
    redirect_uris: Option<Vec<String>>,
    /// A URI to which the browser may return after signing out; may be repeated.
    #[arg(long = "post-logout-redirect-uri", value_name = "URI", value_parser = redirect_uri)]
    post_logout_redirect_uris: Option<Vec<String>>,
    /// Whether authorization requests must use PKCE (RFC 7636). `optional` requires --confidential. [default: required]
    #[arg(long, value_name = "WHEN", value_parser = ["required", "optional"])]
    pkce: Option<String>,
    /// Whether users are asked for their consent. `skip` is for your own applications without --first-party.
    /// [default: required; never with --first-party]
    #[arg(long, value_name = "WHEN", value_parser = ["required", "skip"])]
    consent: Option<String>,
}

impl Flags {
    /// The given settings, and `null` for each flag named in `defaults` that is not given.
    pub fn patch(&self, defaults: &[String]) -> ClientPatch {
        let mut patch = ClientPatch::default();
        if let Ok(Value::Object(settings)) = serde_json::to_value(self) {
            let is_default = |name: &str| defaults.iter().any(|flag| setting(flag) == name);
            for (name, value) in settings {
                if !value.is_null() || is_default(&name) {
                    patch = patch.with(&name, value);
                }
            }
        }
        patch
    }
}

/// The names of the flags, as values of `--default`.
pub fn names() -> PossibleValuesParser {
    let command = Flags::augment_args(Command::new("flags"));
    let names = command.get_arguments().filter_map(|flag| flag.get_long());
    let names: Vec<String> = names.map(str::to_owned).collect();
    PossibleValuesParser::new(names)
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes the field by reference"
)]
fn flag_or_null<S: Serializer>(flag: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    flag.then_some(true).serialize(serializer)
}

/// A client whose users sign in can also refresh its sessions.
#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
fn with_refresh_token<S: Serializer>(
    grants: &Option<Vec<String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut grants = grants.clone();
    let signs_in = [GrantType::Password, GrantType::AuthorizationCode].map(GrantType::as_str);
    if let Some(grants) = &mut grants
        && grants
            .iter()
            .any(|grant| signs_in.contains(&grant.as_str()))
    {
        grants.push(GrantType::RefreshToken.as_str().to_owned());
    }
    grants.serialize(serializer)
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
fn joined<S: Serializer>(words: &Option<Vec<String>>, serializer: S) -> Result<S::Ok, S::Error> {
    let text = words.as_ref().map(|words| words.join(" "));
    text.serialize(serializer)
}

fn redirect_uri(text: &str) -> Result<String, RedirectUriError> {
    RedirectUri::parse(text).map(|uri| uri.as_str().to_owned())
}

fn seconds(text: &str) -> Result<u64, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration.subsec_nanos() == 0 {
        Ok(duration.as_secs())
    } else {
        Err("must be in whole seconds".to_owned())
    }
}

/// The message about an invalid setting, with the names of the flags.
pub fn complaint(invalid: &InvalidSetting) -> String {
    let message = ["first_party", "token_endpoint_auth_method"]
        .into_iter()
        .fold(invalid.message.clone(), |message, name| {
            message.replace(&format!("`{name}`"), &flag(name))
        });
    match &*invalid.field {
        "client_id" => format!("a client id {message}"),
        "client_secret" => format!("a client secret {message}"),
        field => format!("{}: {message}", flag(field)),
    }
}

fn flag(setting: &str) -> String {
    let name = match setting {
        "client_name" => "name",
        "grant_types" => "grant",
        "origins" => "origin",
        "redirect_uris" => "redirect_uri",
        "post_logout_redirect_uris" => "post_logout_redirect_uri",
        "token_endpoint_auth_method" => "confidential",
        other => other,
    };
    format!("--{}", name.replace('_', "-"))
}

fn setting(flag: &str) -> String {
    match flag {
        "name" => "client_name".to_owned(),
        "grant" => "grant_types".to_owned(),
        "redirect-uri" => "redirect_uris".to_owned(),
        "post-logout-redirect-uri" => "post_logout_redirect_uris".to_owned(),
        other => other.replace('-', "_"),
    }
}
