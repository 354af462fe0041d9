//! A parsed password hash and its verification.

use argon2_rust::Argon2;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use pbkdf2::pbkdf2_hmac;
use pbkdf2::sha2::{Sha256, Sha512};

use super::argon2_memory::Argon2Memory;
use super::bcrypt;
use super::cost::Cost;

/// A hash with an accepted cost.
pub(super) struct Stored {
    pub recipe: Recipe,
    pub salt: Vec<u8>,
    pub digest: Vec<u8>,
}

impl Stored {
    /// Whether this is a hash of `password`. Uses `memory` as [`Recipe::digest`] does.
    pub fn matches(&self, password: &[u8], memory: &mut Argon2Memory) -> Result<bool, Refusal> {
        self.recipe
            .digest(password, &self.salt, self.digest.len(), memory)
            .map(|digest| verify_slices_are_equal(&digest, &self.digest).is_ok())
            .map_err(|reason| Refusal {
                algorithm: self.recipe.algorithm(),
                reason,
            })
    }
}

/// The reason why a stored hash was not verified, without salt and digest.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{algorithm}: {reason}")]
pub(super) struct Refusal {
    pub algorithm: &'static str,
    pub reason: String,
}

/// An algorithm and its cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recipe {
    Argon2 {
        algorithm: argon2_rust::Algorithm,
        version: argon2_rust::Version,
        cost: Cost,
    },
    Bcrypt {
        cost: u32,
    },
    Scrypt {
        ln: u32,
        r: u32,
        p: u32,
    },
    Pbkdf2Sha256 {
        rounds: u32,
    },
    Pbkdf2Sha512 {
        rounds: u32,
    },
}

