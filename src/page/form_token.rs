//! The form token: proof by a MAC that this server showed the form to this browser for this request. It is not stored.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use thiserror::Error;

use crate::clock::Timestamp;
use crate::root_secret::RootSecrets;
use crate::secret::Secret;
use crate::token::proof::{InvalidProof, Kind};

/// How long a form can be sent after it was shown.
const LIFETIME: Duration = Duration::from_hours(7 * 24);
/// How far the clock of the node that showed the form may be ahead.
const AHEAD: Duration = Duration::from_mins(1);

/// The bytes of the time of issue.
const CONTENT: usize = 4;
/// With 32 bytes of MAC.
const KIND: Kind<CONTENT> = Kind {
    prefix: "",
    length: 36,
};

/// What a form token is bound to.
#[derive(Clone, Copy, Debug)]
pub struct FormBinding<'a> {
    /// The query of the request.
    pub query: &'a str,
    /// The random value of the cookie that is set before the sign-in. It must not be empty.
    pub cookie: &'a Secret,
}

impl FormBinding<'_> {
    /// The token of a form that is shown now.
    pub fn issue(&self, root_secrets: &RootSecrets, now: Timestamp) -> Secret {
        let seconds = u32::try_from(now.as_seconds()).unwrap_or_default();
        let time = seconds.to_be_bytes();
        let mac = root_secrets.sign_form_token(&self.content(&time));
        KIND.encode(&time, mac.as_ref())
    }

    /// Checks the token of a form that was sent.
    pub fn check(
        &self,
        text: &str,
        root_secrets: &RootSecrets,
        now: Timestamp,
    ) -> Result<(), InvalidFormToken> {
        let time = KIND.decode(text, |time, mac| {
            root_secrets.verify_form_token(&self.content(time), mac)
        })?;
        let seconds = i64::from(u32::from_be_bytes(time));
        let issued_at = Timestamp::from_micros(seconds * 1_000_000);
        if issued_at > now.plus(AHEAD) {
            return Err(InvalidFormToken::Ahead);
        }
        if issued_at.plus(LIFETIME) < now {
            return Err(InvalidFormToken::Expired);
        }
        Ok(())
    }

    /// The content under the MAC. All parts but the last have a fixed length.
    fn content(&self, time: &[u8]) -> Vec<u8> {
        let query = digest(&SHA256, self.query.as_bytes());
        [time, query.as_ref(), self.cookie.expose().as_bytes()].concat()
    }
}

/// The reason why a form token is refused; for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidFormToken {
    /// It is malformed, or for another request or cookie.
    #[error(transparent)]
    Proof(#[from] InvalidProof),
    /// It is over 7 days old.
    #[error("the form token is over 7 days old")]
    Expired,
    /// It was issued over a minute from now.
    #[error("the form token is from the future")]
    Ahead,
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w";
    const NEW: &str = "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU";
    const QUERY: &str = "client_id=grafana&state=1";
    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn secrets(text: &str) -> RootSecrets {
        RootSecrets::parse(text).unwrap()
    }

    /// Calls `work` with the binding to this query and cookie.
    fn bound<T>(query: &str, cookie: &str, work: impl FnOnce(FormBinding<'_>) -> T) -> T {
        let cookie = Secret::new(cookie.to_owned());
        let cookie = &cookie;
        work(FormBinding { query, cookie })
    }

    fn issue() -> String {
        let token = bound(QUERY, "random", |binding| binding.issue(&secrets(OLD), NOW));
        token.expose().to_owned()
    }

    fn check_bound(text: &str, query: &str, cookie: &str) -> Result<(), InvalidFormToken> {
        bound(query, cookie, |binding| {
            binding.check(text, &secrets(OLD), NOW)
        })
    }

    fn check_at(now: Timestamp, root_secrets: &str) -> Result<(), InvalidFormToken> {
        bound(QUERY, "random", |binding| {
            binding.check(&issue(), &secrets(root_secrets), now)
        })
    }

    const WRONG: InvalidFormToken = InvalidFormToken::Proof(InvalidProof::Mac);

    /// row 101: "the page's own token, a MAC over the request and a cookie from before the sign-in".
    #[test]
    fn a_form_token_is_good_for_its_request_and_cookie_only() {
        let token = issue();
        assert_eq!(check_bound(&token, QUERY, "random"), Ok(()));
        for (query, cookie) in [
            ("client_id=grafana&state=2", "random"),
            ("", "random"),
            (QUERY, "Random"),
            (QUERY, "random2"),
            (QUERY, ""),
            ("client_id=grafana&state=", "1random"),
        ] {
            let checked = check_bound(&token, query, cookie);
            assert_eq!(checked, Err(WRONG), "{query} {cookie}");
        }
    }

    #[test]
    fn a_form_token_with_a_damaged_character_is_refused() {
        let token = issue();
        for at in 0..token.len() {
            for letter in ["A", "B", "_", "=", " ", "\0"] {
                let mut damaged = token.clone();
                damaged.replace_range(at..=at, letter);
                let checked = check_bound(&damaged, QUERY, "random");
                assert_eq!(checked.is_ok(), damaged == token, "{damaged}");
            }
        }
        for text in ["", "A", &token[1..], &format!("{token}A"), &token.repeat(2)] {
            let checked = check_bound(text, QUERY, "random");
            assert_eq!(
                checked,
                Err(InvalidFormToken::Proof(InvalidProof::Malformed))
            );
        }
    }

    /// row 102: "it still works after a day", and no longer than 7 days.
    #[test]
    fn a_form_token_is_good_for_seven_days() {
        let day = Duration::from_hours(24);
        let second = Duration::from_secs(1);
        for (now, expected) in [
            (NOW, Ok(())),
            (NOW.plus(day), Ok(())),
            (NOW.plus(LIFETIME), Ok(())),
            (
                NOW.plus(LIFETIME).plus(second),
                Err(InvalidFormToken::Expired),
            ),
            (NOW.minus(AHEAD), Ok(())),
            (NOW.minus(AHEAD).minus(second), Err(InvalidFormToken::Ahead)),
        ] {
            assert_eq!(check_at(now, OLD), expected, "{now}");
        }
    }

    /// row 102: "after a restart and on another node", also while a root secret is replaced.
    #[test]
    fn every_root_secret_is_tried() {
        assert_eq!(check_at(NOW, &format!("{NEW}\n{OLD}")), Ok(()));
        assert_eq!(check_at(NOW, &format!("{OLD}\n{NEW}")), Ok(()));
        assert_eq!(check_at(NOW, NEW), Err(WRONG));
    }

    /// The MAC of another kind of token has another key.
    #[test]
    fn a_refresh_tokens_mac_is_no_form_token() {
        let time = 1_800_000_000_u32.to_be_bytes();
        let content = bound(QUERY, "random", |binding| binding.content(&time));
        let mac = secrets(OLD).sign_refresh_token(&content);
        let text = KIND.encode(&time, mac.as_ref());
        assert_eq!(check_bound(text.expose(), QUERY, "random"), Err(WRONG));
    }
}
