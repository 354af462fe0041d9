//! TLS of the listener: one certificate, replaced while the server runs.

mod certificate;
mod error;
mod files;
mod reload;

use std::io;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use self::certificate::Certificate;
pub use self::certificate::SOON;
pub use self::error::{TlsError, TlsFile};
use self::files::{Files, Fingerprint};
use crate::clock::{Clock, Timestamp};
use crate::config::TlsSettings;

/// The protocols that clients may choose by ALPN (RFC 7301), the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [HTTP2, b"http/1.1"];
const HTTP2: &[u8] = b"h2";

/// The TLS of a listener.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    /// Of the files at the start.
    loaded: Fingerprint,
    expires: Timestamp,
    settings: TlsSettings,
    clock: Clock,
}

/// The certificate for new connections.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl Tls {
    /// Reads certificate and key; `None` if no files are set.
    pub fn open(settings: &TlsSettings, clock: Clock) -> Result<Option<Self>, TlsError> {
        if !settings.is_on() {
            return Ok(None);
        }
        let provider = Arc::new(default_provider());
        let files = Files::read(settings)?;
        let certificate = Certificate::parse(&files, settings, &provider, clock.now())?;
        certificate.announce("the certificate is loaded");
        let expires = certificate.expires();
        let current = Arc::new(Current(RwLock::new(Arc::new(certificate.key))));
        let acceptor = acceptor(provider, Arc::clone(&current)).map_err(TlsError::Library)?;
        Ok(Some(Self {
            acceptor,
            current,
            loaded: files.fingerprint(),
            expires,
            settings: settings.clone(),
            clock,
        }))
    }

    /// Whether the certificate is for this host name or IP address.
    pub fn is_for(&self, host: &str) -> bool {
        certificate::is_for(&self.current.get(), host)
    }

    /// The time at which the certificate of the start expires.
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }
}

/// Whether the client has chosen HTTP/2.
pub(super) fn is_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(HTTP2)
}

/// Tickets let clients resume sessions. They are encrypted and not stored, so their number takes no memory.
fn acceptor(
    provider: Arc<CryptoProvider>,
    current: Arc<Current>,
) -> Result<TlsAcceptor, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(current);
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    config.ticketer = Ticketer::new()?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

impl Current {
    fn get(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, key: CertifiedKey) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.get())
    }
}
