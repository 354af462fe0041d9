//! Parsing of stored password hashes within the accepted costs.

use argon2::{Algorithm, Version};

use super::bcrypt::{self, COST_MAX as BCRYPT_COST_MAX};
use super::cost::{Cost, ITERATIONS_MAX, MEMORY_MAX_KIB, PARALLELISM_MAX, within};
use super::phc::Phc;
use super::stored::{Recipe, Refusal, Stored};

/// Maximum scrypt `ln`, the binary logarithm of N. Its memory, `128 · r · N` bytes, has the maximum of Argon2's.
const SCRYPT_LN_MAX: u32 = 20;

/// Maximum scrypt `r`. 8 is usual; a large one needs `128 · r · p` bytes more.
const SCRYPT_R_MAX: u32 = 32;

/// Maximum scrypt `p`. The work is `p` times the memory.
const SCRYPT_P_MAX: u32 = 16;

/// Maximum PBKDF2 iterations: a few seconds.
const PBKDF2_ITERATIONS_MAX: u32 = 10_000_000;

/// Checks a hash that is to be imported. The error names the accepted formats and does not repeat the hash.
pub fn check_stored(phc: &str) -> Result<(), String> {
    parse(phc)
        .map(drop)
        .map_err(|refusal| format!("{refusal}; accepted are {}", accepted()))
}

fn accepted() -> String {
    format!(
        "$argon2id$, $argon2i$, $argon2d$ (up to m={MEMORY_MAX_KIB}, t={ITERATIONS_MAX}, \
         p={PARALLELISM_MAX}), $scrypt$ (up to ln={SCRYPT_LN_MAX}, r={SCRYPT_R_MAX}, \
         p={SCRYPT_P_MAX} and {MEMORY_MAX_KIB} KiB), $pbkdf2-sha256$, $pbkdf2-sha512$ (up to \
         i={PBKDF2_ITERATIONS_MAX}), all in PHC string format with a salt of 8 to 48 bytes and a \
         hash of 10 to 64, and bcrypt as $2a$, $2b$, $2y$ (up to cost {BCRYPT_COST_MAX})"
    )
}

/// Parses a stored hash by the algorithm in its first field.
pub(super) fn parse(text: &str) -> Result<Stored, Refusal> {
    let id = text
        .strip_prefix('$')
        .and_then(|rest| rest.split('$').next());
    let (algorithm, stored) = match id {
        Some("argon2id") => ("argon2id", parse_argon2(text, Algorithm::Argon2id)),
        Some("argon2i") => ("argon2i", parse_argon2(text, Algorithm::Argon2i)),
        Some("argon2d") => ("argon2d", parse_argon2(text, Algorithm::Argon2d)),
        Some("2a" | "2b" | "2y") => ("bcrypt", parse_bcrypt(text)),
        Some("scrypt") => ("scrypt", parse_scrypt(text)),
        Some("pbkdf2-sha256") => (
            "pbkdf2-sha256",
            parse_pbkdf2(text, |rounds| Recipe::Pbkdf2Sha256 { rounds }),
        ),
        Some("pbkdf2-sha512") => (
            "pbkdf2-sha512",
            parse_pbkdf2(text, |rounds| Recipe::Pbkdf2Sha512 { rounds }),
        ),
        // The text is not repeated: it may be a password in place of a hash.
        _ => (
            "unknown algorithm",
            Err("not the beginning of an accepted hash".to_owned()),
        ),
    };
    stored.map_err(|reason| Refusal { algorithm, reason })
}

fn parse_bcrypt(text: &str) -> Result<Stored, String> {
    let bcrypt::BcryptHash { cost, salt, digest } = bcrypt::parse(text)?;
    Ok(Stored {
        recipe: Recipe::Bcrypt { cost },
        salt,
        digest,
    })
}

fn parse_argon2(text: &str, algorithm: Algorithm) -> Result<Stored, String> {
    let phc = Phc::parse(text, &["m", "t", "p"])?;
    // Before version 19 there was no version field.
    let version = phc.version().unwrap_or(Version::V0x10.into());
    let version = Version::try_from(version)
        .map_err(|_| format!("version is {version}; 16 and 19 are accepted"))?;
    let cost = Cost {
        memory_kib: phc.decimal("m")?,
        iterations: phc.decimal("t")?,
        parallelism: phc.decimal("p")?,
    };
    cost.params()?;
    phc.stored(Recipe::Argon2 {
        algorithm,
        version,
        cost,
    })
}

fn parse_scrypt(text: &str) -> Result<Stored, String> {
    let phc = Phc::parse(text, &["ln", "r", "p"])?;
    phc.refuse_version()?;
    let (ln, r, p) = (phc.decimal("ln")?, phc.decimal("r")?, phc.decimal("p")?);
    within("ln", ln, 1..=SCRYPT_LN_MAX)?;
    within("r", r, 1..=SCRYPT_R_MAX)?;
    within("p", p, 1..=SCRYPT_P_MAX)?;
    within(
        "memory in KiB (r · 2^ln / 8)",
        (r << ln) / 8,
        0..=MEMORY_MAX_KIB,
    )?;
    phc.stored(Recipe::Scrypt { ln, r, p })
}

