//! The authorization code, RFC 6749 §4.1.2: a sealed proof of a session that does not exist yet. It is not stored.
//!
//! `jac_` and base64url of version, session id, encrypted content and MAC. Redeeming it begins the session with that
//! id, so the primary key of the table of sessions makes it single-use.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::Timestamp;
use crate::root_secret::{RootSecrets, UnsealError};
use crate::secret::Secret;

/// The lifetime of a code. "A maximum authorization code lifetime of 10 minutes is RECOMMENDED", RFC 6749 §4.1.2; FAPI
/// 2.0 limits it to 60 seconds.
pub const LIFETIME: Duration = Duration::from_mins(1);

/// Bytes of a code challenge: a SHA-256 digest, RFC 7636 §4.2.
pub const CHALLENGE_LENGTH: usize = SHA256_OUTPUT_LEN;

const PREFIX: &str = "jac_";
const VERSION: u8 = 1;
/// Bytes before the encrypted content.
const HEADER: usize = 1 + 16;
/// Maximum length of a code: it has to fit into the URL of a redirect.
const MAX_LENGTH: usize = 2048;

/// The content of an authorization code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// The id of the session that redeeming the code begins.
    pub session: Uuid,
    /// What the session will have.
    pub content: CodeContent,
}

/// The encrypted content of an authorization code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeContent {
    /// The time of issue in microseconds since 1970.
    pub issued_at: i64,
    /// The user.
    pub user_id: Uuid,
    /// The user's epoch.
    pub session_epoch: i64,
    /// The client's epoch.
    #[serde(with = "base64url")]
    pub client_epoch: Vec<u8>,
    /// The browser session in which the user was signed in.
    pub browser_session: Uuid,
    /// The time of the authentication in microseconds since 1970.
    pub authenticated_at: i64,
    /// The method of the authentication.
    pub acr: String,
    /// The PKCE code challenge, by S256.
    #[serde(with = "base64url")]
    pub code_challenge: Vec<u8>,
    /// The digest of the redirect URI.
    #[serde(with = "base64url")]
    pub redirect_uri: Vec<u8>,
    /// The granted scope, separated by spaces.
    pub scope: String,
    /// The granted audience, as in the column of a session.
    pub audience: String,
    /// The `nonce` of the authorization request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// The reason why a text is no code of the client; for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCode {
    /// The prefix, the alphabet, the version or the content is wrong.
    #[error("not an authorization code of this server")]
    Malformed,
    /// No root secret has made the MAC.
    #[error("the authorization code is damaged or forged")]
    Forged,
    /// It was issued to another client.
    #[error("the authorization code was issued to another client")]
    OtherClient,
}

/// The content is too long for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authorization code would be longer than {MAX_LENGTH} characters")]
pub struct CodeTooLong;

impl AuthorizationCode {
    /// The code as text, for this client only.
    pub fn encode(
        &self,
        client_id: &str,
        root_secrets: &RootSecrets,
    ) -> Result<Secret, CodeTooLong> {
        let plain = serde_json::to_vec(&self.content).map_err(|_| CodeTooLong)?;
        let header = [&[VERSION][..], self.session.as_bytes()].concat();
        let sealed = root_secrets
            .seal_code(&header, &context(client_id), &plain)
            .map_err(|_| CodeTooLong)?;
        let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed));
        if text.len() > MAX_LENGTH {
            return Err(CodeTooLong);
        }
        Ok(Secret::new(text))
    }

    /// Opens a code that this client presents, without the store.
    pub fn decode(
        text: &str,
        client_id: &str,
        root_secrets: &RootSecrets,
    ) -> Result<Self, InvalidCode> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidCode::Malformed)?;
        if text.len() > MAX_LENGTH {
            return Err(InvalidCode::Malformed);
        }
        let sealed = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| InvalidCode::Malformed)?;
        let opened = root_secrets.open_code(&sealed, HEADER, &context(client_id));
        let plain = opened.map_err(|error| match error {
            UnsealError::Mac => InvalidCode::Forged,
            UnsealError::Context => InvalidCode::OtherClient,
        })?;
        let (version, rest) = sealed.split_first().ok_or(InvalidCode::Malformed)?;
        let session = rest
            .first_chunk::<16>()
            .filter(|_| *version == VERSION)
            .ok_or(InvalidCode::Malformed)?;
        Ok(Self {
            session: Uuid::from_bytes(*session),
            content: serde_json::from_slice(&plain).map_err(|_| InvalidCode::Malformed)?,
        })
    }
}

