//! The listener with TLS: versions, bad files, replaced certificates, slow handshakes.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use rustls::version::{TLS12, TLS13};
use rustls::{ProtocolVersion, SupportedProtocolVersion};

use super::http::{Connection, tcp, tls};
use super::{PASSWORD, Place, Process, eventually, free_address};
use crate::support::certificate::{Certificate, certificate, certificate_between, tls_client};

const BOTH: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// Clients, and requests of each, while the certificate is replaced.
const CLIENTS: usize = 8;
const REQUESTS: usize = 25;

impl Place {
    /// The settings of TLS with these files, which `localhost` names.
    pub(super) fn with_tls(mut self, pair: &Certificate) -> Self {
        self.write_pair(pair);
        self.tls = Some(tls_client(&BOTH, &[]));
        self.set("JETON_SERVER__TLS__CERTIFICATE", "server.pem")
            .set("JETON_SERVER__TLS__KEY", "server.key")
    }

    fn write_pair(&self, pair: &Certificate) {
        self.write("server.pem", &pair.text);
        self.write_key(&pair.key);
    }

    fn write_key(&self, text: &str) {
        self.write("server.key", text);
        self.set_mode(0o600);
    }

    fn set_mode(&self, mode: u32) {
        let path = self.path("server.key");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The message of a start that is refused and creates nothing.
    #[track_caller]
    fn tls_refusal(&self) -> String {
        let mut refused = self.spawn(&["serve"], free_address());
        assert!(!refused.wait().success());
        assert!(!self.path("data").exists(), "something was created");
        refused.log()
    }
}

impl Process {
    /// The certificate that a new client gets.
    fn certificate(&self) -> Vec<u8> {
        let stream = tls(self.address, self.tls.as_ref().unwrap()).unwrap();
        stream.conn.peer_certificates().unwrap()[0].to_vec()
    }
}

#[test]
fn tls_1_2_and_1_3_are_served_and_the_issuer_is_https() {
    let place = Place::furnished().with_tls(&certificate());
    let server = place.start();
    for (version, expected) in [
        (&TLS12, ProtocolVersion::TLSv1_2),
        (&TLS13, ProtocolVersion::TLSv1_3),
    ] {
        for protocols in [&[][..], &["http/1.1"], &["spdy/1", "http/1.1"]] {
            let client = tls_client(&[version], protocols);
            let stream = tls(server.address, &client).unwrap();
            assert_eq!(stream.conn.protocol_version(), Some(expected));
            let mut connection = Connection::over(stream);
            for _ in 0..2 {
                let metadata = connection.get("/.well-known/openid-configuration");
                let issuer = format!("https://{}", server.address);
                assert_eq!(metadata.unwrap().member("issuer"), issuer);
            }
        }
    }
    let refresh_token = server.sign_in("admin", PASSWORD).refresh_token();
    assert_eq!(server.refresh(&refresh_token).status, 200);
    let console = server.console();
    let listens = format!("Jeton listens on https://{}", server.address);
    assert!(console.contains(&listens), "{console}");
    server.stop("TERM");
}

#[test]
fn a_client_without_tls_or_without_a_common_protocol_gets_no_response() {
    let place = Place::furnished().with_tls(&certificate());
    let server = place.start();
    let mut plain = Connection::open(server.address).unwrap();
    plain.get("/healthz").unwrap_err();
    let mut other = Connection::open(server.address).unwrap();
    other.send([0; 64]).unwrap();
    other.wait_for_end().unwrap();
    let unknown = tls_client(&BOTH, &["spdy/1"]);
    Connection::open_tls(server.address, &unknown)
        .map(drop)
        .unwrap_err();
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn files_that_are_no_pair_are_refused_with_the_remedy() {
    let (one, other) = (certificate(), certificate());
    let place = Place::empty().with_tls(&one);
    place.write_key(&other.key);
    insta::assert_snapshot!(place.tls_refusal(), @r#"jeton: server.pem (server.tls.certificate, JETON_SERVER__TLS__CERTIFICATE) and server.key (server.tls.key, JETON_SERVER__TLS__KEY) do not match: the key is of another certificate; set both to files that were issued together, and let the server's own certificate be the first in its file"#);
    place.write("server.pem", "").write_key(&one.key);
    insta::assert_snapshot!(place.tls_refusal(), @r#"jeton: server.pem (server.tls.certificate, JETON_SERVER__TLS__CERTIFICATE) has no certificate; it must have the server's certificate in PEM (BEGIN CERTIFICATE), and after it those of the intermediate authorities"#);
    place.write("server.pem", &one.key);
    insta::assert_snapshot!(place.tls_refusal(), @r#"jeton: server.pem (server.tls.certificate, JETON_SERVER__TLS__CERTIFICATE) has no certificate; it must have the server's certificate in PEM (BEGIN CERTIFICATE), and after it those of the intermediate authorities"#);
    place.write("server.pem", &one.text).write_key("garbage");
    insta::assert_snapshot!(place.tls_refusal(), @r#"jeton: server.key (server.tls.key, JETON_SERVER__TLS__KEY) has no private key in PEM (BEGIN PRIVATE KEY, BEGIN RSA PRIVATE KEY or BEGIN EC PRIVATE KEY); decrypt an encrypted one with `openssl pkey -in FILE -out OTHER-FILE`"#);
    for encrypted in [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\nAAAA\n-----END EC PRIVATE KEY-----\n",
    ] {
        place.write_key(encrypted);
        let said = place.tls_refusal();
        assert!(said.contains("decrypt an encrypted one with"), "{said}");
    }
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    place.write("server.pem", broken);
    insta::assert_snapshot!(place.tls_refusal(), @r#"jeton: server.pem (server.tls.certificate, JETON_SERVER__TLS__CERTIFICATE) is damaged: unknown/unsupported ASN.1 DER tag: 0x00; write it again"#);
    let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    place.write("server.pem", &one.text).write_key(broken);
    insta::assert_snapshot!(place.tls_refusal(), @r#"jeton: server.key (server.tls.key, JETON_SERVER__TLS__KEY) is damaged: unexpected error: failed to parse private key as RSA, ECDSA, or EdDSA; write it again"#);
}

#[test]
fn a_certificate_that_is_not_valid_now_is_refused_with_its_date() {
    let place = Place::empty().with_tls(&certificate_between(2000, 2020));
    insta::assert_snapshot!(place.tls_refusal(), @r#"jeton: server.pem (server.tls.certificate, JETON_SERVER__TLS__CERTIFICATE): the certificate expired at 2020-01-01T00:00:00Z; renew it"#);
    let place = Place::empty().with_tls(&certificate_between(2100, 2200));
    insta::assert_snapshot!(place.tls_refusal(), @r#"jeton: server.pem (server.tls.certificate, JETON_SERVER__TLS__CERTIFICATE): the certificate is not valid before 2100-01-01T00:00:00Z; wait, or correct this machine's clock"#);
}

#[test]
fn a_missing_file_and_a_key_that_others_can_read_are_refused() {
    let place = Place::empty().with_tls(&certificate());
    place.set_mode(0o644);
    insta::assert_snapshot!(place.tls_refusal(), @r#"jeton: server.key (server.tls.key, JETON_SERVER__TLS__KEY) can be read by all users of this machine (mode 644); its key may be known to others: run `chmod o= server.key`, or let the system that writes it do so"#);
    std::fs::remove_file(place.path("server.key")).unwrap();
    insta::assert_snapshot!(place.tls_refusal(), @r#"jeton: server.key (server.tls.key, JETON_SERVER__TLS__KEY) cannot be read: No such file or directory (os error 2); correct the path, or let the user that runs jeton read it"#);
    std::fs::remove_file(place.path("server.pem")).unwrap();
    insta::assert_snapshot!(place.tls_refusal(), @r#"jeton: server.pem (server.tls.certificate, JETON_SERVER__TLS__CERTIFICATE) cannot be read: No such file or directory (os error 2); correct the path, or let the user that runs jeton read it"#);
    let place = Place::empty().set("JETON_SERVER__TLS__KEY", "server.key");
    insta::assert_snapshot!(place.tls_refusal(), @r#"
    jeton: invalid settings:
      server.tls.certificate = "" (default), server.tls.key = "server.key" (JETON_SERVER__TLS__KEY): set both for TLS, or neither
    "#);
}

/// A group may read the key, as on Debian the group `ssl-cert` does.
#[test]
fn a_certificate_that_is_not_for_the_issuer_is_reported() {
    let place = Place::furnished()
        .with_tls(&certificate())
        .set("JETON_ISSUER", "https://auth.example.com");
    place.set_mode(0o640);
    let server = place.start();
    let log = server.log_with("is not for the issuer's host");
    assert!(log.contains("auth.example.com"), "{log}");
    assert!(!log.contains("trusted_proxies is empty"), "{log}");
}

#[test]
fn a_replaced_certificate_is_used_and_a_bad_one_is_reported_and_not_used() {
    let (first, second) = (certificate(), certificate());
    let place = Place::furnished().with_tls(&first);
    let server = place.start();
    assert_eq!(server.certificate(), first.der.to_vec());
    let mut open = server.connect();
    assert_eq!(open.get("/healthz").unwrap().status, 200);
    let stays = "the old one stays in use: ";

    place.write("server.pem", "garbage");
    server.log_with(&format!("{stays}server.pem (server.tls.certificate, "));
    place.write("server.pem", &second.text);
    server.log_with("do not match");
    place.set_mode(0o604);
    server.log_with("can be read by all users");
    place.write_pair(&certificate_between(2000, 2020));
    server.log_with("the certificate expired at 2020-01-01T00:00:00Z");
    assert_eq!(server.certificate(), first.der.to_vec());

    place.write_pair(&second);
    eventually("the new certificate is used", || {
        server.certificate() == second.der.to_vec()
    });
    assert_eq!(open.get("/healthz").unwrap().status, 200);
    let errors = server.log().matches(stays).count();
    assert_eq!(errors, 4, "{}", server.log());
}

#[test]
fn a_certificate_is_replaced_while_requests_run_without_an_error() {
    let (first, second) = (certificate(), certificate());
    let place = Place::furnished().with_tls(&first);
    let server = place.start();
    let is_replaced = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    let client = || {
        let mut kept = server.connect();
        let mut sent = 0;
        while sent < REQUESTS || !is_replaced.load(Ordering::Relaxed) {
            assert_eq!(kept.get("/.well-known/jwks.json").unwrap().status, 200);
            assert_eq!(server.get("/.well-known/jwks.json").status, 200);
            sent += 1;
            answered.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        place.write_pair(&second);
        eventually("the new certificate is used", || {
            server.certificate() == second.der.to_vec()
        });
        is_replaced.store(true, Ordering::Relaxed);
        for client in clients {
            client.join().unwrap();
        }
    });
    assert!(answered.into_inner() >= CLIENTS * REQUESTS);
}

/// The handshake counts as the head, and so does a head that does not follow it.
#[test]
fn slow_handshakes_are_cut_off_and_do_not_block_others() {
    let place = Place::furnished()
        .with_tls(&certificate())
        .set("JETON_SERVER__HEADER_READ_TIMEOUT", "3s")
        .set("JETON_SERVER__KEEP_ALIVE_TIMEOUT", "1h");
    let server = place.start();
    let half_open: Vec<_> = (0..300)
        .map(|turn| {
            let mut stream = tcp(server.address).unwrap();
            // A record of the handshake, 256 bytes long, of which one arrives.
            let record = [22, 3, 1, 1, 0, 1];
            stream.write_all(&record[..turn % record.len()]).unwrap();
            Connection::over(stream)
        })
        .collect();
    let without_head = server.connect();
    let mut half_head = server.connect();
    half_head.send("GET /healthz HTT").unwrap();
    for _ in 0..20 {
        assert_eq!(server.get("/healthz").status, 200);
    }
    for mut connection in half_open.into_iter().chain([without_head, half_head]) {
        connection.wait_for_end().unwrap();
    }
    let mut slow = tcp(server.address).unwrap();
    eventually("a handshake byte by byte is cut off", || {
        slow.write_all(&[22]).is_err()
    });
}

/// Connections of one address are counted before their handshakes.
#[test]
fn the_connections_of_an_address_are_limited_before_the_handshake() {
    let place = Place::furnished()
        .with_tls(&certificate())
        .set("JETON_SERVER__MAX_CONNECTIONS_PER_ADDRESS", "3");
    let server = place.start();
    let mut silent = Vec::new();
    eventually("further connections are closed", || {
        silent.push(tcp(server.address).unwrap());
        tls(server.address, server.tls.as_ref().unwrap()).is_err()
    });
    drop(silent);
    eventually("the places are free again", || {
        tls(server.address, server.tls.as_ref().unwrap()).is_ok()
    });
}

/// A client that has not finished its handshake does not delay the end.
#[test]
fn a_shutdown_does_not_wait_for_handshakes() {
    let place = Place::furnished()
        .with_tls(&certificate())
        .set("JETON_SERVER__HEADER_READ_TIMEOUT", "1h")
        .set("JETON_SERVER__SHUTDOWN_TIMEOUT", "1h");
    let server = place.start();
    let mut half_open = tcp(server.address).unwrap();
    half_open.write_all(&[22]).unwrap();
    server.stop("TERM");
}
