//! Tests of the parser and of the search for the client's address.

use super::*;

const PROXIES: &str = "10.0.0.0/8 2001:db8:ff::/48 192.0.2.1";

fn client(peer: &str, forwarded: &[&str], x_forwarded_for: &[&str]) -> String {
    let bytes = |lines: &[&'static str]| lines.iter().map(|line| line.as_bytes()).collect();
    let leak = |lines: &[&str]| -> Vec<&'static str> {
        let owned = lines.iter().map(|line| &*line.to_string().leak());
        owned.collect()
    };
    let forwarding = Forwarding {
        forwarded: bytes(&leak(forwarded)),
        x_forwarded_for: bytes(&leak(x_forwarded_for)),
    };
    let proxies = PROXIES.parse::<TrustedProxies>().unwrap();
    let client = proxies.client(peer.parse().unwrap(), &forwarding);
    client.to_string()
}

/// Checks the client's address behind the proxy 10.0.0.1.
#[track_caller]
fn assert_x_forwarded_for(value: &str, expected: &str) {
    assert_eq!(client("10.0.0.1", &[], &[value]), expected, "{value}");
}

#[track_caller]
fn assert_forwarded(value: &str, expected: &str) {
    assert_eq!(client("10.0.0.1", &[value], &[]), expected, "{value}");
}

#[test]
fn headers_of_an_untrusted_peer_are_ignored() {
    let headers = (&["for=203.0.113.9"][..], &["203.0.113.9"][..]);
    assert_eq!(client("198.51.100.1", headers.0, headers.1), "198.51.100.1");
    assert_eq!(client("192.0.2.2", headers.0, headers.1), "192.0.2.2");
    assert_eq!(client("192.0.2.1", headers.0, headers.1), "203.0.113.9");
    let none = TrustedProxies::default();
    let forwarding = Forwarding {
        x_forwarded_for: vec![b"203.0.113.9"],
        ..Forwarding::default()
    };
    let peer = "127.0.0.1".parse().unwrap();
    assert_eq!(none.client(peer, &forwarding), peer);
}

#[test]
fn the_client_is_the_first_untrusted_address_from_the_right() {
    assert_x_forwarded_for("203.0.113.9", "203.0.113.9");
    assert_x_forwarded_for("1.1.1.1, 203.0.113.9", "203.0.113.9");
    assert_x_forwarded_for("203.0.113.9, 10.2.3.4", "203.0.113.9");
    assert_x_forwarded_for("1.1.1.1,203.0.113.9,10.2.3.4 , 192.0.2.1", "203.0.113.9");
    // All are proxies: the farthest is the client.
    assert_x_forwarded_for("10.9.9.9, 10.2.3.4", "10.9.9.9");
    assert_forwarded("for=1.1.1.1, for=203.0.113.9, for=10.2.3.4", "203.0.113.9");
    let lines = ["1.1.1.1, 203.0.113.9", "10.2.3.4"];
    assert_eq!(client("10.0.0.1", &[], &lines), "203.0.113.9");
    let lines = ["for=1.1.1.1", "for=203.0.113.9;proto=https"];
    assert_eq!(client("10.0.0.1", &lines, &[]), "203.0.113.9");
}

/// RFC 7239 §4 and §6, with its examples.
#[test]
fn forwarded_is_parsed() {
    for (value, expected) in [
        ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
        ("for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17"),
        ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
        ("for=\"192.0.2.43:47011\"", "192.0.2.43"),
        ("for=\"192.0.2.43:_a.b-c\"", "192.0.2.43"),
        ("by=\"a;b,c\" ; FOR=192.0.2.43", "192.0.2.43"),
        ("for=\"[::ffff:192.0.2.43]\"", "192.0.2.43"),
        (", for=192.0.2.43,,", "192.0.2.43"),
    ] {
        assert_forwarded(value, expected);
    }
}

