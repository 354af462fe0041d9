//! The CPU time of one RS256 signature on this machine, the unit for the CPU time of a refresh.

use std::{
    io,
    time::{Duration, Instant},
};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};

use crate::server;

const TIME: Duration = Duration::from_secs(2);
const BATCH: u32 = 64;
const OWN_THREAD: &str = "/proc/thread-self/stat";

/// Mean CPU time of a signature with a parsed RSA-2048 key, measured for two seconds.
pub fn cpu_time() -> io::Result<Duration> {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(io::Error::other)?;
    sign(&key, BATCH)?;

    let start = Instant::now();
    let cpu_before = server::cpu_time(OWN_THREAD)?;
    let mut signatures = 0;
    while start.elapsed() < TIME {
        sign(&key, BATCH)?;
        signatures += BATCH;
    }
    Ok(server::cpu_time(OWN_THREAD)?.saturating_sub(cpu_before) / signatures.max(1))
}

fn sign(key: &RsaKeyPair, times: u32) -> io::Result<()> {
    let random = SystemRandom::new();
    let mut signature = vec![0; key.public_modulus_len()];
    for count in 0..times {
        key.sign(
            &RSA_PKCS1_SHA256,
            &random,
            &count.to_be_bytes(),
            &mut signature,
        )
        .map_err(io::Error::other)?;
    }
    Ok(())
}
