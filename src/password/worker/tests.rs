//! Tests of hashing and verifying.

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

/// Whether one Argon2 hash was computed.
fn has_worked(worker: &Worker) -> bool {
    worker.memory.computed == 1
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

/// bcrypt ignores the bytes after the 72nd. If the new hash contained a wrong one, the right password would be refused
/// from then on.
#[test]
fn a_password_that_bcrypt_did_not_use_whole_is_not_rehashed() {
    let digits = "0123456789".repeat(8);
    let of_80 = "$2b$04$abcdefghijklmnopqrstuum2G75IXDN/xsgbNa/hCiPSKyIHQd70S";
    let of_71 = "$2b$04$abcdefghijklmnopqrstuukow.iL/GuIgNNTSpCKVqIJG617.YQsi";
    let mut worker = Worker::new(TINY).unwrap();
    let mut verify = |typed: &str, stored| worker.verify(&Password::new(typed), Some(stored));
    let slip = format!("{}wrong", &digits[..75]);
    for typed in [&*digits, &slip, &digits[..72]] {
        assert_eq!(verify(typed, of_80), Verdict::Right, "{typed}");
    }
    let verdict = verify(&digits[..71], of_71);
    assert!(matches!(verdict, Verdict::RightOutdated { .. }));
}

/// Python's hashlib, of the decomposed form (NFD).
#[test]
fn a_hash_of_the_typed_form_is_verified_and_renewed_over_nfc() {
    let stored =
        "$pbkdf2-sha256$i=1000$AAECAwQFBgcICQoLDA0ODw$tl/DwkITl1ucmZhPAjrelopGbD143aJpxDBJxMw42sU";
    let mut worker = Worker::new(TINY).unwrap();
    let composed = Password::new(PASSWORD);
    assert_eq!(worker.verify(&composed, Some(stored)), Verdict::Wrong);
    let decomposed = Password::new("correct horse battery sta\u{308}ple");
    let verdict = worker.verify(&decomposed, Some(stored));
    let Verdict::RightOutdated { rehashed } = verdict else {
        panic!("{verdict:?}");
    };
    for password in [composed, decomposed] {
        assert_eq!(worker.verify(&password, Some(&rehashed)), Verdict::Right);
    }
    let wrong = Password::new("correct horse battery sta\u{308}pl");
    assert_eq!(worker.verify(&wrong, Some(stored)), Verdict::Wrong);
}

#[test]
fn a_wrong_password_is_not_rehashed() {
    let mut worker = Worker::new(TINY).unwrap();
    let verdict = worker.verify(&Password::new("hunter2"), Some(BCRYPT));
    assert_eq!(verdict, Verdict::Wrong);
    assert_eq!(worker.memory.computed, 0);
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
        let verdict =
            tracing::subscriber::with_default(subscriber.finish(), || verify(&mut worker, &stored));
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
    // Kept for the new hash.
    assert_eq!(worker.memory.kept_blocks(), 64);
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
