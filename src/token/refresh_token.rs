//! The refresh token: proof of (session, generation), made by a MAC and stored nowhere.

use uuid::Uuid;

use super::proof::{self, NotAProof};
use crate::root_secret::RootSecrets;
use crate::secret::Secret;

const PREFIX: &str = "jrt_";
const VERSION: u8 = 1;
const CONTENT: usize = 1 + 16 + 4;

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
        proof::write(PREFIX, &content, mac.as_ref())
    }

    /// Reads a token and checks its MAC, before anything is asked of the store.
    ///
    /// # Errors
    ///
    /// [`NotAProof`] for anything that [`encode`](Self::encode) did not make.
    pub fn decode(text: &str, root_secrets: &RootSecrets) -> Result<Self, NotAProof> {
        let content: [u8; CONTENT] = proof::read(PREFIX, text, |content, mac| {
            root_secrets.verify_refresh_token(content, mac)
        })?;
        let (version, rest) = content.split_first().ok_or(NotAProof::Damaged)?;
        let (session, generation) = rest.split_first_chunk::<16>().ok_or(NotAProof::Damaged)?;
        let generation = generation.first_chunk::<4>().ok_or(NotAProof::Damaged)?;
        if *version != VERSION {
            return Err(NotAProof::Damaged);
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
