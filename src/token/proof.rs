//! The text of a token that proves itself by a MAC and is stored nowhere: a prefix that says what it
//! is, and base64url of 48 bytes, first the content and then the MAC.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::secret::Secret;

/// Content and MAC together. The MAC fills what the content leaves, 160 bits at least: "the
/// probability of an attacker guessing generated tokens [...] MUST be less than or equal to 2^(-128)
/// and SHOULD be less than or equal to 2^(-160)", RFC 6749 §10.10.
const LENGTH: usize = 48;

/// The text of `content` and its MAC.
#[must_use]
pub fn write(prefix: &str, content: &[u8], mac: &[u8]) -> Secret {
    let bytes: Vec<u8> = content.iter().chain(mac).take(LENGTH).copied().collect();
    Secret::new(format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// The content and the MAC in a text, if `verify` says that they belong together.
///
/// # Errors
///
/// [`NotAProof`] for anything that [`write()`] did not make with the same prefix.
pub fn read<const CONTENT: usize>(
    prefix: &str,
    text: &str,
    verify: impl FnOnce(&[u8], &[u8]) -> bool,
) -> Result<[u8; CONTENT], NotAProof> {
    let encoded = text.strip_prefix(prefix).ok_or(NotAProof::Foreign)?;
    // Checked first: a text of another length is not worth decoding.
    if encoded.len() != LENGTH / 3 * 4 {
        return Err(NotAProof::Damaged);
    }
    let bytes = URL_SAFE_NO_PAD
        .decode(encoded)
        .map_err(|_| NotAProof::Damaged)?;
    let (content, mac) = bytes
        .split_first_chunk::<CONTENT>()
        .ok_or(NotAProof::Damaged)?;
    if !verify(content, mac) {
        return Err(NotAProof::Forged);
    }
    Ok(*content)
}

/// Why a text is no token of ours; for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAProof {
    /// It does not begin as ours do: another server's, or another kind of token.
    Foreign,
    /// Its length, alphabet or version is not ours.
    Damaged,
    /// None of the root secrets made its MAC.
    Forged,
}

impl fmt::Display for NotAProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "not one of our tokens of this kind",
            Self::Damaged => "a damaged token",
            Self::Forged => "a token whose MAC no root secret made",
        })
    }
}
