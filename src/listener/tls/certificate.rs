//! A certificate with its key, checked.

use std::time::Duration;

use rustls::client::verify_server_name;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use x509_cert::der::Decode as _;

use super::error::{TlsError, TlsFile};
use super::files::Files;
use crate::clock::Timestamp;
use crate::config::TlsSettings;

/// A certificate that expires sooner is reported.
pub const SOON: Duration = Duration::from_hours(7 * 24);

/// A certificate that clients accept today, and its key.
pub(super) struct Certificate {
    pub key: CertifiedKey,
    expires: Timestamp,
    expires_soon: bool,
}

impl Certificate {
    /// Checks that the files have a certificate and its key, and that the certificate is valid now.
    pub fn parse(
        files: &Files,
        settings: &TlsSettings,
        provider: &CryptoProvider,
        now: Timestamp,
    ) -> Result<Self, TlsError> {
        let file = || TlsFile::certificate(&settings.certificate);
        let chain = chain(&files.certificate, file)?;
        let first = chain
            .first()
            .ok_or_else(|| TlsError::NoCertificate(file()))?;
        let (begins, expires) = validity(first, file)?;
        let key = pair(chain, files, settings, provider)?;
        if now < begins {
            return Err(TlsError::NotYetValid(file(), begins.to_string()));
        }
        if now >= expires {
            return Err(TlsError::Expired(file(), expires.to_string()));
        }
        Ok(Self {
            key,
            expires,
            expires_soon: now.plus(SOON) >= expires,
        })
    }

    /// The time at which it expires.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Logs when the certificate expires.
    pub fn announce(&self, message: &str) {
        let expires = self.expires;
        if self.expires_soon {
            tracing::warn!(%expires, "{message}, but it expires soon; renew it");
        } else {
            tracing::info!(%expires, "{message}");
        }
    }
}

fn chain(
    text: &[u8],
    file: impl Fn() -> TlsFile,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::Damaged(file(), error.to_string()))
}

/// The times between which a certificate is valid.
fn validity(
    certificate: &CertificateDer<'_>,
    file: impl Fn() -> TlsFile,
) -> Result<(Timestamp, Timestamp), TlsError> {
    let certificate = x509_cert::Certificate::from_der(certificate)
        .map_err(|error| TlsError::Damaged(file(), error.to_string()))?;
    let validity = certificate.tbs_certificate.validity;
    let time = |since_1970| Timestamp::from_micros(0).plus(since_1970);
    Ok((
        time(validity.not_before.to_unix_duration()),
        time(validity.not_after.to_unix_duration()),
    ))
}

fn pair(
    chain: Vec<CertificateDer<'static>>,
    files: &Files,
    settings: &TlsSettings,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let file = || TlsFile::key(&settings.key);
    let key = PrivateKeyDer::from_pem_slice(&files.key).map_err(|error| match error {
        pem::Error::NoItemsFound => TlsError::NoKey(file()),
        // The older form of an encrypted key has a head that the parser does not read.
        _ if is_encrypted(&files.key) => TlsError::NoKey(file()),
        // The error may quote a line of the file.
        _ => TlsError::Damaged(file(), "it is not PEM".to_owned()),
    })?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch {
            certificate: TlsFile::certificate(&settings.certificate),
            key: file(),
        },
        Error::InvalidCertificate(error) => TlsError::Damaged(
            TlsFile::certificate(&settings.certificate),
            format!("{error:?}"),
        ),
        error => TlsError::Damaged(file(), error.to_string()),
    })
}

fn is_encrypted(text: &[u8]) -> bool {
    const MARK: &[u8] = b"ENCRYPTED";
    text.windows(MARK.len()).any(|part| part == MARK)
}

/// Whether the certificate is for this host name or IP address.
pub(super) fn is_for(key: &CertifiedKey, host: &str) -> bool {
    let Ok(name) = ServerName::try_from(host) else {
        return false;
    };
    let certificate = key.end_entity_cert().and_then(ParsedCertificate::try_from);
    certificate.is_ok_and(|certificate| verify_server_name(&certificate, &name).is_ok())
}
