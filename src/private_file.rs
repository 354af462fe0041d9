//! Files that only their owner can read, and their publication under a final name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::secret::{Secret, random_bytes};

/// Endings of the files that SQLite keeps beside a database.
pub const SQLITE_FILES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Creates a file with mode 0600. Fails if there is one.
pub fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// The permissions of an open file if they let all users of the machine do anything with it.
pub fn mode_for_others(file: &File) -> io::Result<Option<u32>> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    Ok((mode & 0o007 != 0).then_some(mode))
}

/// Why a file with a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Its permissions, which are shown.
    #[error(
        "can be read by all users of this machine (mode {0:o}); run `chmod o=` on it, or let the system that writes it \
         do so"
    )]
    Exposed(u32),
}

/// The text of a file with a secret, which all users of the machine must not be able to read.
pub fn read_secret(path: &Path) -> Result<Secret, SecretFileError> {
    let mut file = File::open(path)?;
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text)?;
    match mode_for_others(&file)? {
        None => Ok(Secret::new(std::mem::take(&mut text))),
        Some(mode) => Err(SecretFileError::Exposed(mode)),
    }
}

/// A file under a temporary name beside its final one. Another process may read the final name at any moment, and this
/// one may end at any moment. Deleted when it is dropped, with the files that SQLite keeps beside it.
#[derive(Debug)]
pub struct Draft(PathBuf);

impl Draft {
    /// Creates an empty draft of the file.
    pub fn create(path: &Path) -> io::Result<(Self, File)> {
        let random = URL_SAFE_NO_PAD.encode(random_bytes::<9>());
        let draft = Self(with_ending(path, &format!(".{random}.partial")));
        let file = create(&draft.0)?;
        Ok((draft, file))
    }

    /// The temporary path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Gives the file its final name. Fails with `AlreadyExists` if there is a file of that name.
    pub fn publish(self, path: &Path) -> io::Result<()> {
        // Unlike a rename, a link replaces nothing.
        match fs::hard_link(&self.0, path) {
            Ok(()) => fs::remove_file(&self.0)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            // A file system without links, such as that of a memory card.
            Err(error) if path.symlink_metadata().is_ok() => return Err(error),
            Err(_) => fs::rename(&self.0, path)?,
        }
        sync_directory(path)
    }

    /// Gives the file its final name in place of the file that has it.
    pub fn replace(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.0, path)?;
        sync_directory(path)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for ending in SQLITE_FILES.into_iter().chain([""]) {
            // After the publication there is none.
            drop(fs::remove_file(with_ending(&self.0, ending)));
        }
    }
}

/// The path with this text at its end.
pub fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut longer = path.as_os_str().to_owned();
    longer.push(ending);
    longer.into()
}

/// Writes the directory entry of a file to the disk, so that it survives a power failure.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path.parent();
    match parent.filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => File::open(parent)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}
