//! Parsing of stored password hashes within the accepted costs.

use argon2_rust::{Algorithm, Version};

use super::bcrypt::{self, COST_MAX as BCRYPT_COST_MAX};
use super::cost::{Cost, PARALLELISM_MAX, within};
use super::phc::Phc;
use super::stored::{Recipe, Refusal, Stored};

/// Maximum memory of an imported Argon2 hash in KiB: 128 MiB. Hashes of this server may use more.
const ARGON2_MEMORY_MAX_KIB: u32 = 128 * 1024;

/// Maximum memory times iterations of an imported Argon2 hash: 64 MiB with 4 iterations.
const ARGON2_WORK_MAX: u64 = 65_536 * 4;

/// Maximum scrypt `ln`, the binary logarithm of N.
const SCRYPT_LN_MAX: u32 = 20;

/// Maximum scrypt `r`. 8 is usual; a large one needs `128 · r · p` bytes more.
const SCRYPT_R_MAX: u32 = 32;

/// Maximum scrypt `p`.
const SCRYPT_P_MAX: u32 = 16;

/// Maximum `N · r · p` of scrypt: N = 2^14, r = 8, p = 5. Memory is 128 bytes of each.
const SCRYPT_WORK_MAX: u64 = (8 * 5) << 14;

/// Maximum PBKDF2 iterations with SHA-256. The measurement used the processor's instructions for it.
const PBKDF2_SHA256_MAX: u32 = 1_200_000;

/// Maximum PBKDF2 iterations with SHA-512.
const PBKDF2_SHA512_MAX: u32 = 300_000;

/// Checks a hash that is to be imported. The error names the accepted formats and does not repeat the hash.
pub fn check_stored(phc: &str) -> Result<(), String> {
    check_one_of_many(phc).map_err(|reason| format!("{reason}; accepted are {}", accepted()))
}

/// The same, with an error that leaves the accepted formats out.
///
/// No accepted hash takes longer than bcrypt of cost 12, measured with the crates in use.
pub fn check_one_of_many(phc: &str) -> Result<(), String> {
    let stored = parse(phc).map_err(|refusal| refusal.to_string())?;
    let algorithm = stored.recipe.algorithm();
    let checked = check_import(stored.recipe);
    checked.map_err(|reason| Refusal { algorithm, reason }.to_string())
}

/// The bounds that apply to imported hashes, but not to those that this server computed with the cost of its settings.
fn check_import(recipe: Recipe) -> Result<(), String> {
    let Recipe::Argon2 { cost, .. } = recipe else {
        return Ok(());
    };
    within("memory in KiB", cost.memory_kib, 8..=ARGON2_MEMORY_MAX_KIB)?;
    let work = u64::from(cost.memory_kib) * u64::from(cost.iterations);
    within("m · t", work, 1..=ARGON2_WORK_MAX)
}

fn accepted() -> String {
    format!(
        "$argon2id$, $argon2i$, $argon2d$ (up to m={ARGON2_MEMORY_MAX_KIB}, m · t = \
         {ARGON2_WORK_MAX}, p={PARALLELISM_MAX}), $scrypt$ (up to ln={SCRYPT_LN_MAX}, \
         r={SCRYPT_R_MAX}, p={SCRYPT_P_MAX}, 2^ln · r · p = {SCRYPT_WORK_MAX}), $pbkdf2-sha256$ \
         (up to i={PBKDF2_SHA256_MAX}), $pbkdf2-sha512$ (up to i={PBKDF2_SHA512_MAX}), all in PHC \
         string format with a salt of 8 to 48 bytes and a hash of 10 to 64, and bcrypt as $2a$, \
         $2b$, $2y$ (cost 4 to {BCRYPT_COST_MAX})"
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
            parse_pbkdf2(text, PBKDF2_SHA256_MAX, |rounds| Recipe::Pbkdf2Sha256 {
                rounds,
            }),
        ),
        Some("pbkdf2-sha512") => (
            "pbkdf2-sha512",
            parse_pbkdf2(text, PBKDF2_SHA512_MAX, |rounds| Recipe::Pbkdf2Sha512 {
                rounds,
            }),
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
    let version = phc.version().unwrap_or(Version::V0x10.as_u32());
    let version = Version::from_u32(version)
        .ok_or_else(|| format!("version is {version}; 16 and 19 are accepted"))?;
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
    let work = (u64::from(r) * u64::from(p)) << ln;
    within("2^ln · r · p", work, 1..=SCRYPT_WORK_MAX)?;
    phc.stored(Recipe::Scrypt { ln, r, p })
}

fn parse_pbkdf2(text: &str, most: u32, recipe: fn(u32) -> Recipe) -> Result<Stored, String> {
    let phc = Phc::parse(text, &["i", "l"])?;
    phc.refuse_version()?;
    let iterations = phc.decimal("i")?;
    within("i", iterations, 1..=most)?;
    let stored = phc.stored(recipe(iterations))?;
    let length = phc.optional("l");
    if length.is_some_and(|length| length != stored.digest.len().to_string()) {
        return Err("l is not the length of the hash".to_owned());
    }
    Ok(stored)
}

#[cfg(test)]
mod tests;
