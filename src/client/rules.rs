//! The rules for a client's id and settings.

mod authorization;

use std::borrow::Cow;
use std::ops::RangeInclusive;

use uuid::Uuid;

use super::{AccessTokenFormat, ClientSettings, GrantType, RefreshTokenRotation};
use crate::config::{LONGEST_ACCESS_TOKEN, LONGEST_RETRY_WINDOW};
use crate::display_name;
use crate::scope::{OPENID, OwnScope, Scope};
use crate::web_origin::WebOrigin;

/// The maximum number of scopes of a session with opaque access tokens: one bit of the token each.
pub const MAX_OPAQUE_SCOPES: usize = 16;
/// The maximum number of audiences of a session with opaque access tokens: one bit of the token each.
pub const MAX_OPAQUE_AUDIENCES: usize = 8;
/// The maximum number of scopes or audiences. A token that names them all has to fit into a header, which most
/// HTTP servers limit to 8 KiB; as a JWT they take less than 6 KiB.
const MAX_WORDS: usize = 64;
/// The same in bytes, with the spaces between them.
const MAX_WORDS_LENGTH: usize = 2048;
const MAX_ORIGINS: usize = 64;
/// Ten years in seconds.
const MAX_SESSION_LIFETIME: u64 = 3650 * 24 * 3600;

/// What is wrong with one setting of a client.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidSetting {
    /// The setting, such as `grant_types`.
    pub field: Cow<'static, str>,
    /// What is valid. Names of other settings stand between backticks.
    pub message: String,
}

