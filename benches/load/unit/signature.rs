//! The CPU time of one RS256 signature on this machine.

use std::io;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};

use super::mean_cpu_time;

const MESSAGE: &[u8] = b"the header and the claims of an access token";

/// Mean of a signature with a parsed RSA-2048 key, in microseconds.
pub fn cpu_time() -> io::Result<f64> {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).map_err(io::Error::other)?;
    let random = SystemRandom::new();
    let mut signature = vec![0; key.public_modulus_len()];
    mean_cpu_time(|| {
        key.sign(&RSA_PKCS1_SHA256, &random, MESSAGE, &mut signature)
            .map_err(io::Error::other)
    })
}
