//! The files of certificate and key.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use aws_lc_rs::digest::{Context, SHA256};
use zeroize::Zeroizing;

use super::error::{TlsError, TlsFile};
use crate::config::TlsSettings;

/// Maximum size of a file: one that is no certificate, such as a device, must not fill the memory.
const MAX_SIZE: u64 = 1024 * 1024;
/// Permissions of all users but owner and group.
const OTHERS: u32 = 0o007;

/// The content of both files.
pub(super) struct Files {
    pub certificate: Vec<u8>,
    pub key: Zeroizing<Vec<u8>>,
}

/// What two readings of the files are compared by.
pub(super) type Fingerprint = Vec<u8>;

impl Files {
    /// Reads both files. The key must not be readable by all users.
    pub fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        let certificate = content(&settings.certificate).map_err(|error| {
            TlsError::Unreadable(TlsFile::certificate(&settings.certificate), error)
        })?;
        let key_file = || TlsFile::key(&settings.key);
        let key = content(&settings.key).and_then(|key| Ok((key, mode(&settings.key)?)));
        let (key, mode) = key.map_err(|error| TlsError::Unreadable(key_file(), error))?;
        if mode & OTHERS != 0 {
            return Err(TlsError::Exposed(key_file(), mode));
        }
        Ok(Self {
            certificate: certificate.to_vec(),
            key,
        })
    }

    pub fn fingerprint(&self) -> Fingerprint {
        let mut context = Context::new(&SHA256);
        // The length separates the files.
        context.update(&self.certificate.len().to_be_bytes());
        context.update(&self.certificate);
        context.update(&self.key);
        context.finish().as_ref().to_vec()
    }
}

fn content(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    // Opening a pipe would wait for its writer.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let mut content = Zeroizing::new(Vec::new());
    File::open(path)?.take(MAX_SIZE).read_to_end(&mut content)?;
    Ok(content)
}

#[cfg(unix)]
fn mode(path: &Path) -> io::Result<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(path.metadata()?.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(_: &Path) -> io::Result<u32> {
    Ok(0)
}