#[test]
fn a_hidden_client_is_replaced_by_the_nearest_known_address() {
    for value in [
        "for=_hidden",
        "for=unknown",
        "for=\"_gazonk\"",
        "proto=https",
    ] {
        assert_forwarded(value, "10.0.0.1");
        assert_forwarded(&format!("{value}, for=10.2.3.4"), "10.2.3.4");
        assert_forwarded(&format!("{value}, for=203.0.113.9"), "203.0.113.9");
    }
    assert_forwarded("for=\"_SEVKISEK:_1\", for=10.2.3.4", "10.2.3.4");
    assert_x_forwarded_for("203.0.113.9, unknown, 10.2.3.4", "10.2.3.4");
}

#[test]
fn x_forwarded_for_may_have_ports_and_brackets() {
    assert_x_forwarded_for("203.0.113.9:4711", "203.0.113.9");
    assert_x_forwarded_for("[2001:db8:cafe::17]:4711", "2001:db8:cafe::17");
    assert_x_forwarded_for("2001:db8:cafe::17", "2001:db8:cafe::17");
    assert_x_forwarded_for("2001:db8:cafe::17, 2001:db8:ff::1", "2001:db8:cafe::17");
    assert_x_forwarded_for("::ffff:203.0.113.9", "203.0.113.9");
}

#[test]
fn a_malformed_header_results_in_the_peer() {
    for value in [
        "name",
        "203.0.113.999",
        "203.0.113.9:port",
        "203.0.113.9:123456",
        "[2001:db8::1",
        "[2001:db8::1]x",
        "[203.0.113.9]",
        "fe80::1%eth0",
        "203.0.113.9, x, 10.2.3.4",
        "203.0.113.9 10.2.3.4",
        "\"203.0.113.9\"",
        "_",
    ] {
        assert_x_forwarded_for(value, "10.0.0.1");
    }
    for value in [
        "203.0.113.9",
        "for=",
        "for=\"203.0.113.9",
        "for=203.0.113.9\"",
        "for=203.0.113.9;for=203.0.113.9",
        "for=\"203.0.113.9\\\"\"",
        "for=2001:db8::x",
        "for = 203.0.113.9",
    ] {
        assert_forwarded(value, "10.0.0.1");
    }
    let not_utf8 = Forwarding {
        x_forwarded_for: vec![b"203.0.113.9, \xff"],
        ..Forwarding::default()
    };
    let peer = "10.0.0.1".parse().unwrap();
    let proxies = PROXIES.parse::<TrustedProxies>().unwrap();
    assert_eq!(proxies.client(peer, &not_utf8), peer);
    assert_x_forwarded_for("", "10.0.0.1");
}

#[test]
fn a_header_from_the_client_does_not_hide_the_part_that_the_proxy_adds() {
    for sent in [
        "for=\"",
        "for=6.6.6.6;by=\"",
        "for=6.6.6.6;by=\"\\",
        "garbage",
        "for=6.6.6.6;x=\"a",
        "\"",
    ] {
        for added in ["for=203.0.113.9", "for=\"203.0.113.9:80\";proto=https"] {
            assert_forwarded(&format!("{sent}, {added}"), "203.0.113.9");
        }
    }
    assert_x_forwarded_for("garbage, 203.0.113.9", "203.0.113.9");
}

#[test]
fn two_headers_that_differ_are_ignored() {
    let both = |forwarded: &str, other: &str| client("10.0.0.1", &[forwarded], &[other]);
    assert_eq!(both("for=203.0.113.9", "203.0.113.9"), "203.0.113.9");
    assert_eq!(both("for=203.0.113.9", "203.0.113.8"), "10.0.0.1");
    assert_eq!(both("for=6.6.6.6", "203.0.113.9"), "10.0.0.1");
    assert_eq!(both("for=_x", "203.0.113.9"), "10.0.0.1");
}

#[test]
fn networks_are_separated_by_spaces_and_a_wrong_one_is_refused() {
    assert_eq!(" ".parse(), Ok(TrustedProxies::default()));
    assert!(
        "10.0.0.0/8  ::1\tfd00::/8"
            .parse::<TrustedProxies>()
            .is_ok()
    );
    for text in ["10.0.0.0/33", "10.0.0.0/8,::1", "proxy", "10.1/16"] {
        let error = format!("::1 {text}").parse::<TrustedProxies>().unwrap_err();
        assert_eq!(error, NotANetwork, "{text}");
    }
}
