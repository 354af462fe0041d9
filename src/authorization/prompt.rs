//! The parameter `prompt`, OpenID Connect Core §3.1.2.1.

use crate::parameters::Parameters;
use crate::secret::Secret;

/// The values of `prompt` that the server supports.
pub const VALUES: [&str; 4] = ["none", "login", "consent", "select_account"];

/// Which pages a request asks for, or that it asks for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word of the parameter"
)]
pub struct Prompt {
    /// No page may be shown.
    pub none: bool,
    /// The user must authenticate, even if signed in.
    pub login: bool,
    /// The user must consent, even if there is a consent.
    pub consent: bool,
    /// The user must choose an account.
    pub select_account: bool,
}

impl Prompt {
    /// Parses the parameter. "If this parameter contains none with any other value, an error is returned." The error
    /// says what is wrong.
    pub fn parse(parameters: &Parameters) -> Result<Self, &'static str> {
        let text = parameters.find("prompt").map_or("", Secret::expose);
        let mut prompt = Self::default();
        for word in text.split_whitespace() {
            match word {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                _ => return Err("prompt has an unknown value."),
            }
        }
        if prompt.none && (prompt.login || prompt.consent || prompt.select_account) {
            return Err("prompt has none with another value.");
        }
        Ok(prompt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// row 88: none stands alone, and an unknown value is refused.
    #[test]
    fn prompt_is_a_list_of_known_values() {
        let parse = |text: &str| {
            Prompt::parse(&Parameters::with_repeated(format!("prompt={text}").as_bytes()).unwrap())
        };
        assert_eq!(parse(""), Ok(Prompt::default()));
        let prompt = parse("login+consent").unwrap();
        assert!(prompt.login && prompt.consent && !prompt.none && !prompt.select_account);
        assert!(parse("none").unwrap().none);
        for wrong in [
            "none+login",
            "none+consent",
            "none+select_account",
            "create",
            "Login",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
