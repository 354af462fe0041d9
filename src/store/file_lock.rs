//! The lock of a SQLite file between processes: shared by those that use the store, exclusive for `jeton restore`.
//!
//! It is on a file of its own. The database file is replaced by a restore, and SQLite's own locks on it end when the
//! process closes any handle of it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use crate::private_file::{self, with_ending};

/// Held until it is dropped. Without a file if the directory cannot be written: then the database cannot be opened.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: Option<File>,
}

impl FileLock {
    /// Takes the lock together with others; `None` during a restore.
    pub(super) fn shared(database: &Path) -> Option<Self> {
        Self::take(database, File::try_lock_shared)
    }

    /// Takes the lock alone; `None` while another process of Jeton uses the store.
    pub(super) fn exclusive(database: &Path) -> Option<Self> {
        Self::take(database, File::try_lock)
    }

    fn take(database: &Path, lock: impl Fn(&File) -> Result<(), TryLockError>) -> Option<Self> {
        let Ok(file) = open(database) else {
            return Some(Self { _file: None });
        };
        match lock(&file) {
            Err(TryLockError::WouldBlock) => None,
            // A file system without locks has those of SQLite neither.
            Ok(()) | Err(TryLockError::Error(_)) => Some(Self { _file: Some(file) }),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Another path may lead to the same file.
    let database = path.canonicalize();
    let database = database.unwrap_or_else(|_| path.to_owned());
    let path = with_ending(&database, "-lock");
    if let Ok(new) = private_file::create(&path) {
        private_file::give_to_owner(&new, &database);
    }
    OpenOptions::new().write(true).open(path)
}
