//! The refresh token: proof of (session, generation) by a MAC. It is not stored.

use uuid::Uuid;

use super::proof::{InvalidProof, Kind};
use crate::root_secret::RootSecrets;
use crate::secret::Secret;

const VERSION: u8 = 1;
const CONTENT: usize = 1 + 16 + 4;
/// With 27 bytes of MAC.
const KIND: Kind<CONTENT> = Kind {
    prefix: "jrt_",
    length: 48,
};

/// The content of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session.
    pub session: Uuid,
    /// The session's generation when the token was issued.
    pub generation: u32,
}

impl RefreshToken {
    /// The token as text: `jrt_` and base64url of version, session, generation and MAC. It is the same for
    /// the same session and generation.
    pub fn encode(self, root_secrets: &RootSecrets) -> Secret {
        let content = self.content();
        let mac = root_secrets.sign_refresh_token(&content);
        KIND.encode(&content, mac.as_ref())
    }

    /// Parses a token and verifies its MAC, without the store.
    pub fn decode(text: &str, root_secrets: &RootSecrets) -> Result<Self, InvalidProof> {
        let content = KIND.decode(text, |content, mac| {
            root_secrets.verify_refresh_token(content, mac)
        })?;
        let (version, rest) = content.split_first().ok_or(InvalidProof::Malformed)?;
        let (session, generation) = rest
            .split_first_chunk::<16>()
            .ok_or(InvalidProof::Malformed)?;
        let generation = generation
            .first_chunk::<4>()
            .ok_or(InvalidProof::Malformed)?;
        if *version != VERSION {
            return Err(InvalidProof::Malformed);
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
        for (target, byte) in content.iter_mut().zip(bytes) {
            *target = byte;
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
    fn a_token_has_68_characters_and_decodes_to_its_content() {
        let secrets = RootSecrets::parse(SECRET).unwrap();
        let text = token().encode(&secrets);
        assert_eq!(text.expose().len(), 68);
        assert_eq!(RefreshToken::decode(text.expose(), &secrets), Ok(token()));
    }

    /// row 32: every character of the token counts.
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
            let prefixed = [KIND.prefix, &text].concat();
            proptest::prop_assert!(RefreshToken::decode(&text, &secrets).is_err());
            proptest::prop_assert!(RefreshToken::decode(&prefixed, &secrets).is_err());
        }
    }
}
