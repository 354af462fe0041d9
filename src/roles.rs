//! Roles: what a user may do, by words that access tokens carry and APIs know.

use std::fmt;

/// How many roles a user has at most: each makes every access token longer.
pub const MOST: usize = 50;
/// The longest role, in bytes.
pub const LONGEST: usize = 64;

/// Joins roles to the form in which they are stored, separated by spaces; one named twice counts
/// once.
///
/// # Errors
///
/// [`InvalidRoles`] when there are too many, or one is not a word of visible ASCII characters.
pub fn parse<R: AsRef<str>>(roles: &[R]) -> Result<String, InvalidRoles> {
    let mut known: Vec<&str> = Vec::new();
    for role in roles {
        let role = role.as_ref();
        let visible = role.bytes().all(|byte| byte.is_ascii_graphic());
        if role.is_empty() || role.len() > LONGEST || !visible {
            return Err(InvalidRoles);
        }
        if !known.contains(&role) {
            known.push(role);
        }
        if known.len() > MOST {
            return Err(InvalidRoles);
        }
    }
    Ok(known.join(" "))
}

/// Roles that a user cannot have.
#[derive(Debug, PartialEq, Eq)]
pub struct InvalidRoles;

impl fmt::Display for InvalidRoles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a user has at most {MOST} roles, each a word of 1 to {LONGEST} visible ASCII characters"
        )
    }
}

impl std::error::Error for InvalidRoles {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_one_short_word() {
        assert_eq!(parse::<&str>(&[]).as_deref(), Ok(""));
        assert_eq!(parse(&["b", "a", "b"]).as_deref(), Ok("b a"));
        for role in ["", " ", "a b", "a\n", "é", "\u{202e}a", &"a".repeat(65)] {
            assert_eq!(parse(&[role]), Err(InvalidRoles), "{role:?}");
        }
        let many: Vec<String> = (0..10_000).map(|n| format!("role-{n}")).collect();
        assert_eq!(parse(&many), Err(InvalidRoles));
        assert!(parse(&many[..MOST]).is_ok());
    }
}
