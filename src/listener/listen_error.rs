//! Why the server cannot listen, and what to do.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A socket that cannot be listened on.
#[derive(Debug, Error)]
pub enum ListenError {
    /// A host and a port.
    #[error("cannot listen on {address}: {error}")]
    Address {
        /// The address, or the name whose addresses are not known.
        address: String,
        /// The error of the system.
        error: io::Error,
    },
    /// A Unix socket.
    #[error("cannot listen on unix:{}: {error}", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// A Unix socket of another process.
    #[error("cannot listen on unix:{}: another process listens on it", path.display())]
    FileInUse {
        /// The path.
        path: PathBuf,
    },
    /// A file where a Unix socket is to be.
    #[error("cannot listen on unix:{}: there is a file that is not a socket", path.display())]
    OtherFile {
        /// The path.
        path: PathBuf,
    },
    /// A file descriptor of the service manager.
    #[error("cannot listen on file descriptor {descriptor} {name:?} of LISTEN_FDS: {error}")]
    Passed {
        /// The number.
        descriptor: usize,
        /// The name in `LISTEN_FDNAMES`.
        name: String,
        /// What is wrong with it.
        error: io::Error,
    },
    /// `LISTEN_FDS` cannot be read.
    #[error("LISTEN_FDS is not a number of sockets")]
    NumberPassed,
}

impl ListenError {
    /// What to do.
    pub fn remedy(&self) -> String {
        const OTHER: &str = "set server.listen (JETON_SERVER__LISTEN) to another address";
        match self {
            Self::Address { error, .. } => format!("{}{OTHER}", for_address(error.kind())),
            Self::File { path, error } => format!("{}{OTHER}", for_file(path, error.kind())),
            Self::FileInUse { .. } => format!("stop that process, or {OTHER}"),
            Self::OtherFile { .. } => format!("remove it if it is not needed, or {OTHER}"),
            Self::Passed { .. } | Self::NumberPassed => {
                "the sockets of the unit (deploy/jeton.socket) must have ListenStream= and Accept=no; without \
                 LISTEN_FDS, server.listen is used"
                    .to_owned()
            }
        }
    }
}

fn for_address(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::AddrInUse => "stop the process that uses it, or ",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need a privilege (CAP_NET_BIND_SERVICE): grant it, let systemd open the port (ListenStream \
             in jeton.socket, then `systemctl restart jeton.socket`), or "
        }
        io::ErrorKind::AddrNotAvailable => "no network interface of this machine has it; ",
        _ => "",
    }
}

fn for_file(path: &Path, kind: io::ErrorKind) -> String {
    let directory = path.parent().unwrap_or(path).display();
    match kind {
        io::ErrorKind::NotFound => format!("create the directory {directory}, or "),
        io::ErrorKind::PermissionDenied => {
            format!("let the user of the server write to {directory}, or ")
        }
        // The system's limit of sun_path.
        io::ErrorKind::InvalidInput => "the path may have 107 bytes; ".to_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_without_permission_is_reported_as_such() {
        let refused = ListenError::Address {
            address: "0.0.0.0:443".to_owned(),
            error: io::ErrorKind::PermissionDenied.into(),
        };
        let remedy = refused.remedy();
        assert!(
            remedy.contains("ports below 1024 need a privilege"),
            "{remedy}"
        );
        assert!(!remedy.contains("stop the process"), "{remedy}");
    }
}
