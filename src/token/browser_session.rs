//! The cookie of a browser session: proof of (session, generation) by a MAC, like the refresh token. It has another
//! prefix and another key, so that neither is accepted as the other.

use uuid::Uuid;

use super::proof::{InvalidProof, Kind};
use super::refresh_token::RefreshToken;
use crate::root_secret::RootSecrets;
use crate::secret::Secret;

const VERSION: u8 = 1;
const CONTENT: usize = 1 + 1 + 16 + 4;
/// With 26 bytes of MAC.
const KIND: Kind<CONTENT> = Kind {
    prefix: "jbs_",
    length: 48,
};

/// The content of the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrowserSessionToken {
    /// The session and its generation.
    pub proof: RefreshToken,
    /// Whether the browser keeps the cookie when it is closed: "stay signed in".
    pub is_persistent: bool,
}

impl BrowserSessionToken {
    /// The value of the cookie.
    pub fn encode(self, root_secrets: &RootSecrets) -> Secret {
        let content = [
            &[VERSION, u8::from(self.is_persistent)][..],
            self.proof.session.as_bytes(),
            &self.proof.generation.to_be_bytes(),
        ]
        .concat();
        let mac = root_secrets.sign_browser_session(&content);
        KIND.encode(&content, mac.as_ref())
    }

    /// Parses a cookie and verifies its MAC, without the store.
    pub fn decode(text: &str, root_secrets: &RootSecrets) -> Result<Self, InvalidProof> {
        let content = KIND.decode(text, |content, mac| {
            root_secrets.verify_browser_session(content, mac)
        })?;
        Self::parse(&content).ok_or(InvalidProof::Malformed)
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let ([version, is_persistent], rest) = content.split_first_chunk()?;
        let (session, generation) = rest.split_first_chunk()?;
        (*version == VERSION).then_some(Self {
            proof: RefreshToken {
                session: Uuid::from_bytes(*session),
                generation: u32::from_be_bytes(generation.try_into().ok()?),
            },
            is_persistent: *is_persistent == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w";

    /// row 100: the cookie proves session and generation, and is no refresh token.
    #[test]
    fn a_cookie_decodes_to_its_content_and_is_no_refresh_token() {
        let secrets = RootSecrets::parse(SECRET).unwrap();
        for is_persistent in [false, true] {
            let token = BrowserSessionToken {
                proof: RefreshToken {
                    session: Uuid::from_u128(7),
                    generation: 3,
                },
                is_persistent,
            };
            let text = token.encode(&secrets);
            assert_eq!(
                BrowserSessionToken::decode(text.expose(), &secrets),
                Ok(token)
            );
            let refresh_token = text.expose().replace("jbs_", "jrt_");
            assert!(RefreshToken::decode(&refresh_token, &secrets).is_err());
            let cookie = token.proof.encode(&secrets);
            let cookie = cookie.expose().replace("jrt_", "jbs_");
            assert!(BrowserSessionToken::decode(&cookie, &secrets).is_err());
        }
    }
}
