//! Proof Key for Code Exchange, RFC 7636, with the method S256 alone.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::parameters::Parameters;
use crate::secret::Secret;
use crate::token::code::{CHALLENGE_LENGTH, digest_of};

/// The supported code challenge methods. With `plain`, the request itself contains the verifier.
pub const METHODS: [&str; 1] = ["S256"];

/// The digest of the code challenge of an authorization request; `None` if it has none. The error says what is wrong.
pub fn challenge(parameters: &Parameters) -> Result<Option<Vec<u8>>, &'static str> {
    let value = |name| parameters.find(name).map(Secret::expose);
    let Some(challenge) = value("code_challenge") else {
        return match value("code_challenge_method") {
            Some(_) => Err("code_challenge is missing."),
            None => Ok(None),
        };
    };
    // "defaults to "plain" if not present in the request", RFC 7636 §4.3.
    if !value("code_challenge_method").is_some_and(|method| METHODS.contains(&method)) {
        return Err("code_challenge_method must be S256.");
    }
    let digest = URL_SAFE_NO_PAD.decode(challenge);
    match digest
        .ok()
        .filter(|digest| digest.len() == CHALLENGE_LENGTH)
    {
        Some(digest) => Ok(Some(digest)),
        None => Err("code_challenge must be the base64url of a SHA-256 digest: 43 characters."),
    }
}

/// Checks the verifier of a token request against the challenge of the code. The error is for the log.
///
/// "Authorization servers MUST mitigate PKCE downgrade attacks by ensuring that a token request containing a
/// `code_verifier` parameter is accepted only if a `code_challenge` parameter was present in the authorization request",
/// RFC 9700 §2.1.1.
pub fn check_verifier(
    challenge: Option<&[u8]>,
    verifier: Option<&Secret>,
) -> Result<(), &'static str> {
    match (challenge, verifier) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err("a code_verifier, but the code has no code_challenge"),
        (Some(_), None) => Err("the code_verifier is missing"),
        (Some(challenge), Some(verifier)) => {
            let verifier = verifier.expose();
            if !is_well_formed(verifier) {
                return Err("the code_verifier is malformed");
            }
            verify_slices_are_equal(challenge, &digest_of(verifier))
                .map_err(|_| "the code_verifier is wrong")
        }
    }
}

/// "code-verifier = 43*128unreserved", RFC 7636 §4.1.
fn is_well_formed(verifier: &str) -> bool {
    let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&verifier.len()) && verifier.bytes().all(is_unreserved)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636 Appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn parse(challenge: &str, method: &str) -> Result<Option<Vec<u8>>, &'static str> {
        let query = format!("code_challenge={challenge}&code_challenge_method={method}");
        super::challenge(&Parameters::with_repeated(query.as_bytes()).unwrap())
    }

    /// row 71, row 72: the example of RFC 7636, Appendix B.
    #[test]
    fn the_verifier_of_the_rfc_matches_its_challenge() {
        let challenge = parse(CHALLENGE, "S256").unwrap();
        let check = |verifier: &str| {
            let verifier = Secret::new(verifier.to_owned());
            check_verifier(challenge.as_deref(), Some(&verifier))
        };
        assert_eq!(check(VERIFIER), Ok(()));
        assert!(check(&VERIFIER.replace('d', "e")).is_err());
        for malformed in [
            "",
            &VERIFIER[..42],
            &"a".repeat(129),
            &VERIFIER.replace('-', "+"),
        ] {
            assert_eq!(check(malformed), Err("the code_verifier is malformed"));
        }
        assert!(check_verifier(challenge.as_deref(), None).is_err());
    }

    /// row 72: a verifier without a challenge is a downgrade.
    #[test]
    fn a_verifier_without_a_challenge_is_refused() {
        let verifier = Secret::new(VERIFIER.to_owned());
        assert!(check_verifier(None, Some(&verifier)).is_err());
        assert_eq!(check_verifier(None, None), Ok(()));
    }

    /// row 71: "plain" and no method are refused; a challenge is 43 characters of base64url.
    #[test]
    fn only_s256_is_accepted() {
        for method in ["plain", "", "s256", "S512"] {
            assert!(parse(CHALLENGE, method).is_err(), "{method}");
        }
        for malformed in [
            &CHALLENGE[..42],
            &format!("{CHALLENGE}A"),
            &CHALLENGE.replace('-', "%2B"),
            &format!("{}%3D", &CHALLENGE[..42]),
        ] {
            assert!(parse(malformed, "S256").is_err(), "{malformed}");
        }
        assert_eq!(parse("", ""), Ok(None));
        assert!(parse("", "S256").is_err());
    }
}
