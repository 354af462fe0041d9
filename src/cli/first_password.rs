//! The generated password of the first user: shown once on a terminal, else kept in a file. Output that is no terminal
//! is often a log.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use super::CommandError;
use crate::bootstrap::ADMIN;
use crate::private_file::Draft;
use crate::secret::Secret;

/// How the operator learns the password.
pub enum FirstPassword {
    /// It is printed.
    Printed(Secret),
    /// It is in this file.
    Kept(PathBuf),
}

impl FirstPassword {
    /// Writes the password to a file in the data directory unless standard output is a terminal.
    pub fn of(password: Secret, data_dir: &Path) -> Result<Self, CommandError> {
        if io::stdout().is_terminal() {
            return Ok(Self::Printed(password));
        }
        let path = data_dir.join("admin-password");
        match write(&path, &password) {
            Ok(()) => {
                tracing::info!(path = %path.display(), "the password of {ADMIN} is in this file; delete it when you have read it");
                Ok(Self::Kept(path))
            }
            Err(error) => Err(CommandError::new(format!(
                "the user {ADMIN} was created with a random password, which cannot be written to {}: {error}; set \
                 another one with `jeton user password {ADMIN}`, then start the server again",
                path.display()
            ))),
        }
    }

    /// The text on the console.
    pub fn describe(&self) -> String {
        match self {
            Self::Printed(password) => format!(
                "The first user is {ADMIN:?}, with the password {}\n\
                 (shown only once; change it with `jeton user password {ADMIN}`)\n\n",
                password.expose()
            ),
            Self::Kept(path) => format!(
                "The first user is {ADMIN:?}. The file {} has the password\n\
                 (delete the file when you have read it; change the password with `jeton user password {ADMIN}`)\n\n",
                path.display()
            ),
        }
    }

    /// The parameter of curl that sends it.
    pub fn parameter(&self) -> String {
        match self {
            Self::Printed(password) => format!("-d password={}", password.expose()),
            Self::Kept(path) => {
                format!("--data-urlencode \"password=$(cat '{}')\"", path.display())
            }
        }
    }
}

/// Replaces a file that an earlier start has left behind.
fn write(path: &Path, password: &Secret) -> io::Result<()> {
    let (draft, mut file) = Draft::create(path)?;
    writeln!(file, "{}", password.expose())?;
    file.sync_all()?;
    draft.replace(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_on_a_terminal_is_in_the_text_and_in_the_command() {
        let password = FirstPassword::Printed(Secret::new("hunter2".to_owned()));
        assert!(password.describe().contains("with the password hunter2\n"));
        assert_eq!(password.parameter(), "-d password=hunter2");
    }

    #[test]
    fn a_password_in_a_file_replaces_that_of_a_start_that_was_killed() {
        let directory = tempfile::tempdir().unwrap();
        for password in ["first", "second"] {
            let path = directory.path().join("admin-password");
            write(&path, &Secret::new(password.to_owned())).unwrap();
            assert_eq!(
                std::fs::read_to_string(path).unwrap(),
                format!("{password}\n")
            );
        }
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
