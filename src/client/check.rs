//! What a client's registration must be.

use std::time::Duration;

use uuid::Uuid;

use super::{AccessTokenFormat, RefreshTokenRotation, Settings};
use crate::client::registration::{Invalid, check_name};
use crate::config::{LONGEST_ACCESS_TOKEN, LONGEST_RETRY_WINDOW};
use crate::grant;
use crate::scope::{OWN_DOORS, Scope};
use crate::token::opaque::{MOST_AUDIENCES, MOST_SCOPES};
use crate::web_origin::WebOrigin;

/// Scopes and audiences of a client, at most. A token that names them all must still arrive: most HTTP
/// servers read 8 KiB of header, and so much of either is less than 6 KiB once it is a JWT.
const MOST_WORDS: usize = 64;
/// The same in bytes, with the spaces between them.
const MOST_BYTES: usize = 2048;
/// Each is a row, and a lookup in a browser's preflight.
const MOST_ORIGINS: usize = 64;
/// Ten years: nobody remembers an older sign-in.
const LONGEST_SESSION: Duration = Duration::from_hours(3650 * 24);

/// Checks an id for a new client.
///
/// # Errors
///
/// What an id is.
pub fn check_id(id: &str) -> Result<(), Invalid> {
    let refused = |message: &str| Err(Invalid::new("client_id", message));
    // RFC 9068 §5: a client must not be able to pass for a user.
    if Uuid::parse_str(id).is_ok() {
        return refused("must not be a UUID: users' ids are");
    }
    // RFC 3986 §3.3 takes these out of a path.
    if matches!(id, "." | "..") {
        return refused("must not be a dot, or two");
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

/// Checks how many origins a client has; each is checked when it is parsed.
///
/// # Errors
///
/// When they are too many.
pub fn check_origins(origins: &[WebOrigin]) -> Result<(), Invalid> {
    if origins.len() <= MOST_ORIGINS {
        return Ok(());
    }
    let message = format!("must be {MOST_ORIGINS} at most");
    Err(Invalid::new("origins", message))
}

impl Settings {
    /// What is wrong with the settings of a client that is `confidential` or public; nothing when they
    /// may be registered.
    #[must_use]
    pub fn check(&self, confidential: bool) -> Vec<Invalid> {
        let mut wrong: Vec<Invalid> = check_name("name", &self.name).err().into_iter().collect();
        let mut demand = |holds: bool, field: &'static str, message: &str| {
            if !holds {
                wrong.push(Invalid::new(field, message));
            }
        };
        self.check_grants(confidential, &mut demand);
        self.check_scopes(&mut demand);
        self.check_audiences(&mut demand);
        self.check_tokens(confidential, &mut demand);
        self.check_times(&mut demand);
        wrong
    }

    fn check_grants(&self, confidential: bool, demand: &mut dyn FnMut(bool, &'static str, &str)) {
        let known = |own: &String| grant::TYPES.contains(&own.as_str());
        demand(
            self.grant_types.iter().all(known),
            "grant_types",
            &format!("must be of {}", grant::TYPES.join(", ")),
        );
        // "The resource owner password credentials grant MUST NOT be used. This grant type insecurely
        // exposes the credentials of the resource owner to the client", RFC 9700 §2.4.
        demand(
            self.first_party || !self.has_grant(grant::password::TYPE),
            "grant_types",
            "the password grant shows people's passwords to the client (RFC 9700, 2.4): it is for \
             clients that are as much yours as this server is; say so by `first_party`",
        );
        // "The client credentials grant type MUST only be used by confidential clients", RFC 6749 §4.4.
        demand(
            confidential || !self.has_grant(grant::client_credentials::TYPE),
            "grant_types",
            "client_credentials needs `confidential`: the client proves who it is by a secret",
        );
    }

    fn check_scopes(&self, demand: &mut dyn FnMut(bool, &'static str, &str)) {
        let well_formed = |scope: &String| Scope::parse(scope).is_ok() && !scope.contains(' ');
        demand(
            self.scope.iter().all(well_formed),
            "scope",
            "must each be printable ASCII, without spaces, \" and \\",
        );
        let most = if self.is_opaque() {
            MOST_SCOPES
        } else {
            MOST_WORDS
        };
        demand(
            self.scope.len() <= most && bytes(&self.scope) <= MOST_BYTES,
            "scope",
            &too_many(most, self.is_opaque()),
        );
        let of_own_doors = |scope: &String| OWN_DOORS.contains(&scope.as_str());
        demand(
            self.first_party || !self.scope.iter().any(of_own_doors),
            "scope",
            &format!(
                "{} open this server's own doors, for clients that are as much yours as this server \
                 is; say so by `first_party`",
                OWN_DOORS.join(" and ")
            ),
        );
    }

    fn check_audiences(&self, demand: &mut dyn FnMut(bool, &'static str, &str)) {
        // "Its value MUST be an absolute URI [...]. The URI MUST NOT include a fragment component", RFC
        // 8707 §2. Its parser drops and encodes what a URI may not hold; what is compared is the text.
        let well_formed = |audience: &String| {
            audience.bytes().all(|byte| byte.is_ascii_graphic())
                && url::Url::parse(audience).is_ok_and(|uri| uri.fragment().is_none())
        };
        demand(
            self.audience.iter().all(well_formed),
            "audience",
            "must each be an absolute URI without a fragment, such as https://api.example.com",
        );
        let most = if self.is_opaque() {
            MOST_AUDIENCES
        } else {
            MOST_WORDS
        };
        demand(
            self.audience.len() <= most && bytes(&self.audience) <= MOST_BYTES,
            "audience",
            &too_many(most, self.is_opaque()),
        );
    }

    fn check_tokens(&self, confidential: bool, demand: &mut dyn FnMut(bool, &'static str, &str)) {
        let for_itself = self.has_grant(grant::client_credentials::TYPE);
        demand(
            !(self.is_opaque() && for_itself),
            "access_token_format",
            "a client that speaks for itself has JWTs: an opaque token refers to a session",
        );
        demand(
            !self.is_opaque() || self.access_token_type.is_none(),
            "access_token_type",
            "is the typ of JWTs; opaque tokens have none",
        );
        // "Authorization servers MUST utilize one of these methods to detect refresh token replay by
        // malicious actors for public clients: [...] sender-constrained refresh tokens [...] refresh
        // token rotation", RFC 9700 §4.14.2.
        demand(
            confidential || self.rotation != Some(RefreshTokenRotation::Never),
            "rotation",
            "must be always without `confidential`: nothing else shows that a refresh token was stolen \
             (RFC 9700, 4.14.2)",
        );
    }

    fn check_times(&self, demand: &mut dyn FnMut(bool, &'static str, &str)) {
        let second = Duration::from_secs(1);
        let within = |value: Option<Duration>, least: Duration, most: Duration| {
            value.is_none_or(|value| value >= least && value <= most && value.subsec_nanos() == 0)
        };
        demand(
            within(self.access_token_lifetime, second, LONGEST_ACCESS_TOKEN),
            "access_token_lifetime",
            "must be between 1s and 30d, in whole seconds: people forget to sign out of shared devices",
        );
        let session = "must be between 1s and 3650d, in whole seconds";
        demand(
            within(self.session_lifetime, second, LONGEST_SESSION),
            "session_lifetime",
            session,
        );
        demand(
            within(self.session_idle_lifetime, second, LONGEST_SESSION),
            "session_idle_lifetime",
            session,
        );
        demand(
            within(self.retry_window, Duration::ZERO, LONGEST_RETRY_WINDOW),
            "retry_window",
            "must be between 0s and 60s, in whole seconds",
        );
        demand(
            self.late_retry_spacing != Some(0),
            "late_retry_spacing",
            "must be 1 or more",
        );
    }

    fn has_grant(&self, grant_type: &str) -> bool {
        self.grant_types.iter().any(|own| own == grant_type)
    }

    fn is_opaque(&self) -> bool {
        self.access_token_format == Some(AccessTokenFormat::Opaque)
    }
}

fn bytes(words: &[String]) -> usize {
    words.join(" ").len()
}

fn too_many(most: usize, opaque: bool) -> String {
    let whose = if opaque {
        ": an opaque token can tell no more apart"
    } else {
        ": a token that names them all must fit into a header"
    };
    format!("must be {most} at most, and {MOST_BYTES} bytes together{whose}")
}
