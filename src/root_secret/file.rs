//! The file of the root secrets: reading and atomic creation.

use std::io::{self, Read as _, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::{Zeroize as _, Zeroizing};

use super::RootSecrets;
use super::derived::LENGTH;
use super::error::RootSecretError;
use crate::credential;
use crate::private_file::{Draft, mode_for_others};
use crate::secret::random_bytes;

impl RootSecrets {
    /// Reads the file at `path`; `None` when there is none.
    pub fn read(path: &Path) -> Result<Option<Self>, RootSecretError> {
        let Some(text) = content(path)? else {
            return Ok(None);
        };
        match Self::parse(&text) {
            Ok(found) => Ok(Some(found)),
            Err(error) => {
                let why = format!("{error}{}", credential::hint(path));
                Err(RootSecretError::File(path.to_owned(), why))
            }
        }
    }

    /// Reads the file at `path`. If there is none, creates it with a new secret, readable only by its owner
    /// (mode 0600).
    pub fn open_or_create(path: &Path) -> Result<Self, RootSecretError> {
        let failed = |error: io::Error| {
            let why = format!(
                "there is no such file, and it cannot be created: {error}; write a root secret there, such as `openssl \
                 rand -base64 32` prints, or set root_secret.file to its path{}",
                credential::hint(path)
            );
            RootSecretError::File(path.to_owned(), why)
        };
        let mut bytes = random_bytes::<LENGTH>();
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes));
        bytes.zeroize();
        match create(path, &text) {
            Ok(()) => Self::parse(&text),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Self::read(path)?.ok_or_else(|| failed(error))
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// The text of the file; `None` when there is none. All users of the machine must not be able to read it.
pub(super) fn content(path: &Path) -> Result<Option<Zeroizing<String>>, RootSecretError> {
    let failed = |why| RootSecretError::File(path.to_owned(), why);
    let mut text = Zeroizing::new(String::new());
    let read = std::fs::File::open(path).and_then(|mut file| {
        file.read_to_string(&mut text)?;
        mode_for_others(&file)
    });
    match read {
        Ok(None) => Ok(Some(text)),
        Ok(Some(mode)) => Err(failed(format!(
            "can be read by all users of this machine (mode {mode:o}), who could sign in as any user; run \
             `chmod o= {}`, or let the system that writes it do so. If others may have read it, replace it: \
             `jeton secret add`",
            path.display()
        ))),
        Err(error) if is_absence(&error) => Ok(None),
        Err(error) => Err(failed(format!("cannot be read: {error}"))),
    }
}

/// Writes the file under another name first: another process may read it at any moment, and this one may
/// end at any moment.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let (draft, mut file) = Draft::create(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    draft.publish(path)
}

/// A path below a file is absent, too; creating its directory reports the error.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_readable_only_by_its_owner() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root-secret");
        let created = RootSecrets::open_or_create(&path).unwrap();
        let read = RootSecrets::open_or_create(&path).unwrap();
        let mac = created.sign_refresh_token(b"x");
        assert!(read.verify_refresh_token(b"x", mac.as_ref()));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
