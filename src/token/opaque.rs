//! The access token as a reference: proof of (session, generation) like the refresh token, made by a
//! MAC and stored nowhere. What it says is read from the session's row.

use uuid::Uuid;

use super::proof::{self, NotAProof};
use super::response::Narrowed;
use crate::root_secret::RootSecrets;
use crate::scope::Scope;
use crate::secret::Secret;
use crate::store::session::Model as Session;

/// What the text begins with.
pub const PREFIX: &str = "jat_";
const VERSION: u8 = 1;
/// Version, session, generation, time, and which of the session's scopes and audiences: 28 bytes,
/// which leave 20 for the MAC.
const CONTENT: usize = 1 + 16 + 4 + 4 + 2 + 1;
/// So many scopes of a session can be told apart in a narrowed token.
pub const MOST_SCOPES: usize = 16;
/// So many audiences of a session can be told apart in a narrowed token.
pub const MOST_AUDIENCES: usize = 8;

/// What an opaque access token proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpaqueToken {
    /// The session.
    pub session: Uuid,
    /// How often the session had been refreshed when the token was issued.
    pub generation: u32,
    /// `iat`, in seconds since 1970.
    pub issued_at: u32,
    scopes: u16,
    audiences: u8,
}

impl OpaqueToken {
    /// The token of a session as it stands, narrowed. `None` if the session has more scopes or
    /// audiences than a token can tell apart.
    #[must_use]
    pub fn of(session: &Session, narrowed: &Narrowed) -> Option<Self> {
        let scopes = mask(&session.scope, narrowed.scope.tokens(), MOST_SCOPES)?;
        let audiences = mask(&session.audience, &narrowed.audience, MOST_AUDIENCES)?;
        Some(Self {
            session: session.id,
            generation: u32::try_from(session.generation).ok()?,
            issued_at: u32::try_from(session.rotated_at.as_seconds()).ok()?,
            scopes,
            audiences: u8::try_from(audiences).ok()?,
        })
    }

    /// What the token is narrowed to, of what its session has.
    #[must_use]
    pub fn narrowed(self, session: &Session) -> Narrowed {
        Narrowed {
            scope: Scope::from_stored(&chosen(&session.scope, self.scopes).join(" ")),
            audience: chosen(&session.audience, u16::from(self.audiences)),
        }
    }

    /// The token as text: `jat_` and base64url.
    #[must_use]
    pub fn encode(self, root_secrets: &RootSecrets) -> Secret {
        let content = self.content();
        let mac = root_secrets.sign_access_token(&content);
        proof::write(PREFIX, &content, mac.as_ref())
    }

    /// Reads a token and checks its MAC, before anything is asked of the store.
    ///
    /// # Errors
    ///
    /// [`NotAProof`] for anything that [`encode`](Self::encode) did not make.
    pub fn decode(text: &str, root_secrets: &RootSecrets) -> Result<Self, NotAProof> {
        let content: [u8; CONTENT] = proof::read(PREFIX, text, |content, mac| {
            root_secrets.verify_access_token(content, mac)
        })?;
        Self::parse(&content).ok_or(NotAProof::Damaged)
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let (version, rest) = content.split_first()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let (generation, rest) = rest.split_first_chunk::<4>()?;
        let (issued_at, rest) = rest.split_first_chunk::<4>()?;
        let (scopes, rest) = rest.split_first_chunk::<2>()?;
        (*version == VERSION).then_some(Self {
            session: Uuid::from_bytes(*session),
            generation: u32::from_be_bytes(*generation),
            issued_at: u32::from_be_bytes(*issued_at),
            scopes: u16::from_be_bytes(*scopes),
            audiences: *rest.first()?,
        })
    }

    fn content(self) -> Vec<u8> {
        [
            &[VERSION][..],
            self.session.as_bytes(),
            &self.generation.to_be_bytes(),
            &self.issued_at.to_be_bytes(),
            &self.scopes.to_be_bytes(),
            &[self.audiences],
        ]
        .concat()
    }
}

/// One bit for each word of `all`, set if the word is chosen.
fn mask(all: &str, chosen: &[String], most: usize) -> Option<u16> {
    let words: Vec<&str> = all.split_whitespace().collect();
    if words.len() > most {
        return None;
    }
    let bits = words.iter().enumerate().map(|(at, word)| {
        let is_chosen = chosen.iter().any(|own| own == word);
        u16::from(is_chosen) << at
    });
    Some(bits.sum())
}

fn chosen(all: &str, mask: u16) -> Vec<String> {
    let words = all.split_whitespace().enumerate();
    words
        .filter(|(at, _)| {
            mask.checked_shr(u32::try_from(*at).unwrap_or(u32::MAX))
                .unwrap_or(0)
                & 1
                == 1
        })
        .map(|(_, word)| word.to_owned())
        .collect()
}
