//! Roles of users, as access tokens contain them.

/// Maximum number of roles of a user: each makes every access token longer.
const COUNT_MAX: usize = 50;
/// Maximum length of a role in bytes.
const LENGTH_MAX: usize = 64;

/// Joins roles with spaces, as they are stored; a repeated role counts once.
pub fn parse<R: AsRef<str>>(roles: &[R]) -> Result<String, InvalidRoles> {
    let mut known: Vec<&str> = Vec::new();
    for role in roles {
        let role = role.as_ref();
        let visible = role.bytes().all(|byte| byte.is_ascii_graphic());
        if role.is_empty() || role.len() > LENGTH_MAX || !visible {
            return Err(InvalidRoles);
        }
        if !known.contains(&role) {
            known.push(role);
        }
        if known.len() > COUNT_MAX {
            return Err(InvalidRoles);
        }
    }
    Ok(known.join(" "))
}

/// Too many roles, or a malformed one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a user has at most {count} roles, each a word of 1 to {length} visible ASCII characters",
    count = COUNT_MAX,
    length = LENGTH_MAX
)]
pub struct InvalidRoles;

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
        assert!(parse(&many[..COUNT_MAX]).is_ok());
    }
}
