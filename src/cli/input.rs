//! Secrets that commands read from a prompt or from standard input. Arguments are visible to all users of the
//! machine.

use std::io::{self, IsTerminal as _};

use super::CommandError;
use crate::secret::{Secret, without_line_ending};

/// Reads a new password: twice from a terminal, else the first line of standard input.
pub fn new_password() -> Result<Secret, CommandError> {
    let password = if io::stdin().is_terminal() {
        let first = Secret::new(rpassword::prompt_password("New password: ")?);
        let second = Secret::new(rpassword::prompt_password("Repeat the password: ")?);
        if first.expose() != second.expose() {
            return Err(CommandError::new(
                "the passwords differ; nothing was changed",
            ));
        }
        first
    } else {
        line()?
    };
    if password.expose().is_empty() {
        return Err(CommandError::new(
            "the password is empty; nothing was changed",
        ));
    }
    Ok(password)
}

/// Reads the first line of standard input.
pub fn line() -> Result<Secret, CommandError> {
    let mut text = String::new();
    io::stdin().read_line(&mut text)?;
    text.truncate(without_line_ending(&text).len());
    Ok(Secret::new(text))
}
