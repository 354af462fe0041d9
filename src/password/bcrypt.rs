//! bcrypt, with its own format and Base64 alphabet. It uses at most 72 bytes of a password.

use base64::Engine;
use base64::alphabet::BCRYPT;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::cost::within;

/// The highest cost. The bounds of all other imported hashes follow from its time: a quarter of a second.
pub(super) const COST_MAX: u32 = 12;

/// Bytes that bcrypt uses: the password and a zero byte, cut to this length.
pub(super) const KEY_LENGTH: usize = 72;

/// The last letter of a salt may have unused bits set. crypt(3) ignores them.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &BCRYPT,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// A parsed bcrypt hash.
pub(super) struct BcryptHash {
    pub cost: u32,
    pub salt: Vec<u8>,
    pub digest: Vec<u8>,
}

/// Parses a hash that begins with `$2a$`, `$2b$` or `$2y$`.
pub(super) fn parse(text: &str) -> Result<BcryptHash, String> {
    let malformed = || "not of the form $2b$NN$, 22 letters of salt, 31 of hash".to_owned();
    let mut fields = text.split('$').skip(2);
    let (Some(cost), Some(letters), None) = (fields.next(), fields.next(), fields.next()) else {
        return Err(malformed());
    };
    let (salt, digest) = letters.split_at_checked(22).ok_or_else(malformed)?;
    let two_digits = cost.len() == 2 && cost.bytes().all(|digit| digit.is_ascii_digit());
    if !two_digits || digest.len() != 31 {
        return Err(malformed());
    }
    let cost = cost.parse().map_err(|_| malformed())?;
    within("cost", cost, 4..=COST_MAX)?;
    Ok(BcryptHash {
        cost,
        salt: BASE64.decode(salt).map_err(|_| malformed())?,
        digest: BASE64.decode(digest).map_err(|_| malformed())?,
    })
}

/// Computes `digest`. A longer password is cut, as every bcrypt does.
pub(super) fn fill(
    digest: &mut [u8],
    password: &[u8],
    salt: &[u8],
    cost: u32,
) -> Result<(), String> {
    let salt = salt
        .try_into()
        .map_err(|_| "the salt is not 16 bytes long".to_owned())?;
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    for (place, byte) in key.iter_mut().zip(password) {
        *place = *byte;
    }
    let key = key.get(..=password.len()).unwrap_or(&*key);
    let computed = bcrypt::bcrypt(cost, salt, key);
    // bcrypt computes 24 bytes; its format holds 23.
    for (place, byte) in digest.iter_mut().zip(computed) {
        *place = byte;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The password of the hashes below, which other programs computed.
    const PASSWORD: &str = "correct horse battery stäple";

    fn matches(password: &str, text: &str) -> bool {
        let hash = parse(text).unwrap();
        let mut digest = vec![0; hash.digest.len()];
        fill(&mut digest, password.as_bytes(), &hash.salt, hash.cost).unwrap();
        digest == hash.digest
    }

    fn assert_hash_of_password(text: &str) {
        assert!(matches(PASSWORD, text), "{text}");
        assert!(!matches("correct horse battery staple", text), "{text}");
        assert!(!matches("", text), "{text}");
    }

    // libxcrypt 4.4 and Python's bcrypt 5.0.
    #[test]
    fn bcrypt_hashes_of_crypt_3_are_verified() {
        for phc in [
            "$2a$04$abcdefghijklmnopqrstuuUmjNXq1XyawyZ/BlKYVX3Rw7vQMuTEm",
            "$2b$04$abcdefghijklmnopqrstuuUmjNXq1XyawyZ/BlKYVX3Rw7vQMuTEm",
            "$2y$04$abcdefghijklmnopqrstuuUmjNXq1XyawyZ/BlKYVX3Rw7vQMuTEm",
            "$2b$05$abcdefghijklmnopqrstuuNMBgw8v.LYDAd79Dxy8HyapAMbTF6uO",
        ] {
            assert_hash_of_password(phc);
        }
        assert!(matches(
            "",
            "$2b$04$abcdefghijklmnopqrstuubyCG3zY1GIXMyxfivm.ClDiInHzxjiq"
        ));
    }

    // Some scripts generate salts of 22 random letters, two bits of which are unused.
    #[test]
    fn unused_bits_of_a_bcrypt_salt_are_ignored() {
        assert_hash_of_password("$2a$04$abcdefghijklmnopqrstuvUmjNXq1XyawyZ/BlKYVX3Rw7vQMuTEm");
    }

    #[test]
    fn bcrypt_uses_72_bytes_of_a_longer_password() {
        let digits = "0123456789".repeat(8);
        let phc = "$2b$04$abcdefghijklmnopqrstuum2G75IXDN/xsgbNa/hCiPSKyIHQd70S";
        assert!(matches(&digits, phc));
        assert!(matches(&digits[..72], phc));
        assert!(!matches(&digits[..71], phc));
        let of_71 = "$2b$04$abcdefghijklmnopqrstuukow.iL/GuIgNNTSpCKVqIJG617.YQsi";
        assert!(matches(&digits[..71], of_71));
        assert!(!matches(&digits[..72], of_71));
    }

    #[test]
    fn a_malformed_bcrypt_hash_is_refused() {
        let good = "$2b$04$abcdefghijklmnopqrstuuUmjNXq1XyawyZ/BlKYVX3Rw7vQMuTEm";
        assert!(parse(good).is_ok());
        for (part, other) in [
            ("$04$", "$+4$"),
            ("$04$", "$4$"),
            ("uuUmj", "uUmj"),
            ("uuUmj", "uu=mj"),
            // A character of three bytes where the salt ends.
            ("stuuU", "stu€"),
            ("TEm", "TEm$"),
        ] {
            let text = good.replace(part, other);
            assert!(parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_cost_out_of_bounds_is_refused() {
        for cost in ["00", "03", "13", "31", "99"] {
            let text = "$2b$NN$abcdefghijklmnopqrstuuUmjNXq1XyawyZ/BlKYVX3Rw7vQMuTEm";
            let reason = parse(&text.replace("NN", cost)).err().unwrap();
            assert!(reason.ends_with("; from 4 to 12 is accepted"), "{reason}");
        }
    }
}
