//! Files that only their owner can read, and their publication under a final name.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::secret::{Secret, random_bytes};

/// Endings of the files that SQLite keeps beside a database.
pub const SQLITE_FILES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// The end of the temporary name of a draft.
pub const PARTIAL: &str = ".partial";

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

/// Gives a new file the owner of the file that it belongs to, or of that file's directory: root runs commands, and then
/// the user of the server must be able to open the file. Another user than root cannot, and keeps the file.
pub fn give_to_owner(new: &File, belongs_to: &Path) {
    use std::os::unix::fs::{MetadataExt as _, fchown};
    let owner = belongs_to
        .metadata()
        .or_else(|_| directory(belongs_to).metadata());
    let (Ok(owner), Ok(own)) = (owner, new.metadata()) else {
        return;
    };
    if own.uid() == 0 {
        // By the open file: another user may have put a link in its place. Fails without the capability.
        drop(fchown(new, Some(owner.uid()), Some(owner.gid())));
    }
}

/// A file in a temporary directory beside its final name. Another process may read the final name at any moment, and
/// this one may end at any moment. Deleted when it is dropped, with the files that SQLite keeps beside it.
///
/// Only the owner can write to the directory. In a shared one, such as `/tmp`, another user could put a journal beside
/// the file, with which SQLite would replace its content.
#[derive(Debug)]
pub struct Draft(PathBuf);

impl Draft {
    /// Creates an empty draft of the file.
    pub fn create(path: &Path) -> io::Result<(Self, File)> {
        let random = URL_SAFE_NO_PAD.encode(random_bytes::<9>());
        let directory = with_ending(path, &format!(".{random}{PARTIAL}"));
        DirBuilder::new().mode(0o700).create(&directory)?;
        let draft = Self(directory.join("draft"));
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
        drop(fs::remove_dir(directory(&self.0)));
    }
}

/// Drafts in a directory, whose names begin like this. Those that are not being written now are of processes that were
/// killed.
pub fn drafts(directory: &Path, name: &str) -> Vec<PathBuf> {
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut drafts: Vec<PathBuf> = entries
        .filter(|entry| {
            let file = entry.file_name();
            let file = file.to_string_lossy();
            file.starts_with(name) && file.ends_with(PARTIAL)
        })
        .map(|entry| entry.path())
        .collect();
    drafts.sort();
    drafts
}

/// The path with this text at its end.
pub fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut longer = path.as_os_str().to_owned();
    longer.push(ending);
    longer.into()
}

/// Writes the directory entry of a file to the disk, so that it survives a power failure.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(directory(path))?.sync_all()
}

fn directory(path: &Path) -> &Path {
    let parent = path.parent();
    let parent = parent.filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_the_owner_can_put_a_file_beside_a_draft() {
        let shared = tempfile::tempdir().unwrap();
        fs::set_permissions(shared.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        let names = || fs::read_dir(shared.path()).unwrap().count();
        let path = shared.path().join("backup.db");
        let (draft, _) = Draft::create(&path).unwrap();
        let beside = directory(draft.path()).metadata().unwrap();
        assert_eq!(beside.permissions().mode() & 0o777, 0o700);
        drop(draft);
        assert_eq!(names(), 0);
        let (draft, _) = Draft::create(&path).unwrap();
        draft.publish(&path).unwrap();
        let (draft, _) = Draft::create(&path).unwrap();
        draft.replace(&path).unwrap();
        assert_eq!(names(), 1);
    }
}
