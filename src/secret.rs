//! Secret values and the source of randomness.

use std::fmt;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// `N` random bytes from the generator of aws-lc, which the operating system seeds. The only source of
/// randomness in this crate.
///
/// # Panics
///
/// When the system has no entropy source; aws-lc aborts in that case, too.
#[expect(clippy::expect_used, reason = "a secret requires randomness")]
#[expect(clippy::disallowed_methods, reason = "the one reader of randomness")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system has a random source");
    bytes
}

/// A secret text: a password, a client secret, a token in a request.
///
/// `Debug` prints `[secret]`, there is no `Display`, and the memory is wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A random text of 24 characters: 144 random bits.
pub fn random_text() -> Secret {
    Secret::new(URL_SAFE_NO_PAD.encode(random_bytes::<18>()))
}

/// The text without one line ending at its end, which `echo` and editors add.
pub fn without_line_ending(text: &str) -> &str {
    let without = text.strip_suffix("\r\n");
    without.or(text.strip_suffix('\n')).unwrap_or(text)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