impl CodeContent {
    /// The time of issue.
    pub const fn issued_at(&self) -> Timestamp {
        Timestamp::from_micros(self.issued_at)
    }

    /// The time of the authentication.
    pub const fn authenticated_at(&self) -> Timestamp {
        Timestamp::from_micros(self.authenticated_at)
    }

    /// The code challenge; `None` if the request had none.
    pub fn code_challenge(&self) -> Option<&[u8]> {
        Some(self.code_challenge.as_slice()).filter(|challenge| !challenge.is_empty())
    }
}

/// The digest by which a code remembers a text.
pub fn digest_of(text: &str) -> Vec<u8> {
    digest(&SHA256, text.as_bytes()).as_ref().to_vec()
}

/// The associated data of the encryption.
fn context(client_id: &str) -> Vec<u8> {
    [&[VERSION], client_id.as_bytes()].concat()
}

/// Bytes as base64url, which takes a third of a JSON array.
mod base64url {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        URL_SAFE_NO_PAD.decode(text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w";

    fn code() -> AuthorizationCode {
        AuthorizationCode {
            session: Uuid::from_u128(1),
            content: CodeContent {
                issued_at: 1,
                user_id: Uuid::from_u128(2),
                session_epoch: 3,
                client_epoch: vec![4; 16],
                browser_session: Uuid::from_u128(5),
                authenticated_at: 6,
                acr: "pwd".to_owned(),
                code_challenge: digest_of("verifier"),
                redirect_uri: digest_of("https://app.example/callback"),
                scope: "openid".to_owned(),
                audience: String::new(),
                nonce: Some("n".to_owned()),
            },
        }
    }

    /// row 75: the code is sealed for one client.
    #[test]
    fn a_code_opens_for_its_client_only() {
        let secrets = RootSecrets::parse(SECRET).unwrap();
        let text = code().encode("app", &secrets).unwrap();
        let decode = |client| AuthorizationCode::decode(text.expose(), client, &secrets);
        assert_eq!(decode("app"), Ok(code()));
        assert_eq!(decode("other"), Err(InvalidCode::OtherClient));
    }

    /// row 75: "the probability of an attacker guessing generated tokens [...] SHOULD be less than or equal to
    /// 2^(-160)", RFC 6749 §10.10.
    #[test]
    fn a_code_with_one_changed_character_is_refused() {
        let secrets = RootSecrets::parse(SECRET).unwrap();
        let text = code().encode("app", &secrets).unwrap();
        for at in 0..text.expose().len() {
            let mut damaged = text.expose().as_bytes().to_vec();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).unwrap();
            let decoded = AuthorizationCode::decode(&damaged, "app", &secrets);
            assert!(decoded.is_err(), "at {at}");
        }
    }

    /// row 74: "the authorization server [...] MUST NOT include the "`code_challenge`" value in the response in a form
    /// that entities other than the authorization server can extract", OAuth 2.1 §4.1.2.
    #[test]
    fn the_challenge_cannot_be_read_from_the_code() {
        let secrets = RootSecrets::parse(SECRET).unwrap();
        let text = code().encode("app", &secrets).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&text.expose()[4..]).unwrap();
        let challenge = code().content.code_challenge;
        let encoded = URL_SAFE_NO_PAD.encode(&challenge);
        let contains = |part: &[u8]| bytes.windows(part.len()).any(|own| own == part);
        assert!(!contains(&challenge) && !contains(encoded.as_bytes()));
    }

    #[test]
    fn a_code_that_does_not_fit_into_a_url_is_not_made() {
        let secrets = RootSecrets::parse(SECRET).unwrap();
        let mut long = code();
        long.content.scope = "s".repeat(2000);
        assert_eq!(long.encode("app", &secrets).unwrap_err(), CodeTooLong);
        assert!(code().encode("app", &secrets).unwrap().expose().len() < 1024);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,100}") {
            let secrets = RootSecrets::parse(SECRET).unwrap();
            let prefixed = [PREFIX, &text].concat();
            proptest::prop_assert!(AuthorizationCode::decode(&text, "app", &secrets).is_err());
            proptest::prop_assert!(AuthorizationCode::decode(&prefixed, "app", &secrets).is_err());
        }
    }
}
