//! Secret values: where random bytes come from, and a wrapper that never prints what it holds.

use std::fmt;

use aws_lc_rs::rand;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// `N` bytes from the operating system's random source, by way of aws-lc's generator.
///
/// The only reader of randomness in this crate, so that an auditor has one place to look at.
///
/// # Panics
///
/// When the system has no entropy source. aws-lc aborts in that case too; going on would be worse.
#[must_use]
#[expect(
    clippy::expect_used,
    reason = "no secret can be made without randomness"
)]
#[expect(clippy::disallowed_methods, reason = "the one reader of randomness")]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).expect("the system's random source answers");
    bytes
}

/// Text that must not be seen: a password, a client secret, a token on its way in.
///
/// `Debug` prints `[secret]`, there is no `Display`, and the memory is wiped when it is dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// Wraps `text`.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself. Every call is a place to look at in a review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}
