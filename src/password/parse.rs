//! Reading a stored password hash of any accepted algorithm, within bounds.

use argon2::{Algorithm, Version};

use super::bcrypt::{self, COST_MAX as BCRYPT_COST_MAX};
use super::cost::{Cost, ITERATIONS_MAX, MEMORY_MAX_KIB, PARALLELISM_MAX, within};
use super::phc::Phc;
use super::stored::{Recipe, Refusal, Stored};

/// The highest scrypt `ln`, the binary logarithm of N. Its memory is bounded as well: `128 · r · N`
/// bytes may be as much as Argon2's.
const SCRYPT_LN_MAX: u32 = 20;

/// The highest scrypt `r`. Everyone uses 8; a large one would take `128 · r · p` bytes more.
const SCRYPT_R_MAX: u32 = 32;

/// The highest scrypt `p`. The work is that many times the memory.
const SCRYPT_P_MAX: u32 = 16;

/// The most PBKDF2 iterations: a few seconds.
const PBKDF2_ITERATIONS_MAX: u32 = 10_000_000;

/// For import: whether `phc` is a hash that can be verified within bounds.
///
/// # Errors
///
/// Says, for the operator, why not, and what is accepted. The hash is not repeated.
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

/// A stored hash by the algorithm that its first field names.
pub(super) fn parse(text: &str) -> Result<Stored, Refusal> {
    let id = text
        .strip_prefix('$')
        .and_then(|rest| rest.split('$').next());
    let (algorithm, stored) = match id {
        Some("argon2id") => ("argon2id", parse_argon2(text, Algorithm::Argon2id)),
        Some("argon2i") => ("argon2i", parse_argon2(text, Algorithm::Argon2i)),
        Some("argon2d") => ("argon2d", parse_argon2(text, Algorithm::Argon2d)),
        Some("2a" | "2b" | "2y") => ("bcrypt", bcrypt::parse(text)),
        Some("scrypt") => ("scrypt", parse_scrypt(text)),
        Some("pbkdf2-sha256") => (
            "pbkdf2-sha256",
            parse_pbkdf2(text, |rounds| Recipe::Pbkdf2Sha256 { rounds }),
        ),
        Some("pbkdf2-sha512") => (
            "pbkdf2-sha512",
            parse_pbkdf2(text, |rounds| Recipe::Pbkdf2Sha512 { rounds }),
        ),
        // Not told by its name: it may be a password that stands where its hash should.
        _ => (
            "unknown algorithm",
            Err("not the beginning of an accepted hash".to_owned()),
        ),
    };
    stored.map_err(|reason| Refusal { algorithm, reason })
}

fn parse_argon2(text: &str, algorithm: Algorithm) -> Result<Stored, String> {
    let phc = Phc::parse(text, &["m", "t", "p"])?;
    // Hashes from before version 19 had no version field.
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
    fn a_cost_out_of_bounds_is_refused_with_its_reason() {
        for (head, reason) in [
            // 4 GiB: the argon2 crate itself would take it.
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
    fn a_form_that_the_algorithm_does_not_have_is_refused() {
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
            // How hashes of a crypt_blowfish with a bug are marked: another computation.
            "$2x$04$abcdefghijklmnopqrstuuUmjNXq1XyawyZ/BlKYVX3Rw7vQMuTEm",
        ] {
            assert!(check_stored(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_refusal_tells_what_is_accepted_and_repeats_nothing() {
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
        fn no_text_makes_the_parser_panic(text in r"(\$(argon2id|2b|scrypt|pbkdf2-sha256)\$)?\PC{0,99}") {
            check_stored(&text).ok();
        }

        #[test]
        fn a_garbled_hash_makes_no_parser_panic(place in 0_usize..80, letter in any::<char>()) {
            for hash in [phc("$argon2id$v=19$m=64,t=1,p=1"), format!("$2b$04${BCRYPT}")] {
                let mut letters: Vec<char> = hash.chars().collect();
                let place = place.min(letters.len() - 1);
                letters[place] = letter;
                check_stored(&letters.into_iter().collect::<String>()).ok();
            }
        }
    }
}
