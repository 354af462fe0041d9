//! What may be registered: the rules that the command line and the admin door share, and how what passes
//! them is stored.

use std::fmt;

use sea_orm::DbErr;

/// The longest name, in bytes: what its column holds.
const LONGEST_NAME: usize = 255;

/// What is wrong with one field of a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The field, such as `grant_types`.
    pub field: &'static str,
    /// What would be right. Other fields stand in it between backticks.
    pub message: String,
}

impl Invalid {
    /// What is wrong with a field.
    #[must_use]
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self {
            field,
            message: message.into(),
        }
    }
}

/// Why nothing was registered or changed.
#[derive(Debug)]
pub enum Refused {
    /// What was asked for is wrong, and where.
    Invalid(Vec<Invalid>),
    /// There is one with this name or id already.
    Taken,
    /// There is none with this name or id.
    Unknown,
    /// It is not as it was any more.
    Stale,
    /// The store failed.
    Store(DbErr),
}

impl From<DbErr> for Refused {
    fn from(error: DbErr) -> Self {
        Self::Store(error)
    }
}

impl From<Invalid> for Refused {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(vec![invalid])
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

/// Checks a name that people read in lists and on pages: nothing in it may be taken for what stands
/// beside it.
///
/// # Errors
///
/// What a name is.
pub fn check_name(field: &'static str, name: &str) -> Result<(), Invalid> {
    let is_misleading = |letter: char| {
        letter.is_control()
            || matches!(
                letter,
                // What turns the direction of writing, breaks lines or cannot be seen; but not the
                // joiners, which Persian and others are written with.
                '\u{061c}'
                    | '\u{200b}'
                    | '\u{200e}'..='\u{200f}'
                    | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}'
                    | '\u{feff}'
            )
    };
    let trimmed = !name.is_empty() && name.trim() == name;
    if trimmed && name.len() <= LONGEST_NAME && !name.contains(is_misleading) {
        return Ok(());
    }
    Err(Invalid::new(
        field,
        format!(
            "must be 1 to {LONGEST_NAME} bytes of text, with no space at either end and no control or \
             invisible characters"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_a_person_can_read() {
        for name in [
            "Web",
            "日本語",
            "می‌خواهم",
            "Notes (staging)",
            &"x".repeat(255),
        ] {
            assert_eq!(check_name("name", name), Ok(()), "{name:?}");
        }
        let long = "x".repeat(256);
        let misleading = [
            "",
            " a",
            "a ",
            "a\nb",
            "a\u{1b}[31m",
            "a\u{202e}b",
            "a\u{200b}b",
            &long,
        ];
        for name in misleading {
            let invalid = check_name("name", name).unwrap_err();
            assert_eq!(invalid.field, "name", "{name:?}");
        }
    }
}