impl Recipe {
    /// The first field of the hash; `bcrypt` for all prefixes of bcrypt.
    pub const fn algorithm(&self) -> &'static str {
        match self {
            Self::Argon2 { algorithm, .. } => algorithm.as_str(),
            Self::Bcrypt { .. } => "bcrypt",
            Self::Scrypt { .. } => "scrypt",
            Self::Pbkdf2Sha256 { .. } => "pbkdf2-sha256",
            Self::Pbkdf2Sha512 { .. } => "pbkdf2-sha512",
        }
    }

    /// Whether the digest depends on all bytes of the password and on its end. bcrypt uses the terminating zero byte
    /// only of passwords that are shorter than its key.
    pub const fn uses_all(&self, password: &[u8]) -> bool {
        match self {
            Self::Bcrypt { .. } => password.len() < bcrypt::KEY_LENGTH,
            _ => true,
        }
    }

    /// The digest of `password`, `length` bytes long. Argon2 uses `memory` if it is large enough; otherwise
    /// it allocates memory for this call, as scrypt does.
    pub fn digest(
        &self,
        password: &[u8],
        salt: &[u8],
        length: usize,
        memory: &mut Argon2Memory,
    ) -> Result<Vec<u8>, String> {
        let mut digest = vec![0; length];
        match *self {
            Self::Argon2 {
                algorithm,
                version,
                cost,
            } => {
                let argon2 = Argon2::new(algorithm, version, cost.params()?);
                memory
                    .fill(&mut digest, password, salt, argon2)
                    .map_err(|error| error.to_string())?;
            }
            Self::Bcrypt { cost } => bcrypt::fill(&mut digest, password, salt, cost)?,
            Self::Scrypt { ln, r, p } => {
                let ln = u8::try_from(ln).map_err(|error| error.to_string())?;
                let params = scrypt::Params::new(ln, r, p).map_err(|error| error.to_string())?;
                scrypt::scrypt(password, salt, &params, &mut digest)
                    .map_err(|error| error.to_string())?;
            }
            Self::Pbkdf2Sha256 { rounds } => {
                pbkdf2_hmac::<Sha256>(password, salt, rounds, &mut digest);
            }
            Self::Pbkdf2Sha512 { rounds } => {
                pbkdf2_hmac::<Sha512>(password, salt, rounds, &mut digest);
            }
        }
        Ok(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse;
    use super::*;

    /// The password of the hashes below, which other programs computed.
    const PASSWORD: &str = "correct horse battery stäple";

    fn matches(password: &str, phc: &str) -> bool {
        let mut memory = Argon2Memory::new(Cost::TINY).unwrap();
        parse(phc)
            .unwrap()
            .matches(password.as_bytes(), &mut memory)
            .unwrap()
    }

    fn assert_hash_of_password(phc: &str) {
        assert!(matches(PASSWORD, phc), "{phc}");
        assert!(!matches("correct horse battery staple", phc), "{phc}");
        assert!(!matches("", phc), "{phc}");
    }

    // argon2-cffi 25.1 (the reference implementation in C).
    #[test]
    fn argon2_hashes_of_the_reference_implementation_are_verified() {
        for phc in [
            "$argon2id$v=19$m=64,t=3,p=2$AAECAwQFBgcICQoLDA0ODw$eKP0ASirizSYL15lztCmBsLk43uGhIqALT6BbX4UcN0",
            "$argon2id$v=16$m=64,t=3,p=2$AAECAwQFBgcICQoLDA0ODw$wMnDVhngABw7W3JOkkK35rT/N4YgpOHJv54qQQoTbFw",
            "$argon2i$v=19$m=64,t=3,p=2$AAECAwQFBgcICQoLDA0ODw$tMFoUjXPdJPS6KimjMg2pRm3boaChJH9bWBvdA/Y0HU",
            "$argon2i$v=16$m=64,t=3,p=2$AAECAwQFBgcICQoLDA0ODw$AYd5yKtNswjv3H6VK43wuFz7DldJIcAD/CtLYaou4CM",
            "$argon2d$v=19$m=64,t=3,p=2$AAECAwQFBgcICQoLDA0ODw$C2bjIxcoxBzlctnifd7LYKKzTfvuFcp3Ym+n0YWGf/c",
            "$argon2d$v=16$m=64,t=3,p=2$AAECAwQFBgcICQoLDA0ODw$GbBuHAhp1jQypnMM5EfR1S/cz+Xr7K8qKJJXDOXSN8A",
        ] {
            assert_hash_of_password(phc);
        }
    }

    #[test]
    fn an_argon2_hash_without_a_version_has_version_16() {
        assert_hash_of_password(
            "$argon2i$m=64,t=3,p=2$AAECAwQFBgcICQoLDA0ODw$AYd5yKtNswjv3H6VK43wuFz7DldJIcAD/CtLYaou4CM",
        );
    }

    #[test]
    fn an_argon2_hash_larger_than_the_kept_memory_is_verified() {
        assert_hash_of_password(
            "$argon2id$v=19$m=256,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$sZWUZYIGtFlmBziVe3iubA",
        );
    }

    // Python's hashlib (OpenSSL).
    #[test]
    fn scrypt_hashes_of_openssl_are_verified() {
        assert_hash_of_password(
            "$scrypt$ln=4,r=8,p=2$AAECAwQFBgcICQoLDA0ODw$wV/OGOy2LlY/rHTwCoYTqgp+jiSgNhveRfCzk9Ra72g",
        );
    }

    // Python's hashlib (OpenSSL).
    #[test]
    fn pbkdf2_hashes_of_openssl_are_verified() {
        for phc in [
            "$pbkdf2-sha256$i=1000,l=32$AAECAwQFBgcICQoLDA0ODw$2+4p6vQ6S5gnf5AAMp168qdjeu/jv0c7acY05H+peNA",
            "$pbkdf2-sha256$i=1000$AAECAwQFBgcICQoLDA0ODw$2+4p6vQ6S5gnf5AAMp168qdjeu/jv0c7acY05H+peNA",
            "$pbkdf2-sha512$i=1000,l=64$AAECAwQFBgcICQoLDA0ODw$rW/sOPBBENlZQpYApieLZQGqQkfJfNIBKfXypeGTWwpbNGJLKfsEeNhdhpFsVSDPWVdkyvqdXEXq5dOoMQqDWg",
        ] {
            assert_hash_of_password(phc);
        }
    }

    // argon2-cffi 25.1.
    #[test]
    fn an_empty_password_and_one_with_a_nul_are_verified() {
        let empty = "$argon2id$v=19$m=64,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$33SjuV6/zzjSAgU4dA/CwCrhp6Zlln5wL5DZIdWFgJo";
        assert!(matches("", empty));
        assert!(!matches("\0", empty));
        let nul = "$argon2id$v=19$m=64,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$aRkjTQJujDTuoVktrD5ERRlqGtBzF4my8hsimB0EqfQ";
        assert!(matches("a\0b", nul));
        assert!(!matches("a", nul));
        assert!(!matches("a\0c", nul));
    }
}
