//! The opaque access token: proof of (session, generation) by a MAC, like the refresh token. It is not
//! stored. It contains its time of issue and of expiry. Its other claims are read from the session's row.

use uuid::Uuid;

use super::access::Access;
use super::claims::Validity;
use super::proof::{InvalidProof, Kind};
use crate::client::{MAX_OPAQUE_AUDIENCES, MAX_OPAQUE_SCOPES};
use crate::clock::Timestamp;
use crate::root_secret::RootSecrets;
use crate::scope::Scope;
use crate::secret::Secret;
use crate::store::session::Model as Session;

/// The prefix of the text.
pub const PREFIX: &str = "jat_";
const VERSION: u8 = 1;
/// The bytes of version, session, generation, two times, and a bit for each scope and audience of the session.
const CONTENT: usize = 1 + 16 + 4 + 4 + 4 + 2 + 1;
/// With 22 bytes of MAC.
const KIND: Kind<CONTENT> = Kind {
    prefix: PREFIX,
    length: 54,
};

/// The content of an opaque access token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpaqueToken {
    /// The session.
    pub session: Uuid,
    /// The session's generation when the token was issued.
    pub generation: u32,
    /// `iat`, in seconds since 1970.
    issued_at: u32,
    /// `exp`, in seconds since 1970.
    expires_at: u32,
    scopes: u16,
    audiences: u8,
}

impl OpaqueToken {
    /// The token of a session for the given access. `None` if the session has too many scopes or audiences.
    pub fn of(
        session: &Session,
        access: &Access,
        validity: Validity,
        issuer: &str,
    ) -> Option<Self> {
        let scope = Scope::from_stored(&session.scope);
        let scopes = mask(scope.tokens(), access.scope.tokens(), MAX_OPAQUE_SCOPES)?;
        let audience = session.audience(issuer);
        let audiences = mask(&audience, &access.audience, MAX_OPAQUE_AUDIENCES)?;
        Some(Self {
            session: session.id,
            generation: u32::try_from(session.generation).ok()?,
            issued_at: u32::try_from(validity.issued_at.as_seconds()).ok()?,
            expires_at: u32::try_from(validity.expires_at.as_seconds()).ok()?,
            scopes,
            audiences: u8::try_from(audiences).ok()?,
        })
    }

    /// The times of the token. A lifetime that is changed later does not change them.
    pub fn validity(self) -> Validity {
        let time = |seconds: u32| Timestamp::from_micros(i64::from(seconds) * 1_000_000);
        Validity {
            issued_at: time(self.issued_at),
            expires_at: time(self.expires_at),
        }
    }

    /// The access of the token.
    pub fn access(self, session: &Session, issuer: &str) -> Access {
        let scope = Scope::from_stored(&session.scope);
        let audience = session.audience(issuer);
        Access {
            scope: Scope::from_stored(&selected(scope.tokens(), self.scopes).join(" ")),
            audience: selected(&audience, u16::from(self.audiences)),
        }
    }

    /// The token as text: `jat_` and base64url.
    pub fn encode(self, root_secrets: &RootSecrets) -> Secret {
        let content = self.content();
        let mac = root_secrets.sign_access_token(&content);
        KIND.encode(&content, mac.as_ref())
    }

    /// Parses a token and verifies its MAC, without the store.
    pub fn decode(text: &str, root_secrets: &RootSecrets) -> Result<Self, InvalidProof> {
        let content = KIND.decode(text, |content, mac| {
            root_secrets.verify_access_token(content, mac)
        })?;
        Self::parse(&content).ok_or(InvalidProof::Malformed)
    }

    fn parse(content: &[u8]) -> Option<Self> {
        let (version, rest) = content.split_first()?;
        let (session, rest) = rest.split_first_chunk::<16>()?;
        let (generation, rest) = rest.split_first_chunk::<4>()?;
        let (issued_at, rest) = rest.split_first_chunk::<4>()?;
        let (expires_at, rest) = rest.split_first_chunk::<4>()?;
        let (scopes, rest) = rest.split_first_chunk::<2>()?;
        (*version == VERSION).then_some(Self {
            session: Uuid::from_bytes(*session),
            generation: u32::from_be_bytes(*generation),
            issued_at: u32::from_be_bytes(*issued_at),
            expires_at: u32::from_be_bytes(*expires_at),
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
            &self.expires_at.to_be_bytes(),
            &self.scopes.to_be_bytes(),
            &[self.audiences],
        ]
        .concat()
    }
}

/// One bit for each word of `all`, set if the word is selected.
fn mask(all: &[String], selected: &[String], max: usize) -> Option<u16> {
    if all.len() > max {
        return None;
    }
    let bits = all
        .iter()
        .enumerate()
        .map(|(at, word)| u16::from(selected.contains(word)) << at);
    Some(bits.sum())
}

fn selected(all: &[String], mask: u16) -> Vec<String> {
    let is_selected = |at: usize| {
        let bit = u32::try_from(at).ok().and_then(|at| mask.checked_shr(at));
        bit.is_some_and(|bit| bit & 1 == 1)
    };
    let words = all.iter().enumerate().filter(|(at, _)| is_selected(*at));
    words.map(|(_, word)| word.clone()).collect()
}
