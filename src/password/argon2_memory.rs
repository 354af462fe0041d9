//! Argon2 (RFC 9106) in memory that is kept between hashes that follow each other soon.
//!
//! The crate argon2-rust takes two thirds of the time of the crate argon2. Tests compare every result with the latter.

use argon2_rust::params::TagLen;
use argon2_rust::{Algorithm, Argon2, Error, Hasher, Version};

use super::cost::Cost;

/// The memory of one thread, zeroed after each hash.
pub(super) struct Argon2Memory {
    hasher: Hasher,
    /// The memory of one hash of new passwords, in blocks of 1 KiB.
    blocks: usize,
    /// The number of computed hashes.
    #[cfg(test)]
    pub computed: usize,
}

impl Argon2Memory {
    /// Memory for hashes of at most this cost. The first of them allocates it.
    pub fn new(cost: Cost) -> Result<Self, String> {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?);
        Ok(Self {
            hasher: argon2.hasher(),
            blocks: blocks(&argon2),
            #[cfg(test)]
            computed: 0,
        })
    }

    /// Fills `digest`. A hash that needs more memory than is kept allocates it for this call.
    pub fn fill(
        &mut self,
        digest: &mut [u8],
        password: &[u8],
        salt: &[u8],
        argon2: Argon2,
    ) -> Result<(), Error> {
        #[cfg(test)]
        {
            self.computed += 1;
        }
        let length = TagLen::bytes(u64::try_from(digest.len()).unwrap_or(u64::MAX));
        let params = argon2.params().to_builder().tag_len(length).build()?;
        let argon2 = Argon2::new(argon2.algorithm(), argon2.version(), params);
        if blocks(&argon2) > self.blocks {
            return argon2.hash_into(password, salt, digest);
        }
        self.hasher.set_argon2(argon2);
        self.hasher.hash_into(password, salt, digest)
    }

    /// Frees the memory until the next hash.
    pub fn release(&mut self) {
        self.hasher.clear();
    }

    /// The memory that is kept, in blocks of 1 KiB.
    #[cfg(test)]
    pub fn kept_blocks(&self) -> usize {
        self.hasher.reserved_blocks()
    }
}

fn blocks(argon2: &Argon2) -> usize {
    usize::try_from(argon2.params().memory_blocks()).unwrap_or(usize::MAX)
}

/// Checks the result of this machine's processor: its instructions are chosen at run time. A wrong hash that was stored
/// would lock its user out.
pub(super) fn check_processor() -> Result<(), String> {
    let cost = Cost {
        memory_kib: 32,
        iterations: 3,
        parallelism: 4,
    };
    let mut tag = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?)
        .hash_into_with_ad(&[1; 32], &[2; 16], &[3; 8], &[4; 12], &mut tag)
        .map_err(|error| error.to_string())?;
    if tag == RFC_9106_TAG {
        Ok(())
    } else {
        Err("this processor computes a wrong Argon2id hash".to_owned())
    }
}

/// The tag of the test vector in RFC 9106 §5.3.
const RFC_9106_TAG: [u8; 32] = [
    0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37, 0xa3, 0x4a, 0x8b, 0x53, 0xc9,
    0xd0, 0x1e, 0xf0, 0x45, 0x2d, 0x75, 0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9, 0x6b, 0x01, 0xe6, 0x59,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The digest by the crate argon2.
    fn reference(password: &[u8], salt: &[u8], argon2: Argon2, length: usize) -> Vec<u8> {
        let params = argon2.params();
        let params =
            argon2::Params::new(params.memory_kib(), params.passes(), params.lanes(), None);
        let algorithm = argon2::Algorithm::new(argon2.algorithm().as_str()).unwrap();
        let version = argon2::Version::try_from(argon2.version().as_u32()).unwrap();
        let mut digest = vec![0; length];
        argon2::Argon2::new(algorithm, version, params.unwrap())
            .hash_password_into(password, salt, &mut digest)
            .unwrap();
        digest
    }

    fn assert_equals_reference(
        memory: &mut Argon2Memory,
        (password, salt, length): (&[u8], &[u8], usize),
        argon2: Argon2,
    ) {
        let mut digest = vec![0; length];
        memory.fill(&mut digest, password, salt, argon2).unwrap();
        assert_eq!(
            digest,
            reference(password, salt, argon2, length),
            "{argon2:?}"
        );
    }

    fn costs() -> impl Strategy<Value = Cost> {
        (1..=16_u32, 1..=4_u32).prop_flat_map(|(parallelism, iterations)| {
            (8 * parallelism..=600).prop_map(move |memory_kib| Cost {
                memory_kib,
                iterations,
                parallelism,
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn all_variants_and_costs_give_the_hashes_of_the_argon2_crate(
            hashes in prop::collection::vec(
                (
                    (0..3_u32, prop::bool::ANY, costs()),
                    prop::collection::vec(any::<u8>(), 0..300),
                    prop::collection::vec(any::<u8>(), 8..49),
                    10..65_usize,
                ),
                1..4,
            )
        ) {
            // Kept between the hashes, some of which are larger.
            let mut memory = Argon2Memory::new(Cost { memory_kib: 256, iterations: 1, parallelism: 1 }).unwrap();
            for ((algorithm, is_old, cost), password, salt, length) in hashes {
                let algorithm = Algorithm::from_u32(algorithm).unwrap();
                let version = if is_old { Version::V0x10 } else { Version::V0x13 };
                let argon2 = Argon2::new(algorithm, version, cost.params().unwrap());
                assert_equals_reference(&mut memory, (&password, &salt, length), argon2);
            }
        }
    }

    #[test]
    fn the_default_cost_gives_the_hashes_of_the_argon2_crate() {
        let cost = Cost {
            memory_kib: 19456,
            iterations: 2,
            parallelism: 1,
        };
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params().unwrap());
        let mut memory = Argon2Memory::new(cost).unwrap();
        for password in [&b"correct horse battery staple"[..], b"", b"\0"] {
            let input = (password, &b"0123456789abcdef"[..], 32);
            assert_equals_reference(&mut memory, input, argon2);
        }
        assert_eq!(memory.kept_blocks(), 19456);
        memory.release();
        assert_eq!(memory.kept_blocks(), 0);
        let input = (&b"again"[..], &b"0123456789abcdef"[..], 32);
        assert_equals_reference(&mut memory, input, argon2);
    }

    #[test]
    fn the_processor_computes_the_test_vector_of_rfc_9106() {
        assert_eq!(check_processor(), Ok(()));
    }
}