fn parse_pbkdf2(text: &str, recipe: fn(u32) -> Recipe) -> Result<Stored, String> {
    let phc = Phc::parse(text, &["i", "l"])?;
    phc.refuse_version()?;
    let iterations = phc.decimal("i")?;
    within("i", iterations, 1..=PBKDF2_ITERATIONS_MAX)?;
    let stored = phc.stored(recipe(iterations))?;
    let length = phc.optional("l");
    if length.is_some_and(|length| length != stored.digest.len().to_string()) {
        return Err("l is not the length of the hash".to_owned());
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SALT_AND_HASH: &str =
        "AAECAwQFBgcICQoLDA0ODw$BYC2aRvXLBN2PL0aaTTyUyQZLPGRJiCuB/PalABPfRw";
    const BCRYPT: &str = "abcdefghijklmnopqrstuuUmjNXq1XyawyZ/BlKYVX3Rw7vQMuTEm";

    fn phc(head: &str) -> String {
        format!("{head}${SALT_AND_HASH}")
    }

    #[test]
    fn the_highest_costs_are_accepted() {
        for head in [
            "$argon2id$v=19$m=262144,t=32,p=16",
            "$scrypt$ln=18,r=8,p=16",
            "$scrypt$ln=16,r=32,p=1",
            "$scrypt$ln=20,r=2,p=1",
            "$pbkdf2-sha256$i=10000000",
            "$pbkdf2-sha512$i=10000000,l=32",
        ] {
            assert_eq!(check_stored(&phc(head)), Ok(()), "{head}");
        }
        assert_eq!(check_stored(&format!("$2y$16${BCRYPT}")), Ok(()));
    }

    #[test]
    fn the_error_for_a_cost_out_of_bounds_names_the_bounds() {
        for (head, reason) in [
            // 4 GiB: the argon2 crate itself accepts it.
            (
                "$argon2id$v=19$m=4194304,t=1,p=1",
                "argon2id: memory in KiB is 4194304; from 8 to",
            ),
            (
                "$argon2i$v=19$m=64,t=33,p=1",
                "argon2i: iterations is 33; from 1 to 32",
            ),
            (
                "$argon2d$v=19$m=256,t=1,p=17",
                "argon2d: parallelism is 17; from 1 to 16",
            ),
            (
                "$argon2id$v=19$m=15,t=1,p=2",
                "argon2id: memory in KiB is 15; from 16 to",
            ),
            (
                "$argon2id$v=18$m=64,t=1,p=1",
                "argon2id: version is 18; 16 and 19 are",
            ),
            ("$scrypt$ln=21,r=1,p=1", "scrypt: ln is 21; from 1 to 20"),
            ("$scrypt$ln=0,r=8,p=1", "scrypt: ln is 0; from 1 to 20"),
            (
                "$scrypt$ln=19,r=8,p=1",
                "scrypt: memory in KiB (r · 2^ln / 8) is 524288; from 0",
            ),
            ("$scrypt$ln=1,r=33,p=1", "scrypt: r is 33; from 1 to 32"),
            (
                "$scrypt$ln=4,r=8,p=4294967295",
                "scrypt: p is 4294967295; from 1 to 16",
            ),
            (
                "$pbkdf2-sha256$i=10000001",
                "pbkdf2-sha256: i is 10000001; from 1 to 10000000",
            ),
            (
                "$pbkdf2-sha512$i=0",
                "pbkdf2-sha512: i is 0; from 1 to 10000000",
            ),
        ] {
            let message = check_stored(&phc(head)).unwrap_err();
            assert!(message.starts_with(reason), "{message}");
        }
        let message = check_stored(&format!("$2b$17${BCRYPT}")).unwrap_err();
        assert!(
            message.starts_with("bcrypt: cost is 17; from 4 to 16"),
            "{message}"
        );
    }

    #[test]
    fn malformed_hashes_are_refused() {
        for head in [
            "$argon2id$v=19",
            "$scrypt$v=1$ln=4,r=8,p=1",
            "$pbkdf2-sha256$v=1$i=1000",
            "$pbkdf2-sha256$i=1000,l=31",
            "$pbkdf2-sha256$29000",
            "$pbkdf2$i=1000",
            "$7$C6..../....",
        ] {
            assert!(check_stored(&phc(head)).is_err(), "{head}");
        }
        for text in [
            "",
            "$",
            "$$",
            "hunter2",
            "$2b$04",
            "$2b$04$abcdefghijklmnopqrstuu",
            // The prefix for hashes of a crypt_blowfish with a bug: another computation.
            "$2x$04$abcdefghijklmnopqrstuuUmjNXq1XyawyZ/BlKYVX3Rw7vQMuTEm",
        ] {
            assert!(check_stored(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_error_names_the_accepted_formats_and_does_not_repeat_the_hash() {
        for text in [
            "hunter2",
            "$hunter2$hunter2$hunter2",
            "$argon2id$hunter2=1$hunter2$hunter2",
        ] {
            let message = check_stored(text).unwrap_err();
            assert!(message.contains("$argon2id$, $argon2i$, $argon2d$ (up to m=262144"));
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    proptest! {
        #[test]
        fn the_parser_never_panics(text in r"(\$(argon2id|2b|scrypt|pbkdf2-sha256)\$)?\PC{0,99}") {
            check_stored(&text).ok();
        }

        #[test]
        fn the_parser_does_not_panic_on_a_garbled_hash(place in 0_usize..80, letter in any::<char>()) {
            for hash in [phc("$argon2id$v=19$m=64,t=1,p=1"), format!("$2b$04${BCRYPT}")] {
                let mut letters: Vec<char> = hash.chars().collect();
                let place = place.min(letters.len() - 1);
                letters[place] = letter;
                check_stored(&letters.into_iter().collect::<String>()).ok();
            }
        }
    }
}
