//! The file that holds the root secrets: read, or made whole with the first one.

use std::io::{self, Read as _, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::{Zeroize as _, Zeroizing};

use super::{LENGTH, RootSecretError, RootSecrets};
use crate::secret::random_bytes;

impl RootSecrets {
    /// Reads the file at `path`; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`RootSecretError::File`].
    pub fn read(path: &Path) -> Result<Option<Self>, RootSecretError> {
        let failed = |why| RootSecretError::File(path.to_owned(), why);
        let mut text = Zeroizing::new(String::new());
        match std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text)) {
            Ok(_) => match Self::parse(&text) {
                Ok(found) => Ok(Some(found)),
                Err(error) => Err(failed(error.to_string())),
            },
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(failed(format!("cannot be read: {error}"))),
        }
    }

    /// Reads the file at `path`; when there is none, makes a secret and writes it there, readable
    /// by its owner alone (mode 0600).
    ///
    /// # Errors
    ///
    /// [`RootSecretError::File`].
    pub fn open_or_create(path: &Path) -> Result<Self, RootSecretError> {
        let failed = |error: io::Error| {
            RootSecretError::File(path.to_owned(), format!("cannot be made: {error}"))
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

/// A file that is there is there whole: another process may read it at any moment, and this one may
/// end at any moment. So it is written under another name first.
fn create(path: &Path, text: &str) -> io::Result<()> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}", URL_SAFE_NO_PAD.encode(random_bytes::<9>())));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(&draft)?;
    let made = writeln!(file, "{text}")
        .and_then(|()| file.sync_all())
        // Unlike a rename, a link replaces nothing.
        .and_then(|()| std::fs::hard_link(&draft, path));
    std::fs::remove_file(&draft)?;
    made?;
    // The name must survive a power cut too: without this file the database cannot be opened.
    match path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        Some(parent) => std::fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Nothing is below a file either; whoever makes the directory will say so.
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
    fn a_new_file_is_readable_by_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root-secret");
        let made = RootSecrets::open_or_create(&path).unwrap();
        let read = RootSecrets::open_or_create(&path).unwrap();
        let mac = made.sign_refresh_token(b"x");
        assert!(read.verify_refresh_token(b"x", mac.as_ref()));
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
