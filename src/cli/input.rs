//! Secrets that commands read: from a prompt that shows nothing, or from standard input; never from
//! an argument, which every user of the machine could see.

use std::io::{self, IsTerminal as _};

use super::Failure;
use crate::secret::Secret;

/// A new password: asked twice on a terminal, else the first line of standard input.
pub fn new_password() -> Result<Secret, Failure> {
    let password = if io::stdin().is_terminal() {
        let first = Secret::new(rpassword::prompt_password("New password: ")?);
        let second = Secret::new(rpassword::prompt_password("Once more: ")?);
        if first.expose() != second.expose() {
            return Err(Failure::new("the two do not match; nothing was changed"));
        }
        first
    } else {
        line()?
    };
    if password.expose().is_empty() {
        return Err(Failure::new(
            "an empty password is none; nothing was changed",
        ));
    }
    Ok(password)
}

/// The first line of standard input.
pub fn line() -> Result<Secret, Failure> {
    let mut text = String::new();
    io::stdin().read_line(&mut text)?;
    let kept = text.trim_end_matches(['\r', '\n']).len();
    text.truncate(kept);
    Ok(Secret::new(text))
}
