//! Tests of parsing and of the accepted costs.

use proptest::prelude::*;

use super::*;

const SALT_AND_HASH: &str = "AAECAwQFBgcICQoLDA0ODw$BYC2aRvXLBN2PL0aaTTyUyQZLPGRJiCuB/PalABPfRw";
const BCRYPT: &str = "abcdefghijklmnopqrstuuUmjNXq1XyawyZ/BlKYVX3Rw7vQMuTEm";

fn phc(head: &str) -> String {
    format!("{head}${SALT_AND_HASH}")
}

#[test]
fn the_highest_costs_are_accepted() {
    for head in [
        // The defaults of argon2-cffi and PHP.
        "$argon2id$v=19$m=65536,t=3,p=4",
        "$argon2id$v=19$m=65536,t=4,p=1",
        "$argon2i$v=19$m=131072,t=2,p=16",
        "$argon2d$v=16$m=8192,t=32,p=1",
        // The default of Django.
        "$scrypt$ln=14,r=8,p=5",
        "$scrypt$ln=16,r=8,p=1",
        "$pbkdf2-sha256$i=1200000",
        "$pbkdf2-sha512$i=300000,l=32",
    ] {
        assert_eq!(check_stored(&phc(head)), Ok(()), "{head}");
    }
    assert_eq!(check_stored(&format!("$2y$12${BCRYPT}")), Ok(()));
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
            "$argon2id$v=19$m=131073,t=1,p=1",
            "argon2id: memory in KiB is 131073; from 8 to 131072 is",
        ),
        (
            "$argon2id$v=19$m=65536,t=5,p=1",
            "argon2id: m · t is 327680; from 1 to 262144 is",
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
            "$scrypt$ln=17,r=8,p=1",
            "scrypt: 2^ln · r · p is 1048576; from 1 to 655360 is",
        ),
        (
            "$scrypt$ln=14,r=8,p=6",
            "scrypt: 2^ln · r · p is 786432; from 1 to 655360 is",
        ),
        ("$scrypt$ln=1,r=33,p=1", "scrypt: r is 33; from 1 to 32"),
        (
            "$scrypt$ln=4,r=8,p=4294967295",
            "scrypt: p is 4294967295; from 1 to 16",
        ),
        (
            "$pbkdf2-sha256$i=1200001",
            "pbkdf2-sha256: i is 1200001; from 1 to 1200000",
        ),
        (
            "$pbkdf2-sha512$i=0",
            "pbkdf2-sha512: i is 0; from 1 to 300000",
        ),
    ] {
        let message = check_stored(&phc(head)).unwrap_err();
        assert!(message.starts_with(reason), "{message}");
    }
}

#[test]
fn the_error_for_a_cost_of_bcrypt_out_of_bounds_names_the_bounds() {
    let message = check_stored(&format!("$2b$13${BCRYPT}")).unwrap_err();
    assert!(
        message.starts_with("bcrypt: cost is 13; from 4 to 12"),
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
        assert!(message.contains("$argon2id$, $argon2i$, $argon2d$ (up to m=131072"));
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
