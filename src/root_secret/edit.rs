//! Changes of the file of the root secrets. Each replaces the file atomically.

use std::fs::{self, Metadata, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::{Zeroize as _, Zeroizing};

use super::derived::LENGTH;
use super::error::RootSecretError;
use super::{RootSecrets, file};
use crate::private_file::Draft;
use crate::secret::random_bytes;

/// Of the file's permissions, those that a new file may have, too: the group may be that of the server.
const KEPT: u32 = 0o640;
const OWNER_ONLY: u32 = 0o600;

/// Why the file was not replaced; it is as before.
#[derive(Debug, thiserror::Error)]
pub enum NotReplaced {
    /// The file system, or the permissions.
    #[error("cannot be replaced: {0}")]
    Io(#[from] io::Error),
    /// Another program has changed it.
    #[error("was changed meanwhile; run the command again")]
    Changed,
}

/// The root secrets of a file, to be changed and written.
pub struct EditableFile {
    /// The file itself, if the configured path is a link.
    path: PathBuf,
    read: Zeroizing<String>,
    secrets: Vec<Zeroizing<String>>,
}

impl EditableFile {
    /// Reads the file at `path`; `None` when there is none.
    pub fn read(path: &Path) -> Result<Option<Self>, RootSecretError> {
        let Some(read) = file::content(path)? else {
            return Ok(None);
        };
        let failed =
            |error| RootSecretError::File(path.to_owned(), format!("cannot be read: {error}"));
        let words = read.split_whitespace();
        Ok(Some(Self {
            path: path.canonicalize().map_err(failed)?,
            secrets: words.map(|word| Zeroizing::new(word.to_owned())).collect(),
            read,
        }))
    }

    /// Adds a new root secret at the end.
    pub fn add(&mut self) {
        let mut bytes = random_bytes::<LENGTH>();
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes));
        bytes.zeroize();
        self.secrets.push(secret);
    }

    /// Moves the last root secret to the beginning.
    pub fn promote_last(&mut self) {
        self.secrets.rotate_right(1);
    }

    /// Removes the last root secret.
    pub fn remove_last(&mut self) {
        self.secrets.pop();
    }

    /// The root secrets as they are written.
    pub fn secrets(&self) -> Result<RootSecrets, RootSecretError> {
        RootSecrets::parse(&self.text())
    }

    /// Replaces the file. A crash leaves the former or the new one. Owner and group stay.
    pub fn write(&self) -> Result<(), NotReplaced> {
        let former = fs::metadata(&self.path)?;
        let (draft, mut file) = Draft::create(&self.path)?;
        give_to_owner(&file, &former)?;
        file.write_all(self.text().as_bytes())?;
        file.sync_all()?;
        if *Zeroizing::new(fs::read_to_string(&self.path)?) != *self.read {
            return Err(NotReplaced::Changed);
        }
        Ok(draft.replace(&self.path)?)
    }

    /// A line for each root secret.
    fn text(&self) -> Zeroizing<String> {
        let length = self.secrets.iter().map(|secret| secret.len() + 1).sum();
        // A text that grows leaves copies in memory.
        let mut text = Zeroizing::new(String::with_capacity(length));
        for secret in &self.secrets {
            text.push_str(secret);
            text.push('\n');
        }
        text
    }
}

/// Lets those read the new file who could read the former one, but not everyone.
fn give_to_owner(file: &fs::File, former: &Metadata) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (former.uid(), former.gid()) {
        fchown(file, Some(former.uid()), Some(former.gid()))?;
    }
    let mode = former.permissions().mode() & KEPT | OWNER_ONLY;
    file.set_permissions(Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{NEW, OLD};
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root-secret");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        (directory, path)
    }

    #[test]
    fn a_change_replaces_the_file_and_keeps_its_permissions() {
        let (directory, path) = file(&format!("{OLD}  {NEW}"));
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut edited = EditableFile::read(&link).unwrap().unwrap();
        edited.promote_last();
        edited.write().unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            format!("{NEW}\n{OLD}\n")
        );
        assert!(link.is_symlink());
        let metadata = path.metadata().unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn an_added_secret_is_random_and_last() {
        let (_directory, path) = file(OLD);
        let mut edited = EditableFile::read(&path).unwrap().unwrap();
        edited.add();
        edited.add();
        let secrets = edited.secrets().unwrap();
        let fingerprints: Vec<&str> = secrets.fingerprints().collect();
        let old = RootSecrets::parse(OLD).unwrap();
        assert_eq!(fingerprints.len(), 3);
        assert_eq!(fingerprints[0], old.fingerprint());
        assert_ne!(fingerprints[1], fingerprints[2]);
    }

    #[test]
    fn a_file_that_another_program_has_changed_is_not_replaced() {
        let (_directory, path) = file(OLD);
        let mut edited = EditableFile::read(&path).unwrap().unwrap();
        edited.add();
        fs::write(&path, NEW).unwrap();
        assert!(matches!(edited.write(), Err(NotReplaced::Changed)));
        assert_eq!(fs::read_to_string(&path).unwrap(), NEW);
    }
}
