//! Replacement of the certificate when its files have changed.

use std::time::Duration;

use super::certificate::Certificate;
use super::error::TlsError;
use super::files::{Files, Fingerprint};
use super::{Tls, default_provider};

/// How often the files are read. Events of the file system would miss network file systems and replaced links.
const INTERVAL: Duration = Duration::from_secs(2);

/// What is known about the files.
struct Seen {
    /// Of the certificate in use.
    used: Fingerprint,
    /// Of the last reading. Two files cannot be replaced at once, so a change counts when the next reading is equal.
    last: Fingerprint,
    /// The error that was logged for the files as they are.
    reported: Option<String>,
}

impl Tls {
    /// Replaces the certificate whenever its files have changed. If they cannot be used, the certificate stays, and an
    /// error is logged. Never ends.
    pub(in crate::listener) async fn reload(self) {
        let mut seen = Seen {
            used: self.loaded.clone(),
            last: self.loaded.clone(),
            reported: None,
        };
        loop {
            tokio::time::sleep(INTERVAL).await;
            let settings = self.settings.clone();
            let read = tokio::task::spawn_blocking(move || Files::read(&settings)).await;
            if let Ok(read) = read {
                self.compare(read, &mut seen);
            }
        }
    }

    fn compare(&self, read: Result<Files, TlsError>, seen: &mut Seen) {
        let fingerprint = match &read {
            Ok(files) => files.fingerprint(),
            Err(error) => error.to_string().into_bytes(),
        };
        let is_settled = std::mem::replace(&mut seen.last, fingerprint.clone()) == fingerprint;
        if fingerprint == seen.used {
            seen.reported = None;
        } else if is_settled {
            match read.and_then(|files| self.parse(&files)) {
                Ok(certificate) => {
                    certificate.announce("the certificate is replaced");
                    self.current.replace(certificate.key);
                    seen.used = fingerprint;
                    seen.reported = None;
                }
                Err(error) => report(&error, &mut seen.reported),
            }
        }
    }

    fn parse(&self, files: &Files) -> Result<Certificate, TlsError> {
        Certificate::parse(files, &self.settings, &default_provider(), self.clock.now())
    }
}

/// Logs an error once.
fn report(error: &TlsError, reported: &mut Option<String>) {
    let text = error.to_string();
    if reported.as_ref() != Some(&text) {
        tracing::error!("the certificate is not replaced, and the old one stays in use: {text}");
        *reported = Some(text);
    }
}
