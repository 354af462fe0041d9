//! The CPU time of one Argon2 pass by the crate `argon2-rust`, with the server's parameters and kept memory. It is the
//! fastest known implementation, and the server's.

use std::{io, thread};

use argon2_rust::params::Memory;
use argon2_rust::{Algorithm, Argon2, Error, Params, Version};

use super::mean_cpu_time;

/// The defaults of the section `[password]`.
const MEMORY_KIB: u64 = 19456;
const ITERATIONS: u32 = 2;
const PARALLELISM: u32 = 1;

/// Mean of a pass in microseconds, while each core computes one, as in the server.
pub fn cpu_time() -> io::Result<f64> {
    let cores = thread::available_parallelism()?.get();
    thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(on_one_thread)).collect();
        let mut whole = 0.0;
        let mut count = 0.0;
        for thread in threads {
            whole += thread
                .join()
                .map_err(|_| io::Error::other("a thread panicked"))??;
            count += 1.0;
        }
        Ok(whole / count)
    })
}

fn on_one_thread() -> io::Result<f64> {
    let failed = |error: Error| io::Error::other(error.to_string());
    let params = Params::builder()
        .memory(Memory::kib(MEMORY_KIB))
        .passes(ITERATIONS)
        .lanes(PARALLELISM)
        .threads(1)
        .build()
        .map_err(failed)?;
    let mut hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hasher();
    let mut digest = [0; 32];
    mean_cpu_time(|| {
        let outcome = hasher.hash_into(b"password", &[7; 16], &mut digest);
        outcome.map_err(failed)
    })
}
