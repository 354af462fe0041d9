//! The text of a token that proves its content by a MAC: a prefix that names its kind, and base64url of the
//! content and then the MAC. Such a token is not stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use thiserror::Error;

use crate::secret::Secret;

/// A kind of token, with `CONTENT` bytes of content.
pub struct Kind<const CONTENT: usize> {
    /// The prefix of the text.
    pub prefix: &'static str,
    /// The bytes of content and MAC, a multiple of 3. The MAC takes those that the content leaves, at least 160 bits:
    /// "the probability of an attacker guessing generated tokens [...] MUST be less than or equal to 2^(-128) and
    /// SHOULD be less than or equal to 2^(-160)", RFC 6749 §10.10.
    pub length: usize,
}

impl<const CONTENT: usize> Kind<CONTENT> {
    /// The text of `content` and its MAC.
    pub fn encode(&self, content: &[u8], mac: &[u8]) -> Secret {
        let bytes = content.iter().chain(mac).take(self.length).copied();
        let encoded = URL_SAFE_NO_PAD.encode(bytes.collect::<Vec<u8>>());
        Secret::new(format!("{}{encoded}", self.prefix))
    }

    /// The content of a text, if `verify` accepts its content and MAC.
    pub fn decode(
        &self,
        text: &str,
        verify: impl FnOnce(&[u8], &[u8]) -> bool,
    ) -> Result<[u8; CONTENT], InvalidProof> {
        let encoded = text.strip_prefix(self.prefix);
        let encoded = encoded.ok_or(InvalidProof::Prefix)?;
        // Before the decoding, so that a long text costs nothing.
        if encoded.len() != self.length / 3 * 4 {
            return Err(InvalidProof::Malformed);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| InvalidProof::Malformed)?;
        let (content, mac) = bytes
            .split_first_chunk::<CONTENT>()
            .ok_or(InvalidProof::Malformed)?;
        if !verify(content, mac) {
            return Err(InvalidProof::Mac);
        }
        Ok(*content)
    }
}

/// The reason why a text is no such token; for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InvalidProof {
    /// The prefix is that of another server or another kind of token.
    #[error("not a token of this server and kind")]
    Prefix,
    /// The length, the alphabet or the version is wrong.
    #[error("malformed token")]
    Malformed,
    /// No root secret verifies the MAC.
    #[error("the MAC of the token does not match any root secret")]
    Mac,
}
