//! Names that are shown to people: of clients and of users.

/// Maximum length in bytes.
const MAX_LENGTH: usize = 255;

/// Checks that a name can be read, and cannot look like other text.
pub fn check(name: &str) -> Result<(), UnreadableName> {
    let trimmed = !name.is_empty() && name.trim() == name;
    if trimmed && name.len() <= MAX_LENGTH && !name.contains(is_misleading) {
        Ok(())
    } else {
        Err(UnreadableName)
    }
}

/// Changes of the writing direction, line breaks and invisible characters; but not the joiners, which Persian and others
/// are written with.
fn is_misleading(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{061c}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

/// The text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be 1 to {MAX_LENGTH} bytes of text, with no space at either end and no control or invisible characters"
)]
pub struct UnreadableName;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_control_or_invisible_characters() {
        for name in ["Alice Example", "علی‌رضا", "J", &"x".repeat(255)] {
            assert_eq!(check(name), Ok(()), "{name:?}");
        }
        for name in [
            "",
            " ",
            " a",
            "a ",
            "a\u{a0}",
            "a\nb",
            "a\0",
            "a\u{202e}b",
            "a\u{200b}b",
            "\u{feff}a",
            &"é".repeat(128),
        ] {
            assert_eq!(check(name), Err(UnreadableName), "{name:?}");
        }
    }
}
