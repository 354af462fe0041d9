//! Certificates of a test authority for `localhost`.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jeton::clock::Clock;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};

/// A certificate and its key, in PEM, and the certificate as clients see it.
pub struct Certificate {
    pub text: String,
    pub key: String,
    pub der: CertificateDer<'static>,
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
}

/// A certificate that is valid from one year to another.
pub fn certificate_between(from: i32, to: i32) -> Certificate {
    certificate_with(|params| {
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
    })
}

/// A certificate that expires after this time.
pub fn certificate_for(lifetime: Duration) -> Certificate {
    let since_1970 = Clock::system().now().as_seconds().cast_unsigned();
    let since_1970 = Duration::from_secs(since_1970);
    certificate_with(|params| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(1970, 1, 1) + since_1970 + lifetime;
    })
}

fn certificate_with(set_times: impl FnOnce(&mut CertificateParams)) -> Certificate {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["localhost".into(), "127.0.0.1".into()]).unwrap();
    set_times(&mut params);
    let signed = params.signed_by(&key, &authority().issuer).unwrap();
    Certificate {
        text: signed.pem(),
        key: key.serialize_pem(),
        der: signed.der().clone(),
    }
}

/// A certificate that is valid now.
pub fn certificate() -> Certificate {
    certificate_between(2000, 2200)
}

fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let signed = params.self_signed(&key).unwrap();
        Authority {
            certificate: signed.der().clone(),
            issuer: Issuer::new(params, key),
        }
    })
}

/// The settings of a client that trusts the authority, uses these versions of TLS and offers these protocols.
pub fn tls_client(
    versions: &[&'static SupportedProtocolVersion],
    protocols: &[&str],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority().certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols
        .iter()
        .map(|protocol| protocol.as_bytes().to_vec())
        .collect();
    Arc::new(config)
}
