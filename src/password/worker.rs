//! The work of one thread: hashing and verifying, in Argon2 memory that is kept until the thread is idle.

use std::fmt;
use std::hint::black_box;

use argon2_rust::{Algorithm, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::argon2_memory::Argon2Memory;
use super::cost::Cost;
use super::parse::parse;
use super::plain::Password;
use super::stored::{Recipe, Refusal, Stored};
use crate::secret::random_bytes;

/// Bytes of a salt: "16 bytes is RECOMMENDED for password hashing" (RFC 9106 §3.1).
const SALT_LENGTH: usize = 16;

/// Bytes of a hash: the 256-bit tag of both options in RFC 9106 §4.
const DIGEST_LENGTH: usize = 32;

/// The state of one thread.
pub(super) struct Worker {
    cost: Cost,
    /// A hash that no password matches, verified for an unknown user.
    decoy: Stored,
    memory: Argon2Memory,
}

impl Worker {
    /// A worker that hashes at `cost`.
    pub fn new(cost: Cost) -> Result<Self, String> {
        let decoy = Stored {
            recipe: argon2id(cost),
            salt: random_bytes::<SALT_LENGTH>().to_vec(),
            digest: random_bytes::<DIGEST_LENGTH>().to_vec(),
        };
        Ok(Self {
            cost,
            decoy,
            memory: Argon2Memory::new(cost)?,
        })
    }

    /// Frees the memory until the next job.
    pub fn free_memory(&mut self) {
        self.memory.release();
    }

    /// The PHC string of a new hash; `None` for an error, which is logged. No accepted cost causes one.
    pub fn hash(&mut self, password: &Password) -> Option<String> {
        let salt = random_bytes::<SALT_LENGTH>();
        argon2id(self.cost)
            .digest(password.as_bytes(), &salt, DIGEST_LENGTH, &mut self.memory)
            .inspect_err(|reason| tracing::error!(reason, "a password could not be hashed"))
            .map(|digest| phc_string(&digest, &salt, self.cost))
            .ok()
    }

    /// Verifies a password as `PasswordHasher::verify` describes.
    pub fn verify(&mut self, password: &Password, stored: Option<&str>) -> Verdict {
        let judged = stored.map(|stored| self.judge(password, stored));
        match judged {
            Some(Ok(verdict)) => verdict,
            Some(Err(refusal)) => {
                tracing::error!(
                    algorithm = refusal.algorithm,
                    reason = refusal.reason,
                    "a stored password hash is not accepted; its user cannot sign in"
                );
                self.pretend(password)
            }
            None => self.pretend(password),
        }
    }

    fn judge(&mut self, password: &Password, stored: &str) -> Result<Verdict, Refusal> {
        let is_current = stored.starts_with(&current_prefix(self.cost));
        let stored = parse(stored)?;
        let is_normalized = stored.matches(password.as_bytes(), &mut self.memory)?;
        let typed = password.typed_bytes().filter(|_| !is_normalized);
        let hashed = match typed {
            Some(typed) if stored.matches(typed, &mut self.memory)? => typed,
            _ if is_normalized => password.as_bytes(),
            _ => return Ok(Verdict::Wrong),
        };
        let is_current = is_current && is_normalized;
        // Bytes that the stored hash did not use may be wrong, and must not become part of the password.
        if is_current || !stored.recipe.uses_all(hashed) {
            return Ok(Verdict::Right);
        }
        // Without a new hash the stored one stays.
        let rehashed = self.hash(password);
        Ok(
            rehashed.map_or(Verdict::Right, |rehashed| Verdict::RightOutdated {
                rehashed,
            }),
        )
    }

    /// Does the work of a wrong password, so that the response time does not reveal which users exist.
    fn pretend(&mut self, password: &Password) -> Verdict {
        work(&self.decoy, password, &mut self.memory)
    }

    /// Does the work of a wrong password at a stored hash of another user.
    pub fn pretend_as(&mut self, password: &Password, stored: &str) -> Verdict {
        match parse(stored) {
            Ok(decoy) => work(&decoy, password, &mut self.memory),
            Err(_) => self.pretend(password),
        }
    }
}

/// Verifies a password against a decoy.
fn work(decoy: &Stored, password: &Password, memory: &mut Argon2Memory) -> Verdict {
    for bytes in [Some(password.as_bytes()), password.typed_bytes()] {
        let matches = bytes.map(|bytes| decoy.matches(bytes, memory));
        black_box(matches.and_then(Result::ok));
    }
    Verdict::Wrong
}

/// The result of verifying a password.
#[must_use]
#[derive(PartialEq, Eq)]
pub enum Verdict {
    /// A wrong password, an unknown user, or a stored hash that is not accepted.
    Wrong,
    /// The right password.
    Right,
    /// The right password, stored with another algorithm or cost than the current ones.
    RightOutdated {
        /// The PHC string to store from now on.
        rehashed: String,
    },
}

// By hand: a hash must not be logged.
impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wrong => "Wrong",
            Self::Right => "Right",
            Self::RightOutdated { .. } => "RightOutdated",
        })
    }
}

const fn argon2id(cost: Cost) -> Recipe {
    Recipe::Argon2 {
        algorithm: Algorithm::Argon2id,
        version: Version::V0x13,
        cost,
    }
}

/// The beginning of the PHC string of a new hash, up to the salt.
pub(super) fn current_prefix(cost: Cost) -> String {
    let Cost {
        memory_kib,
        iterations,
        parallelism,
    } = cost;
    format!("$argon2id$v=19$m={memory_kib},t={iterations},p={parallelism}$")
}

fn phc_string(digest: &[u8], salt: &[u8], cost: Cost) -> String {
    let (salt, digest) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(digest));
    format!("{}{salt}${digest}", current_prefix(cost))
}

#[cfg(test)]
mod tests;
