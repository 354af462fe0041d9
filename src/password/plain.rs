//! A password as typed, in one Unicode form (RFC 8265 §4.2.2: normalization rule).

use unicode_normalization::UnicodeNormalization;

use crate::secret::Secret;

/// A password as typed, in Unicode NFC: keyboards send "é" in different forms.
///
/// Unlike RFC 8265's `OpaqueString`, it keeps spaces and control characters and may be empty, because
/// imported hashes were computed without that profile. Wiped on drop, not printed by `Debug`.
#[derive(Debug)]
pub struct Password {
    normalized: Secret,
    /// As typed, if NFC changed it: other systems hash that.
    typed: Option<Secret>,
}

impl Password {
    /// `text`, and its NFC. The caller wipes its own copy.
    pub fn new(text: &str) -> Self {
        // NFC lengthens UTF-8 at most threefold (UAX #15), so the string is never reallocated, which
        // would leave a copy that is not wiped.
        let mut normalized = String::with_capacity(text.len().saturating_mul(3));
        normalized.extend(text.nfc());
        let typed = (normalized != text).then(|| Secret::new(text.to_owned()));
        Self {
            normalized: Secret::new(normalized),
            typed,
        }
    }

    /// Whether both are the same password.
    pub fn is(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }

    /// The bytes that are hashed: UTF-8, without a terminator.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.text().as_bytes()
    }

    /// The bytes as typed, if NFC changed them.
    pub(super) fn typed_bytes(&self) -> Option<&[u8]> {
        self.typed.as_ref().map(|typed| typed.expose().as_bytes())
    }

    pub(super) fn text(&self) -> &str {
        self.normalized.expose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        Password::new(text).as_bytes().to_vec()
    }

    #[test]
    fn composed_and_decomposed_letters_are_one_password() {
        assert_eq!(bytes("e\u{301}"), bytes("\u{e9}"));
        assert_eq!(bytes("\u{1112}\u{1161}\u{11ab}"), bytes("\u{d55c}"));
    }

    #[test]
    fn the_typed_form_is_kept_if_nfc_changes_it() {
        let password = Password::new("e\u{301}");
        assert_eq!(password.typed_bytes(), Some("e\u{301}".as_bytes()));
        assert_eq!(Password::new("\u{e9}").typed_bytes(), None);
    }

    #[test]
    fn only_the_unicode_form_is_changed() {
        for text in [
            "",
            " ",
            "\0",
            "a\0b",
            "PassWord ",
            "\u{3000}ﬁ",
            "🦀👩‍👩‍👧",
            "\u{202e}x\r\n",
        ] {
            assert_eq!(bytes(text), text.as_bytes());
        }
    }

    #[test]
    fn nfc_lengthens_a_text_at_most_threefold() {
        // The worst case of UAX #15, table "Maximum expansion factor".
        let text = "\u{1d160}".repeat(40);
        let password = Password::new(&text);
        assert_eq!(password.as_bytes().len(), 3 * text.len());
    }

    #[test]
    fn debug_prints_no_password() {
        let printed = format!("{:?}", Password::new("hunter2e\u{301}"));
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
