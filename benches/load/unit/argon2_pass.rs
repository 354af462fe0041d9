//! The CPU time of one Argon2 pass by the crate `argon2`, with the server's parameters and kept memory.

use std::{io, thread};

use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::mean_cpu_time;

/// The defaults of the section `[password]`.
const MEMORY_KIB: u32 = 19456;
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
    let failed = |error: argon2::Error| io::Error::other(error.to_string());
    let params = Params::new(MEMORY_KIB, ITERATIONS, PARALLELISM, None).map_err(failed)?;
    let mut memory = vec![Block::new(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut digest = [0; 32];
    mean_cpu_time(|| {
        argon2
            .hash_password_into_with_memory(b"password", &[7; 16], &mut digest, &mut memory)
            .map_err(failed)
    })
}
