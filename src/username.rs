//! Usernames in one normalized form: PRECIS `UsernameCaseMapped` (RFC 8265 §3.3).

use std::fmt;

use precis_profiles::UsernameCaseMapped;
use precis_profiles::precis_core::profile::{PrecisFastInvocation, stabilize};

/// Maximum length in bytes of UTF-8 after mapping.
const LENGTH_MAX: usize = 255;

/// Maximum length before mapping: the time of some of the profile's rules grows with the square of the
/// length. Mapping shortens full-width and decomposed letters to about a third.
const TYPED_LENGTH_MAX: usize = 4 * LENGTH_MAX;

/// The name with which a user signs in: in lower case, half width and Unicode NFC, without spaces. Equal
/// usernames name the same user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Username(String);

impl Username {
    /// Maps `text` to the form in which usernames are stored and compared.
    pub fn parse(text: &str) -> Result<Self, UsernameError> {
        if text.is_empty() {
            return Err(UsernameError::Empty);
        }
        if text.len() > TYPED_LENGTH_MAX {
            return Err(UsernameError::TooLong);
        }
        // "An implementation SHOULD apply the rules repeatedly until the output string is stable"
        // (RFC 8264 §7).
        let mapped = stabilize(text, |text| UsernameCaseMapped::enforce(text))
            .map_err(|_| UsernameError::Disallowed)?;
        if mapped.len() > LENGTH_MAX {
            return Err(UsernameError::TooLong);
        }
        Ok(Self(mapped.into_owned()))
    }

    /// The mapped name, 1 to 255 bytes.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The reason why a text is not a username, for the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// The text is empty.
    #[error("a username has at least one character")]
    Empty,
    /// More than 255 bytes after mapping.
    #[error("a username has at most 255 bytes: 255 plain letters, fewer of other scripts")]
    TooLong,
    /// A character, or an order of characters, that the profile does not allow.
    #[error(
        "a username consists of letters and digits of any language and of signs on an English keyboard, \
         such as . _ - + @, without spaces, emoji or invisible characters; letters that run from right \
         to left and others do not mix"
    )]
    Disallowed,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_parsed(text: &str, mapped: &str) {
        assert_eq!(
            Username::parse(text).as_ref().map(Username::as_str),
            Ok(mapped),
            "{text:?}"
        );
    }

    #[test]
    fn case_width_and_composition_do_not_distinguish_users() {
        assert_parsed("alice", "alice");
        assert_parsed("Alice", "alice");
        assert_parsed("ＡＬＩＣＥ", "alice");
        assert_parsed("ÉLOÏSE", "éloïse");
        assert_parsed("e\u{301}lo\u{ef}se", "éloïse");
        assert_parsed("ｶﾞ", "ガ");
        assert_parsed("Ἀχιλλεύς", "ἀχιλλεύς");
    }

    #[test]
    fn email_addresses_and_other_scripts_are_allowed() {
        assert_parsed("Alice.Smith+x@Example.com", "alice.smith+x@example.com");
        assert_parsed("o'neil_1-2", "o'neil_1-2");
        assert_parsed("日本太郎", "日本太郎");
        assert_parsed("דוד", "דוד");
    }

    #[test]
    fn spaces_controls_and_invisible_characters_are_refused() {
        for text in [
            " ",
            "a b",
            " a",
            "a\u{a0}b",
            "a\u{3000}b",
            "a\tb",
            "a\0",
            "a\nb",
            "a\u{7f}",
            "a\u{85}",
            "\u{202e}ecila",
            "a\u{200b}b",
            "a\u{feff}",
            "a\u{200d}b",
            "a\u{ad}b",
            "\u{e000}",
            "🦀",
            "ﬁ",
            "\u{5d0}a",
            "½",
            "€",
        ] {
            assert_eq!(
                Username::parse(text),
                Err(UsernameError::Disallowed),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_username_has_1_to_255_bytes_after_mapping() {
        assert_eq!(Username::parse(""), Err(UsernameError::Empty));
        assert_parsed(&"Ａ".repeat(255), &"a".repeat(255));
        for text in ["a".repeat(256), "é".repeat(128), "e".repeat(1021)] {
            assert_eq!(Username::parse(&text), Err(UsernameError::TooLong));
        }
    }

    #[test]
    fn a_long_text_is_refused_before_mapping() {
        // The rule for this character scans the whole text.
        let text = "\u{30fb}".repeat(1_000_000);
        assert_eq!(Username::parse(&text), Err(UsernameError::TooLong));
    }

    // The lower case of these Cherokee letters is newer than the profile's tables.
    #[test]
    fn a_name_that_would_change_when_mapped_again_is_refused() {
        assert_eq!(Username::parse("ᎠᎡ"), Err(UsernameError::Disallowed));
    }

    #[test]
    fn messages_are_printable() {
        for error in [
            UsernameError::Empty,
            UsernameError::TooLong,
            UsernameError::Disallowed,
        ] {
            let message = error.to_string();
            assert!(
                message
                    .chars()
                    .all(|letter| letter == ' ' || letter.is_ascii_graphic())
            );
        }
    }

    proptest! {
        #[test]
        fn parsing_twice_changes_nothing(text in r"\PC{1,40}|[\p{L}\p{M}\p{Nd}@.]{1,20}") {
            if let Ok(username) = Username::parse(&text) {
                prop_assert_eq!(Username::parse(username.as_str()), Ok(username.clone()));
            }
        }
    }
}
