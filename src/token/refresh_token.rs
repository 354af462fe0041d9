//! The refresh token: proof of (session, generation), made by a MAC and stored nowhere.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::root_secret::RootSecrets;
use crate::secret::Secret;

const PREFIX: &str = "jrt_";
const VERSION: u8 = 1;
const CONTENT: usize = 1 + 16 + 4;
/// 216 bits. "The probability of an attacker guessing generated tokens [...] MUST be less than or
/// equal to 2^(-128) and SHOULD be less than or equal to 2^(-160)", RFC 6749 §10.10.
const MAC: usize = 27;
const TEXT: usize = PREFIX.len() + (CONTENT + MAC) / 3 * 4;

/// What a refresh token proves: its bearer was handed this generation of this session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session.
    pub session: Uuid,
    /// How often the session had been refreshed when the token was handed out.
    pub generation: u32,
}

impl RefreshToken {
    /// The token as text: `jrt_` and base64url of version, session, generation and MAC.
    ///
    /// Made again from the same session and generation, it is the same text.
    #[must_use]
    pub fn encode(self, root_secrets: &RootSecrets) -> Secret {
        let content = self.content();
        let mac = root_secrets.sign_refresh_token(&content);
        let bytes: Vec<u8> = content
            .iter()
            .chain(mac.as_ref().iter().take(MAC))
            .copied()
            .collect();
        Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Reads a token and checks its MAC, before anything is asked of the store.
    ///
    /// # Errors
    ///
    /// [`NotARefreshToken`] for anything that [`encode`](Self::encode) did not make.
    pub fn decode(text: &str, root_secrets: &RootSecrets) -> Result<Self, NotARefreshToken> {
        let encoded = text.strip_prefix(PREFIX).ok_or(NotARefreshToken::Foreign)?;
        if text.len() != TEXT {
            return Err(NotARefreshToken::Damaged);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| NotARefreshToken::Damaged)?;
        let (content, mac) = bytes
            .split_at_checked(CONTENT)
            .ok_or(NotARefreshToken::Damaged)?;
        if !root_secrets.verify_refresh_token(content, mac) {
            return Err(NotARefreshToken::Forged);
        }
        let (version, rest) = content.split_first().ok_or(NotARefreshToken::Damaged)?;
        let (session, generation) = rest
            .split_first_chunk::<16>()
            .ok_or(NotARefreshToken::Damaged)?;
        let generation = generation
            .first_chunk::<4>()
            .ok_or(NotARefreshToken::Damaged)?;
        if *version != VERSION {
            return Err(NotARefreshToken::Damaged);
        }
        Ok(Self {
            session: Uuid::from_bytes(*session),
            generation: u32::from_be_bytes(*generation),
        })
    }

    fn content(self) -> [u8; CONTENT] {
        let mut content = [0; CONTENT];
        let bytes = std::iter::once(VERSION)
            .chain(self.session.into_bytes())
            .chain(self.generation.to_be_bytes());
        for (place, byte) in content.iter_mut().zip(bytes) {
            *place = byte;
        }
        content
    }
}

/// Why a text is no refresh token of ours; for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotARefreshToken {
    /// It does not begin as ours do: another server's, or an access token.
    Foreign,
    /// Its length, alphabet or version is not ours.
    Damaged,
    /// None of the root secrets made its MAC.
    Forged,
}

impl fmt::Display for NotARefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "not one of our refresh tokens",
            Self::Damaged => "a damaged refresh token",
            Self::Forged => "a refresh token whose MAC no root secret made",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w";

    fn token() -> RefreshToken {
        RefreshToken {
            session: Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001),
            generation: 7,
        }
    }

    #[test]
    fn a_token_is_68_characters_and_reads_back() {
        let secrets = RootSecrets::parse(SECRET).unwrap();
        let text = token().encode(&secrets);
        assert_eq!(text.expose().len(), 68);
        assert_eq!(RefreshToken::decode(text.expose(), &secrets), Ok(token()));
    }

    /// row 32: each bit of the token matters.
    #[test]
    fn a_token_with_one_changed_character_is_refused() {
        let secrets = RootSecrets::parse(SECRET).unwrap();
        let text = token().encode(&secrets);
        for at in 0..text.expose().len() {
            let mut damaged = text.expose().as_bytes().to_vec();
            damaged[at] = if damaged[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(damaged).unwrap();
            assert!(RefreshToken::decode(&damaged, &secrets).is_err(), "at {at}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".{0,100}") {
            let secrets = RootSecrets::parse(SECRET).unwrap();
            let prefixed = [PREFIX, &text].concat();
            proptest::prop_assert!(RefreshToken::decode(&text, &secrets).is_err());
            proptest::prop_assert!(RefreshToken::decode(&prefixed, &secrets).is_err());
        }
    }
}
