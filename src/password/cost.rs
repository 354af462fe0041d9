//! The cost of an Argon2 hash (RFC 9106 §3.1) and its bounds.

use std::fmt::Display;
use std::ops::RangeInclusive;

use argon2_rust::Params;
use argon2_rust::params::Memory;

/// Maximum memory of a hash of this server in KiB: 256 MiB. Each thread of the pool may use as much.
pub(super) const MEMORY_MAX_KIB: u32 = 256 * 1024;

/// Maximum passes over the memory. With the maximum of memory they take a few seconds.
pub(super) const ITERATIONS_MAX: u32 = 32;

/// Maximum lanes. A hash is computed on one thread, so more lanes do not cost more.
pub(super) const PARALLELISM_MAX: u32 = 16;

/// Minimum memory in OWASP's Password Storage Cheat Sheet, in KiB.
const MEMORY_ADVISED_KIB: u32 = 7168;

/// Minimum of memory times iterations there: 7168 KiB with 5 iterations.
const WORK_ADVISED: u64 = 5 * 7168;

/// Argon2id cost, RFC 9106 §3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory of one hash in KiB (`m`), at least 8 for each lane.
    pub memory_kib: u32,
    /// Passes over the memory (`t`).
    pub iterations: u32,
    /// Lanes (`p`). One thread computes them in turn, so more lanes are not faster.
    pub parallelism: u32,
}

impl Cost {
    /// A cheap cost for tests.
    #[cfg(test)]
    pub(super) const TINY: Self = Self {
        memory_kib: 64,
        iterations: 1,
        parallelism: 1,
    };

    /// Checks the cost of new hashes. The error names the wrong value and recommended ones.
    pub fn check(&self) -> Result<(), String> {
        self.params()?;
        let work = u64::from(self.memory_kib) * u64::from(self.iterations);
        if self.memory_kib < MEMORY_ADVISED_KIB || work < WORK_ADVISED {
            return Err(format!(
                "memory {} KiB with {} iterations makes passwords too cheap to guess; use \
                 19456 KiB with 2 iterations, 7168 KiB with 5, or more",
                self.memory_kib, self.iterations
            ));
        }
        Ok(())
    }

    /// The parameters for the crate argon2-rust, within the bounds for stored hashes.
    pub(super) fn params(self) -> Result<Params, String> {
        within("parallelism", self.parallelism, 1..=PARALLELISM_MAX)?;
        within("iterations", self.iterations, 1..=ITERATIONS_MAX)?;
        within(
            "memory in KiB",
            self.memory_kib,
            8 * self.parallelism..=MEMORY_MAX_KIB,
        )?;
        Params::builder()
            .memory(Memory::kib(self.memory_kib.into()))
            .passes(self.iterations)
            .lanes(self.parallelism)
            .threads(1)
            .build()
            .map_err(|error| error.to_string())
    }
}

/// Checks that `value` is in `range`. The error names the value and the range.
pub(super) fn within<T: Copy + PartialOrd + Display>(
    name: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), String> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    Err(format!(
        "{name} is {value}; from {least} to {most} is accepted"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(memory_kib: u32, iterations: u32, parallelism: u32) -> Result<(), String> {
        Cost {
            memory_kib,
            iterations,
            parallelism,
        }
        .check()
    }

    #[test]
    fn the_costs_that_owasp_and_rfc_9106_recommend_are_accepted() {
        let owasp = [(47104, 1), (19456, 2), (12288, 3), (9216, 4), (7168, 5)];
        for (memory_kib, iterations) in owasp {
            assert_eq!(check(memory_kib, iterations, 1), Ok(()));
        }
        assert_eq!(check(65536, 3, 4), Ok(()));
        assert_eq!(check(262_144, 32, 16), Ok(()));
    }

    #[test]
    fn the_error_for_a_cheap_cost_names_a_sufficient_one() {
        for (memory_kib, iterations) in [(19, 2), (64, 1), (7167, 32), (19456, 1)] {
            let message = check(memory_kib, iterations, 1).unwrap_err();
            assert!(message.contains("19456 KiB with 2 iterations"), "{message}");
        }
    }

    #[test]
    fn the_error_for_a_value_out_of_bounds_names_the_bounds() {
        for (cost, message) in [
            (
                (262_145, 1, 1),
                "memory in KiB is 262145; from 8 to 262144 is accepted",
            ),
            (
                (31, 1, 4),
                "memory in KiB is 31; from 32 to 262144 is accepted",
            ),
            ((65536, 0, 1), "iterations is 0; from 1 to 32 is accepted"),
            ((65536, 33, 1), "iterations is 33; from 1 to 32 is accepted"),
            ((65536, 3, 0), "parallelism is 0; from 1 to 16 is accepted"),
            (
                (65536, 3, u32::MAX),
                "parallelism is 4294967295; from 1 to 16 is accepted",
            ),
        ] {
            assert_eq!(check(cost.0, cost.1, cost.2).unwrap_err(), message);
        }
    }
}
