//! Stored password hashes: the check of an import, and the verification of a password.
//!
//! A hash beyond the accepted work must be refused before it is computed: the time limit of the fuzzer finds one that is
//! not. The limits are those of docs/operating.md, read from the text by another parser than the server's.

use jeton::password::{Cost, Password, PasswordHasher, Verdict, check_stored};
use tokio::runtime::{Builder, Runtime};

use super::Target;

/// Hashes with more work are not computed here, because the fuzzer would be slow: the work of bcrypt with cost 5.
const COMPUTED: u64 = 32;
/// The most work that is accepted: bcrypt with cost 12.
const ACCEPTED: u64 = 4096;

pub struct PasswordHashes {
    hasher: PasswordHasher,
    runtime: Runtime,
}

impl Target for PasswordHashes {
    fn start() -> Self {
        let cost = Cost {
            memory_kib: 64,
            iterations: 1,
            parallelism: 1,
        };
        Self {
            hasher: PasswordHasher::start(cost, 1, 8).unwrap(),
            runtime: Builder::new_current_thread().build().unwrap(),
        }
    }

    fn run(&mut self, input: &[u8]) {
        let Ok(text) = str::from_utf8(input) else {
            return;
        };
        let checked = check_stored(text);
        let work = work(text);
        if let Err(why) = &checked {
            let algorithms = why.split_once(": ").map(|(first, _)| first);
            assert!(algorithms.is_some_and(|name| !name.contains('$')), "{why}");
        } else {
            let work = work.unwrap();
            assert!(work <= ACCEPTED, "{text} has the work {work}");
        }
        // Without `work` no hash has these parameters, so that it must be refused at once.
        if work.is_none_or(|work| work <= COMPUTED) {
            self.verify(text, checked.is_ok());
        }
    }
}

impl PasswordHashes {
    fn verify(&self, stored: &str, is_accepted: bool) {
        let password = || Password::new("correct horse battery stäple");
        let verify = self.hasher.verify(password(), Some(stored.to_owned()));
        let verdict = self.runtime.block_on(verify).unwrap();
        // The seeds have hashes of this password. Their digests are changed like everything else.
        match verdict {
            Verdict::Wrong => {}
            Verdict::Right => assert!(is_accepted, "{stored}"),
            Verdict::RightOutdated { rehashed } => {
                assert!(is_accepted, "{stored}");
                assert_eq!(check_stored(&rehashed), Ok(()));
                let again = self.hasher.verify(password(), Some(rehashed));
                let again = self.runtime.block_on(again).unwrap();
                assert!(again == Verdict::Right);
            }
        }
        let pretended = self.hasher.pretend(password(), stored.to_owned());
        assert!(self.runtime.block_on(pretended).unwrap() == Verdict::Wrong);
    }
}

/// The work of a hash, in rounds of bcrypt, by the table in docs/operating.md. `None` if it has no readable parameters.
fn work(text: &str) -> Option<u64> {
    let fields: Vec<&str> = text.split('$').collect();
    let algorithm = *fields.get(1)?;
    let share = |value: u64, most: u64| value.saturating_mul(ACCEPTED).div_ceil(most);
    match algorithm {
        "2a" | "2b" | "2y" => 1_u64.checked_shl(fields.get(2)?.parse().ok()?),
        "argon2id" | "argon2i" | "argon2d" => {
            let (m, t) = (parameter(&fields, "m")?, parameter(&fields, "t")?);
            let is_large = m > 131_072 || t > 32 || parameter(&fields, "p")? > 16;
            let work = share(m.saturating_mul(t), 262_144);
            Some(if is_large { u64::MAX } else { work })
        }
        "scrypt" => {
            let (r, p) = (parameter(&fields, "r")?, parameter(&fields, "p")?);
            let n = 2_u64.saturating_pow(parameter(&fields, "ln")?.try_into().ok()?);
            let work = share(n.saturating_mul(r).saturating_mul(p), 655_360);
            Some(if r > 32 || p > 16 { u64::MAX } else { work })
        }
        "pbkdf2-sha256" => Some(share(parameter(&fields, "i")?, 1_200_000)),
        "pbkdf2-sha512" => Some(share(parameter(&fields, "i")?, 300_000)),
        _ => None,
    }
}

fn parameter(fields: &[&str], name: &str) -> Option<u64> {
    let mut pairs = fields.iter().flat_map(|field| field.split(','));
    pairs.find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}
