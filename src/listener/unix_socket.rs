//! A Unix socket and its file.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixStream};

use super::listen_error::ListenError;

/// Owner and group may connect.
const MODE: u32 = 0o660;

/// A listening Unix socket. Dropping it removes its file.
pub(super) struct UnixSocket {
    file: Option<SocketFile>,
    pub(super) listener: UnixListener,
}

/// The file of a socket, by its device and inode: another server may have replaced it.
struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl UnixSocket {
    /// A socket of the service manager, which keeps its file.
    pub(super) const fn passed(listener: UnixListener) -> Self {
        Self {
            file: None,
            listener,
        }
    }

    /// Listens on the path. The file of a server that has ended without removing it is replaced.
    pub(super) async fn bind(path: &Path) -> Result<Self, ListenError> {
        let failed = |error| ListenError::File {
            path: path.to_owned(),
            error,
        };
        let bound = match UnixListener::bind(path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                remove_abandoned(path).await?;
                UnixListener::bind(path)
            }
            bound => bound,
        };
        let listener = bound.map_err(failed)?;
        fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(failed)?;
        let file = SocketFile {
            path: path.to_owned(),
            identity: identity(path).map_err(failed)?,
        };
        Ok(Self {
            file: Some(file),
            listener,
        })
    }

    /// Removes the file, so that no client finds the socket any more.
    pub(super) fn remove_file(&mut self) {
        self.file = None;
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|identity| identity == self.identity) {
            drop(fs::remove_file(&self.path));
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Removes the file of a socket on which nothing listens.
async fn remove_abandoned(path: &Path) -> Result<(), ListenError> {
    let failed = |error| ListenError::File {
        path: path.to_owned(),
        error,
    };
    if !fs::metadata(path).map_err(failed)?.file_type().is_socket() {
        return Err(ListenError::OtherFile {
            path: path.to_owned(),
        });
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        // WouldBlock: more clients than it can queue.
        Ok(_) => Err(ListenError::FileInUse {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(ListenError::FileInUse {
            path: path.to_owned(),
        }),
        Err(error) => Err(failed(error)),
    }
}