impl InvalidSetting {
    /// An invalid setting.
    pub fn new(field: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

/// Checks one setting of a client, which is confidential or not, and says what is valid.
type Rule = fn(&ClientSettings, bool) -> Result<(), String>;

/// All rules, each with the setting that it is about.
const RULES: [(&str, Rule); 17] = [
    ("client_name", name_is_readable),
    ("grant_types", password_is_for_first_party),
    ("grant_types", client_credentials_is_for_confidential),
    ("scope", scope_is_well_formed),
    ("scope", scope_is_short),
    ("scope", own_scopes_are_for_first_party),
    ("audience", audiences_are_uris),
    ("audience", audiences_are_few),
    ("access_token_format", opaque_tokens_have_a_session),
    ("access_token_type", opaque_tokens_have_no_type),
    ("rotation", public_clients_rotate),
    ("access_token_lifetime", access_token_lifetime_is_in_range),
    ("session_lifetime", session_lifetime_is_in_range),
    ("session_idle_lifetime", session_idle_lifetime_is_in_range),
    ("retry_window", retry_window_is_in_range),
    ("late_retry_spacing", late_retry_spacing_is_in_range),
    ("origins", origins_are_valid),
];

/// Checks the settings of a client that is confidential or public, and returns everything that is invalid.
pub fn check(settings: &ClientSettings, confidential: bool) -> Vec<InvalidSetting> {
    let rules = RULES.iter().chain(&authorization::RULES);
    let failed = rules.filter_map(|(field, rule)| {
        let message = rule(settings, confidential).err()?;
        Some(InvalidSetting::new(*field, message))
    });
    failed.collect()
}

/// Checks the id of a new client.
pub fn check_id(id: &str) -> Result<(), InvalidSetting> {
    let refused = |message: &str| Err(InvalidSetting::new("client_id", message));
    // RFC 9068 §5: a client must not be able to pass for a user.
    if Uuid::parse_str(id).is_ok() {
        return refused("must not be a UUID: users' ids are");
    }
    // RFC 3986 §3.3 removes these from a path.
    if matches!(id, "." | "..") {
        return refused("must not be . or ..");
    }
    let printable = id.bytes().all(|byte| matches!(byte, 0x20..=0x7E));
    let trimmed = id.trim() == id && !id.is_empty();
    // A colon would end the id for clients that send HTTP Basic without encoding its halves.
    if !trimmed || id.len() > 255 || !printable || id.contains(':') {
        return refused(
            "must be 1 to 255 printable ASCII characters, with no colon and no space at either end",
        );
    }
    Ok(())
}

fn require(holds: bool, message: impl Into<String>) -> Result<(), String> {
    if holds { Ok(()) } else { Err(message.into()) }
}

fn name_is_readable(settings: &ClientSettings, _: bool) -> Result<(), String> {
    display_name::check(&settings.client_name).map_err(|error| error.to_string())
}

/// "The resource owner password credentials grant MUST NOT be used. This grant type insecurely exposes the
/// credentials of the resource owner to the client", RFC 9700 §2.4.
fn password_is_for_first_party(settings: &ClientSettings, _: bool) -> Result<(), String> {
    require(
        settings.first_party || !settings.grant_types.contains(&GrantType::Password),
        "the password grant shows users' passwords to the client (RFC 9700, 2.4): it requires \
         `first_party`",
    )
}

/// "The client credentials grant type MUST only be used by confidential clients", RFC 6749 §4.4.
fn client_credentials_is_for_confidential(
    settings: &ClientSettings,
    confidential: bool,
) -> Result<(), String> {
    require(
        confidential || !settings.grant_types.contains(&GrantType::ClientCredentials),
        "client_credentials requires a client with a secret (`token_endpoint_auth_method`)",
    )
}

fn scope_is_well_formed(settings: &ClientSettings, _: bool) -> Result<(), String> {
    require(
        settings.scope.is_empty() || Scope::parse(&settings.scope).is_ok(),
        "must be scopes of printable ASCII without \" and \\, separated by single spaces",
    )
}

fn scope_is_short(settings: &ClientSettings, _: bool) -> Result<(), String> {
    let count = settings.scope.split_whitespace().count();
    is_short(settings, count, settings.scope.len(), MAX_OPAQUE_SCOPES)
}

fn audiences_are_few(settings: &ClientSettings, _: bool) -> Result<(), String> {
    let (count, length) = (settings.audience.len(), settings.audience.join(" ").len());
    // With `openid`, tokens are for the issuer, too.
    let has_openid = Scope::from_stored(&settings.scope).contains(OPENID);
    let max_opaque = MAX_OPAQUE_AUDIENCES - usize::from(has_openid);
    is_short(settings, count, length, max_opaque)
}

fn is_short(
    settings: &ClientSettings,
    count: usize,
    length: usize,
    max_opaque: usize,
) -> Result<(), String> {
    let (max, reason) = if settings.access_token_format == Some(AccessTokenFormat::Opaque) {
        (max_opaque, "an opaque token cannot hold more")
    } else {
        (
            MAX_WORDS,
            "a token with all of them has to fit into a header",
        )
    };
    require(
        count <= max && length <= MAX_WORDS_LENGTH,
        format!("must be at most {max}, and {MAX_WORDS_LENGTH} bytes in total: {reason}"),
    )
}

fn own_scopes_are_for_first_party(
    settings: &ClientSettings,
    confidential: bool,
) -> Result<(), String> {
    let is_service = confidential && settings.grant_types.contains(&GrantType::ClientCredentials);
    let is_allowed = |own: &OwnScope| settings.first_party || (own.is_for_services && is_service);
    let scope = Scope::from_stored(&settings.scope);
    require(
        scope == scope.without_own(|own| !is_allowed(own)),
        "account, admin and introspect give access to this server's own APIs: they require `first_party`; \
         introspect alone may be of another client with a secret and the grant client_credentials",
    )
}

/// "Its value MUST be an absolute URI [...]. The URI MUST NOT include a fragment component", RFC 8707 §2.
fn audiences_are_uris(settings: &ClientSettings, _: bool) -> Result<(), String> {
    // The parser drops and encodes characters that a URI must not have; audiences are compared as text.
    let is_uri = |audience: &String| {
        audience.bytes().all(|byte| byte.is_ascii_graphic())
            && url::Url::parse(audience).is_ok_and(|uri| uri.fragment().is_none())
    };
    require(
        settings.audience.iter().all(is_uri),
        "must each be an absolute URI without a fragment, such as https://api.example.com",
    )
}

fn opaque_tokens_have_a_session(settings: &ClientSettings, _: bool) -> Result<(), String> {
    require(
        settings.access_token_format != Some(AccessTokenFormat::Opaque)
            || !settings.grant_types.contains(&GrantType::ClientCredentials),
        "must be jwt with the client_credentials grant: an opaque token refers to a session",
    )
}

fn opaque_tokens_have_no_type(settings: &ClientSettings, _: bool) -> Result<(), String> {
    require(
        settings.access_token_format != Some(AccessTokenFormat::Opaque)
            || settings.access_token_type.is_none(),
        "is the typ of JWTs; opaque tokens have none",
    )
}

/// "Authorization servers MUST utilize one of these methods to detect refresh token replay by malicious actors for
/// public clients: [...] sender-constrained refresh tokens [...] refresh token rotation", RFC 9700 §4.14.2.
fn public_clients_rotate(settings: &ClientSettings, confidential: bool) -> Result<(), String> {
    require(
        confidential || settings.rotation != Some(RefreshTokenRotation::Never),
        "must be always for a client without a secret (`token_endpoint_auth_method`): only rotation \
         detects a stolen refresh token (RFC 9700, 4.14.2)",
    )
}

fn access_token_lifetime_is_in_range(settings: &ClientSettings, _: bool) -> Result<(), String> {
    require(
        is_in(
            settings.access_token_lifetime,
            1..=LONGEST_ACCESS_TOKEN.as_secs(),
        ),
        "must be 1s to 30d, in whole seconds",
    )
}

fn session_lifetime_is_in_range(settings: &ClientSettings, _: bool) -> Result<(), String> {
    require(
        is_in(settings.session_lifetime, 1..=MAX_SESSION_LIFETIME),
        "must be 1s to 3650d, in whole seconds",
    )
}

fn session_idle_lifetime_is_in_range(settings: &ClientSettings, _: bool) -> Result<(), String> {
    require(
        is_in(settings.session_idle_lifetime, 1..=MAX_SESSION_LIFETIME),
        "must be 1s to 3650d, in whole seconds",
    )
}

fn retry_window_is_in_range(settings: &ClientSettings, _: bool) -> Result<(), String> {
    require(
        is_in(settings.retry_window, 0..=LONGEST_RETRY_WINDOW.as_secs()),
        "must be 0s to 60s, in whole seconds",
    )
}

fn late_retry_spacing_is_in_range(settings: &ClientSettings, _: bool) -> Result<(), String> {
    require(
        is_in(settings.late_retry_spacing, 1..=u64::from(u32::MAX)),
        "must be 1 to 4294967295",
    )
}

fn is_in(value: Option<i64>, range: RangeInclusive<u64>) -> bool {
    value.is_none_or(|value| u64::try_from(value).is_ok_and(|value| range.contains(&value)))
}

fn origins_are_valid(settings: &ClientSettings, _: bool) -> Result<(), String> {
    let mut parsed = settings
        .origins
        .iter()
        .map(|origin| WebOrigin::parse(origin));
    if let Some(error) = parsed.find_map(Result::err) {
        return Err(error.to_string());
    }
    require(
        settings.origins.len() <= MAX_ORIGINS,
        format!("must be at most {MAX_ORIGINS}"),
    )
}
