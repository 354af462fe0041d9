//! Credentials of a systemd unit: copies of files that the service finds in a directory of its own.

use std::path::{Path, PathBuf};

/// The directory of the service's credentials, if systemd runs it with some.
fn directory() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// The end of a message about a file that cannot be used: where to write it, if it is a credential. The copy in the
/// directory is read-only, and systemd removes it when the service ends.
pub fn hint(path: &Path) -> String {
    directory().map_or_else(String::new, |directory| hint_in(&directory, path))
}

fn hint_in(directory: &Path, path: &Path) -> String {
    let Some(name) = path.strip_prefix(directory).ok().and_then(Path::to_str) else {
        return String::new();
    };
    format!(
        ". It is a credential of the systemd unit: write the file that LoadCredential={name} names, by default \
         /etc/credstore/{name}, and start the unit again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_named_with_its_source() {
        let directory = Path::new("/run/credentials/jeton.service");
        let hint = hint_in(directory, &directory.join("jeton.root-secret"));
        assert!(hint.contains("/etc/credstore/jeton.root-secret"), "{hint}");
        assert_eq!(hint_in(directory, Path::new("/var/lib/jeton/x")), "");
    }
}
