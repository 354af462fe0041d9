//! The access token as a reference: proof of (session, generation) like the refresh token, made by a
//! MAC and stored nowhere. What it says is read from the session's row.

use uuid::Uuid;

use super::proof::{self, NotAProof};
use super::response::Narrowed;
use crate::client::{MAX_OPAQUE_AUDIENCES, MAX_OPAQUE_SCOPES};
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
    pub fn of(session: &Session, narrowed: &Narrowed, issuer: &str) -> Option<Self> {
        let scope = Scope::from_stored(&session.scope);
        let scopes = mask(scope.tokens(), narrowed.scope.tokens(), MAX_OPAQUE_SCOPES)?;
        let audience = session.audience(issuer);
        let audiences = mask(&audience, &narrowed.audience, MAX_OPAQUE_AUDIENCES)?;
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
    pub fn narrowed(self, session: &Session, issuer: &str) -> Narrowed {
        let scope = Scope::from_stored(&session.scope);
        let audience = session.audience(issuer);
        Narrowed {
            scope: Scope::from_stored(&chosen(scope.tokens(), self.scopes).join(" ")),
            audience: chosen(&audience, u16::from(self.audiences)),
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
fn mask(all: &[String], chosen: &[String], most: usize) -> Option<u16> {
    if all.len() > most {
        return None;
    }
    let bits = all
        .iter()
        .enumerate()
        .map(|(at, word)| u16::from(chosen.contains(word)) << at);
    Some(bits.sum())
}

fn chosen(all: &[String], mask: u16) -> Vec<String> {
    let is_chosen = |at: usize| {
        let bit = u32::try_from(at).ok().and_then(|at| mask.checked_shr(at));
        bit.is_some_and(|bit| bit & 1 == 1)
    };
    let words = all.iter().enumerate().filter(|(at, _)| is_chosen(*at));
    words.map(|(_, word)| word.clone()).collect()
}
