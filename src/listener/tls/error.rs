//! Errors of certificate and key.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// The reason why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file that cannot be read.
    #[error("{0} cannot be read: {1}; correct the path, or let the user that runs jeton read it")]
    Unreadable(TlsFile, io::Error),
    /// A key that all users of the machine can read.
    #[error(
        "{0} can be read by all users of this machine (mode {1:o}); its key may be known to others: run \
         `chmod o= {path}`, or let the system that writes it do so",
        path = .0.path.display()
    )]
    Exposed(TlsFile, u32),
    /// A file without a certificate.
    #[error(
        "{0} has no certificate; it must have the server's certificate in PEM (BEGIN CERTIFICATE), and after it \
         those of the intermediate authorities"
    )]
    NoCertificate(TlsFile),
    /// A file without a key.
    #[error(
        "{0} has no private key in PEM (BEGIN PRIVATE KEY, BEGIN RSA PRIVATE KEY or BEGIN EC PRIVATE KEY); decrypt \
         an encrypted one with `openssl pkey -in FILE -out OTHER-FILE`"
    )]
    NoKey(TlsFile),
    /// A file that is damaged.
    #[error("{0} is damaged: {1}; write it again")]
    Damaged(TlsFile, String),
    /// A key of another certificate.
    #[error(
        "{certificate} and {key} do not match: the key is of another certificate; set both to files that were \
         issued together, and let the server's own certificate be the first in its file"
    )]
    Mismatch {
        /// The file of the certificate.
        certificate: TlsFile,
        /// The file of the key.
        key: TlsFile,
    },
    /// A certificate that clients refuse, because its time is over.
    #[error("{0}: the certificate expired at {1}; renew it")]
    Expired(TlsFile, String),
    /// A certificate that clients refuse, because its time has not begun.
    #[error("{0}: the certificate is not valid before {1}; wait, or correct this machine's clock")]
    NotYetValid(TlsFile, String),
    /// An error of the library, without a remedy in the files.
    #[error("TLS cannot be used: {0}")]
    Library(rustls::Error),
}

/// A file and its setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFile {
    path: PathBuf,
    setting: &'static str,
    variable: &'static str,
}

impl TlsFile {
    pub(super) fn certificate(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            setting: "server.tls.certificate",
            variable: "JETON_SERVER__TLS__CERTIFICATE",
        }
    }

    pub(super) fn key(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            setting: "server.tls.key",
            variable: "JETON_SERVER__TLS__KEY",
        }
    }
}

impl fmt::Display for TlsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(f, "{path} ({}, {})", self.setting, self.variable)
    }
}
