//! The work of one thread: hashing and verifying, in Argon2 memory that is kept between jobs.

use std::fmt;
use std::hint::black_box;

use argon2::{Algorithm, Block, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

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
    memory: Box<[Block]>,
}

impl Worker {
    /// Allocates the memory of one hash of `cost`.
    pub fn new(cost: Cost) -> Result<Self, String> {
        let blocks = cost.params()?.block_count();
        let decoy = Stored {
            recipe: argon2id(cost),
            salt: random_bytes::<SALT_LENGTH>().to_vec(),
            digest: random_bytes::<DIGEST_LENGTH>().to_vec(),
        };
        Ok(Self {
            cost,
            decoy,
            memory: vec![Block::new(); blocks].into_boxed_slice(),
        })
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
        let stored = parse(stored)?;
        if !stored.matches(password.as_bytes(), &mut self.memory)? {
            return Ok(Verdict::Wrong);
        }
        if stored.recipe == argon2id(self.cost) {
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
        black_box(
            self.decoy
                .matches(password.as_bytes(), &mut self.memory)
                .ok(),
        );
        Verdict::Wrong
    }
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

fn phc_string(digest: &[u8], salt: &[u8], cost: Cost) -> String {
    let Cost {
        memory_kib,
        iterations,
        parallelism,
    } = cost;
    let (salt, digest) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(digest));
    format!("$argon2id$v=19$m={memory_kib},t={iterations},p={parallelism}${salt}${digest}")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    const TINY: Cost = Cost::TINY;

    /// A hash of `PASSWORD` at that cost, computed by argon2-cffi.
    const CURRENT: &str = "$argon2id$v=19$m=64,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$BYC2aRvXLBN2PL0aaTTyUyQZLPGRJiCuB/PalABPfRw";
    const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuuUmjNXq1XyawyZ/BlKYVX3Rw7vQMuTEm";
    const PASSWORD: &str = "correct horse battery stäple";

    fn verify(worker: &mut Worker, stored: &str) -> Verdict {
        worker.verify(&Password::new(PASSWORD), Some(stored))
    }

    /// Whether Argon2 has written all of the memory, which is zero before.
    fn has_worked(worker: &Worker) -> bool {
        worker
            .memory
            .iter()
            .all(|block| block.as_ref().iter().any(|word| *word != 0))
    }

    #[test]
    fn a_new_hash_is_a_phc_string_with_a_random_salt() {
        let mut worker = Worker::new(TINY).unwrap();
        let [one, two] = [(); 2].map(|()| worker.hash(&Password::new("🦀\0")).unwrap());
        assert!(one.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{one}");
        assert_ne!(one, two);
        let stored = parse(&one).unwrap();
        assert_eq!((stored.salt.len(), stored.digest.len()), (16, 32));
        let right = worker.verify(&Password::new("🦀\0"), Some(&one));
        assert_eq!(right, Verdict::Right);
        let wrong = worker.verify(&Password::new("🦀"), Some(&one));
        assert_eq!(wrong, Verdict::Wrong);
    }

    #[test]
    fn a_hash_of_the_current_cost_is_not_rehashed() {
        let mut worker = Worker::new(TINY).unwrap();
        assert_eq!(verify(&mut worker, CURRENT), Verdict::Right);
        let decomposed = Password::new("correct horse battery sta\u{308}ple");
        assert_eq!(worker.verify(&decomposed, Some(CURRENT)), Verdict::Right);
    }

    #[test]
    fn a_hash_of_another_cost_or_algorithm_is_rehashed_at_the_current_cost() {
        let higher = Cost {
            iterations: 2,
            ..TINY
        };
        for (cost, stored) in [(higher, CURRENT), (TINY, BCRYPT)] {
            let mut worker = Worker::new(cost).unwrap();
            let Verdict::RightOutdated { rehashed } = verify(&mut worker, stored) else {
                panic!("{stored} is not outdated");
            };
            assert_eq!(verify(&mut worker, &rehashed), Verdict::Right);
        }
    }

    #[test]
    fn a_wrong_password_is_not_rehashed() {
        let mut worker = Worker::new(TINY).unwrap();
        let verdict = worker.verify(&Password::new("hunter2"), Some(BCRYPT));
        assert_eq!(verdict, Verdict::Wrong);
        assert!(!has_worked(&worker));
    }

    #[test]
    fn an_unknown_user_costs_the_same_work_as_a_known_one() {
        let mut worker = Worker::new(TINY).unwrap();
        assert!(!has_worked(&worker));
        let verdict = worker.verify(&Password::new(PASSWORD), None);
        assert_eq!(verdict, Verdict::Wrong);
        assert!(has_worked(&worker));
        assert_eq!(worker.decoy.recipe, argon2id(TINY));
    }

    #[test]
    fn an_unacceptable_hash_costs_the_same_work_and_is_logged_once_without_its_text() {
        let salt_and_hash = CURRENT.split_once("p=1$").unwrap().1;
        for (stored, expected) in [
            (
                format!("$argon2id$v=19$m=4194304,t=1,p=1${salt_and_hash}"),
                r#"algorithm="argon2id" reason="memory in KiB is 4194304; from 8 to 262144"#,
            ),
            (
                BCRYPT.replace("$04$", "$31$"),
                r#"algorithm="bcrypt" reason="cost is 31; from"#,
            ),
            (
                PASSWORD.to_owned(),
                r#"algorithm="unknown algorithm" reason="not the beginning"#,
            ),
        ] {
            let log = Log::default();
            let subscriber = tracing_subscriber::fmt()
                .with_writer(log.clone())
                .with_ansi(false);
            let mut worker = Worker::new(TINY).unwrap();
            let verdict = tracing::subscriber::with_default(subscriber.finish(), || {
                verify(&mut worker, &stored)
            });
            assert_eq!(verdict, Verdict::Wrong);
            assert!(has_worked(&worker));
            let lines = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
            assert_eq!(lines.matches("ERROR").count(), 1, "{lines}");
            assert!(lines.contains(expected), "{lines}");
            for secret in stored
                .split('$')
                .chain([PASSWORD])
                .filter(|part| part.len() > 20)
            {
                assert!(!lines.contains(secret), "{lines}");
            }
        }
    }

    #[test]
    fn a_larger_stored_hash_does_not_enlarge_the_kept_memory() {
        let larger = "$argon2id$v=19$m=256,t=1,p=1$AAECAwQFBgcICQoLDA0ODw$sZWUZYIGtFlmBziVe3iubA";
        let mut worker = Worker::new(TINY).unwrap();
        let verdict = verify(&mut worker, larger);
        assert!(matches!(verdict, Verdict::RightOutdated { .. }));
        assert_eq!(worker.memory.len(), 64);
    }

    #[test]
    fn debug_prints_no_hash() {
        let verdict = Verdict::RightOutdated {
            rehashed: "$argon2id$".to_owned(),
        };
        assert_eq!(format!("{verdict:?}"), "RightOutdated");
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Log {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }
}
