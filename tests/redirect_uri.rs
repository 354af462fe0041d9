//! Redirect URIs: the rules of their registration, and the comparison with the URI of a request.

use jeton::redirect_uri::RedirectUriError::{
    self, Character, Fragment, Malformed, NotNormal, Pattern, Plain, Relative, Scheme, TooLong,
    UserInfo,
};
use jeton::redirect_uri::{MAX_LENGTH, RedirectUri, matches};
use proptest::prelude::*;
use url::Url;

const ISSUER: &str = "https://auth.example";
const LOOPBACK_HOSTS: [&str; 3] = ["127.0.0.1", "[::1]", "localhost"];

fn uri(text: &str) -> RedirectUri {
    RedirectUri::parse(text).unwrap()
}

/// row 58, row 60: what may be registered is kept octet by octet.
#[test]
fn a_redirect_uri_is_registered_as_it_is_written() {
    let longest = format!("https://a.example/{}", "x".repeat(MAX_LENGTH - 18));
    for text in [
        "https://app.example.com",
        "https://app.example.com/",
        "https://app.example.com/callback?tenant=a%2Fb&x",
        "https://app.example.com?",
        "https://app.example.com:443/callback",
        "https://app.example.com:8443/callback",
        "https://app.example.com/a/../b//c/@me",
        "https://app.example.com/it's;v=(1),$2+3!~",
        "https://xn--bcher-kva.example/callback",
        "https://192.0.2.1/callback",
        "https://[2001:db8::1]:8443/callback",
        "https://localhost:3000/callback",
        "http://localhost",
        "http://localhost/callback",
        "http://localhost:3000/callback",
        "http://127.0.0.1/callback",
        "http://127.0.0.1:65535?a=b",
        "http://[::1]/callback",
        "http://[::1]:1/callback",
        "com.example.app:/callback",
        "com.example.app://callback",
        "com.example.app:callback",
        "com.example.app:",
        &longest,
    ] {
        assert_eq!(uri(text).as_str(), text);
    }
}

/// Each of these is refused as `why`.
#[track_caller]
fn assert_refused(why: RedirectUriError, texts: &[&str]) {
    for text in texts {
        assert_eq!(RedirectUri::parse(text), Err(why), "{text:?}");
    }
}

/// row 58, row 60: "The redirection endpoint URI MUST be an absolute URI", RFC 6749 §3.1.2.
#[test]
fn only_absolute_uris_of_a_safe_scheme_are_registered() {
    let relative = [
        "",
        "/callback",
        "app.example.com/callback",
        "app.example.com:443/callback",
    ];
    assert_refused(Relative, &relative);
    let schemes = [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "javascript://app.example.com/%0aalert(1)",
        "data:text/html,hello",
        "file:///etc/passwd",
        "blob:https://app.example.com/1",
        "about:blank",
        "vbscript:x",
        "ws://app.example.com",
        "wss://app.example.com",
        "ftp://app.example.com",
        "view-source:https://app.example.com",
        "intent://callback",
        "myapp:/callback",
        "urn:ietf:wg:oauth:2.0:oob",
        "1com.example:/callback",
        ".example:/callback",
        "com.example/app:/callback",
        ":/callback",
    ];
    assert_refused(Scheme, &schemes);
}

/// row 58: "authorization servers MUST NOT allow redirection URIs that use the http scheme except for native clients
/// that use loopback interface redirection", RFC 9700 §2.6.
#[test]
fn http_is_registered_only_with_a_loopback_host() {
    let plain = [
        "http://app.example.com/callback",
        "http://192.168.0.1/callback",
        "http://0.0.0.0/callback",
        "http://127.0.0.2/callback",
        "http://127.1/callback",
        "http://2130706433/callback",
        "http://[::]/callback",
        "http://[0:0:0:0:0:0:0:1]/callback",
        "http://[::ffff:127.0.0.1]/callback",
        "http://LOCALHOST/callback",
        "http://localhost./callback",
        "http://app.localhost/callback",
        "http://localhost.example.com/callback",
        "http://127.0.0.1.example.com/callback",
        "http://localhos%74/callback",
    ];
    assert_refused(Plain, &plain);
    let malformed = [
        "https:",
        "https:app.example.com",
        "https:/app.example.com",
        "https://",
        "https:///callback",
        "https://?a=b",
        "https://:443/",
        "https://app.example.com:/callback",
        "https://app.example.com:0/callback",
        "https://app.example.com:080/callback",
        "https://app.example.com:65536/callback",
        "https://app.example.com:99999/callback",
        "https://app.example.com:+80/callback",
        "https://app.example.com:80:80/callback",
        "https://[::1/callback",
        "https://[::g]/callback",
        "https://a..example:x/",
        "https://a%20b.example/",
    ];
    assert_refused(Malformed, &malformed);
    let not_normal = [
        "HTTPS://app.example.com/",
        "https://App.Example.com/",
        "https://%61pp.example.com/",
        "https://127.1/",
        "https://0x7f.0.0.1/",
        "https://[2001:DB8::1]/",
        "https://[2001:db8:0::1]/",
        "com.Example.app:/callback",
    ];
    assert_refused(NotNormal, &not_normal);
}

/// row 58: "The endpoint URI MUST NOT include a fragment component", RFC 6749 §3.1.2.
#[test]
fn fragments_users_patterns_and_other_characters_are_not_registered() {
    let fragments = [
        "https://app.example.com/#",
        "https://app.example.com/callback#x",
        "com.example.app:/callback#x",
    ];
    assert_refused(Fragment, &fragments);
    let users = [
        "https://me@app.example.com/",
        "https://app.example.com:443@evil.example/",
        "http://localhost:80@evil.example/",
        "http://localhost@evil.example/",
        "com.example.app://me@callback",
    ];
    assert_refused(UserInfo, &users);
    let patterns = [
        "https://*.example.com/callback",
        "https://app.example.com/*",
        "http://localhost:*/callback",
    ];
    assert_refused(Pattern, &patterns);
    let characters = [
        "https://app.example.com\\@evil.example/",
        "https://app.example.com\\.evil.example/",
        "https://app.example.com/a b",
        " https://app.example.com/",
        "https://app.example.com/\n",
        "ht\ttps://app.example.com/",
        "https://app.example.com/\u{0}",
        "https://app.example.com/\u{7f}",
        "https://app.example.com/\u{202e}",
        "https://b\u{fc}cher.example/",
        "https://app.example.com/\"onload=",
        "https://app.example.com/<script>",
        "https://app.example.com/{id}",
        "https://app.example.com/|",
        "https://app.example.com/%",
        "https://app.example.com/%a",
        "https://app.example.com/%zz",
    ];
    assert_refused(Character, &characters);
    let long = format!("https://a.example/{}", "x".repeat(MAX_LENGTH - 17));
    assert_refused(TooLong, &[&long]);
}

/// row 58: "simple string comparison", RFC 3986 §6.2.1.
#[test]
fn a_redirect_uri_matches_octet_by_octet() {
    let registered = "https://app.example/cb?a=%2f";
    assert!(matches(registered, registered, ISSUER));
    for requested in [
        "",
        "https://app.example",
        "https://app.example/cb",
        "https://app.example/cb?a=%2F",
        "https://app.example/cb?a=/",
        "https://app.example/cb?a=%2f&b",
        "https://app.example/cb?a=%2f#",
        "https://app.example/cb/?a=%2f",
        "https://app.example/./cb?a=%2f",
        "https://app.example/Cb?a=%2f",
        "https://APP.example/cb?a=%2f",
        "HTTPS://app.example/cb?a=%2f",
        "https://app.example:443/cb?a=%2f",
        "https://app.example:8443/cb?a=%2f",
        "https://app.example./cb?a=%2f",
        "http://app.example/cb?a=%2f",
        "https://app.example/cb?a=%2f ",
        " https://app.example/cb?a=%2f",
        "https://app.example\\/cb?a=%2f",
        "https://x@app.example/cb?a=%2f",
        "//app.example/cb?a=%2f",
    ] {
        assert!(!matches(registered, requested, ISSUER), "{requested}");
    }
    let private = "com.example.app:/cb";
    assert!(matches(private, private, ISSUER));
    assert!(!matches(private, "com.example.app:/cb/", ISSUER));
    assert!(!matches(private, "com.example.app:80/cb", ISSUER));
    let local = "https://localhost/cb";
    assert!(!matches(local, "https://localhost:1234/cb", ISSUER));
}

/// row 59: "The authorization server MUST allow any port to be specified at the time of the request for loopback IP
/// redirect URIs", RFC 8252 §7.3.
#[test]
fn a_loopback_uri_matches_with_any_port() {
    for host in LOOPBACK_HOSTS {
        for registered in ["", ":3000"] {
            let registered = format!("http://{host}{registered}/cb?a=b");
            for port in ["", ":1", ":80", ":3000", ":8080", ":65535"] {
                let requested = format!("http://{host}{port}/cb?a=b");
                assert!(matches(&registered, &requested, ISSUER), "{requested}");
            }
            for rest in [
                ":/cb?a=b",
                ":0/cb?a=b",
                ":080/cb?a=b",
                ":65536/cb?a=b",
                ":99999/cb?a=b",
                ":+80/cb?a=b",
                ":-1/cb?a=b",
                ":8 0/cb?a=b",
                ":\u{661}/cb?a=b",
                ":80:80/cb?a=b",
                ":80@evil.example/cb?a=b",
                "@evil.example/cb?a=b",
                "\\@evil.example/cb?a=b",
                ":80\\@evil.example/cb?a=b",
                ".evil.example/cb?a=b",
                ":80.evil.example/cb?a=b",
                "%2eevil.example/cb?a=b",
                "./cb?a=b",
                ":80/cb",
                ":80/cb?a=b&c",
                ":80/cb?a=b#",
                ":80/cb/?a=b",
                ":80/c%62?a=b",
                ":80?a=b",
                ":80",
                "",
            ] {
                let requested = format!("http://{host}{rest}");
                assert!(!matches(&registered, &requested, ISSUER), "{requested}");
            }
            let authority = format!("{host}:80");
            for before in ["https://", "HTTP://", "ws://", "//", "http:", "http://x@"] {
                let requested = format!("{before}{authority}/cb?a=b");
                assert!(!matches(&registered, &requested, ISSUER), "{requested}");
            }
        }
    }
}

/// row 59: a name and the addresses that it has are three hosts.
#[test]
fn a_loopback_uri_matches_with_its_own_host_only() {
    let others = [
        "evil.example",
        "127.0.0.2",
        "127.1",
        "[::]",
        "LOCALHOST",
        "",
    ];
    for host in LOOPBACK_HOSTS {
        let registered = format!("http://{host}/cb");
        let others = LOOPBACK_HOSTS.iter().chain(&others);
        for other in others.filter(|other| **other != host) {
            for port in ["", ":80"] {
                let requested = format!("http://{other}{port}/cb");
                assert!(!matches(&registered, &requested, ISSUER), "{requested}");
            }
        }
    }
    assert!(matches("http://localhost", "http://localhost:80", ISSUER));
    assert!(!matches("http://localhost", "http://localhost:80/", ISSUER));
    let (registered, requested) = ("http://a.example/cb", "http://a.example:80/cb");
    assert!(!matches(registered, requested, ISSUER));
}

/// row 59: another program of the machine may listen on another port.
#[test]
fn a_uri_at_the_issuers_own_origin_matches_with_its_port_only() {
    const TABLE: &str = "\
        http://localhost:8080 http://localhost:8080/cb http://localhost:8080/cb yes
        http://localhost:8080 http://localhost:8080/cb http://localhost:1234/cb no
        http://localhost:8080 http://localhost:8080/cb http://localhost/cb no
        http://localhost:8080/auth http://localhost:8080/cb http://localhost:1/cb no
        http://localhost http://localhost:80/cb http://localhost:1/cb no
        http://localhost http://localhost/cb http://localhost:80/cb no
        http://[::1]:8080 http://[::1]:8080/cb http://[::1]:1/cb no
        http://localhost:8080 http://localhost:8081/cb http://localhost:1/cb yes
        http://localhost:8080 http://127.0.0.1:8080/cb http://127.0.0.1:1/cb yes
        https://localhost:8080 http://localhost:8080/cb http://localhost:1/cb yes";
    for line in TABLE.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let found = matches(words[1], words[2], words[0]);
        assert_eq!(found, words[3] == "yes", "{line}");
    }
}

#[test]
fn the_requested_uri_is_found_among_the_registered_ones() {
    let find = |requested| {
        let registered = ["https://app.example/cb", "http://localhost/cb"];
        RedirectUri::find(requested, registered.into_iter(), ISSUER)
    };
    for requested in ["http://localhost:1234/cb", "https://app.example/cb"] {
        assert_eq!(find(requested), Some(uri(requested)));
    }
    assert_eq!(find("https://evil.example/cb"), None);
    let none = RedirectUri::find("https://app.example/cb", [].into_iter(), ISSUER);
    assert_eq!(none, None);
}

/// row 106, row 109: the host for display, and whether any local program can receive the redirect.
#[test]
fn the_parts_of_a_redirect_uri_are_found() {
    const TABLE: &str = "\
        https://app.example/cb app.example remote
        https://app.example:443?a=b:c app.example remote
        https://192.0.2.1/cb 192.0.2.1 remote
        https://[2001:db8::1]/cb [2001:db8::1] remote
        https://localhost.example/cb localhost.example remote
        https://localhost/cb localhost local
        https://app.localhost/cb app.localhost local
        https://127.0.0.2/cb 127.0.0.2 local
        http://localhost:1234/cb localhost local
        http://127.0.0.1?a 127.0.0.1 local
        http://[::1]:1234/cb [::1] local
        com.example.app:/cb - local
        com.example.app://cb - local";
    for line in TABLE.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let uri = uri(words[0]);
        assert_eq!(uri.host().unwrap_or("-"), words[1], "{line}");
        let is_local = words[2] == "local";
        assert_eq!(uri.is_loopback_or_private_use(), is_local, "{line}");
    }
}

/// row 58: a registered query "MUST be retained when adding additional query parameters", RFC 6749 §3.1.2.
#[test]
fn parameters_are_added_to_the_query() {
    let parameters = [("code", "a b"), ("state", "é&=+#\"\0%41")];
    let added = "code=a+b&state=%C3%A9%26%3D%2B%23%22%00%2541";
    for (text, before) in [
        ("https://a.example", "https://a.example?"),
        ("https://a.example/cb", "https://a.example/cb?"),
        ("https://a.example/cb?", "https://a.example/cb?"),
        ("https://a.example/cb?x", "https://a.example/cb?x&"),
        (
            "https://a.example/cb?x=%2f?&",
            "https://a.example/cb?x=%2f?&",
        ),
        ("com.example.app:", "com.example.app:?"),
    ] {
        let longer = uri(text).with_parameters(&parameters);
        assert_eq!(longer, format!("{before}{added}"));
        assert_eq!(uri(text).with_parameters(&[]), text);
    }
}

/// Text around the syntax of URIs, so that many cases come close to a match.
fn uri_like() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "http://",
        "https://",
        "localhost",
        "127.0.0.1",
        "[::1]",
        ":",
        ":80",
        ":1234",
        "080",
        "0",
        "@",
        "\\",
        "/",
        "/cb",
        "?",
        "?a=b",
        "#",
        "%2f",
        ".",
        "evil.example",
        " ",
        "é",
    ]);
    prop::collection::vec(part, 1..7).prop_map(|parts| parts.concat())
}

fn loopback_uri() -> impl Strategy<Value = String> {
    let host = prop::sample::select(LOOPBACK_HOSTS.to_vec());
    let port = prop::sample::select(vec!["", ":80", ":1234"]);
    (host, port, "(/[a-z]{0,2})?(\\?[a-z]{0,2})?")
        .prop_map(|(host, port, rest)| format!("http://{host}{port}{rest}"))
}

proptest! {
    /// row 58, row 59: by the URL parser of browsers, too, the only difference is the port of a loopback host.
    #[test]
    fn a_requested_uri_that_matches_differs_in_the_port_of_a_loopback_at_most(
        registered in prop_oneof![uri_like(), loopback_uri()],
        requested in prop_oneof![uri_like(), loopback_uri()],
    ) {
        let is_registered = RedirectUri::parse(&registered).is_ok();
        if is_registered && matches(&registered, &requested, ISSUER) && registered != requested {
            let [mut one, mut other] = [&registered, &requested].map(|uri| Url::parse(uri).unwrap());
            prop_assert_eq!(one.scheme(), "http");
            prop_assert!(LOOPBACK_HOSTS.contains(&one.host_str().unwrap()));
            one.set_port(None).unwrap();
            other.set_port(None).unwrap();
            prop_assert_eq!(&one, &other);
            prop_assert!(RedirectUri::parse(&requested).is_ok());
        }
    }

    /// row 59.
    #[test]
    fn every_loopback_uri_matches_with_every_port(registered in loopback_uri(), port in 1_u16..) {
        let url = Url::parse(&registered).unwrap();
        let rest = registered.split_once("//").unwrap().1;
        let rest = rest.find(['/', '?']).map_or("", |place| &rest[place..]);
        let host = url.host_str().unwrap();
        let requested = format!("http://{host}:{port}{rest}");
        prop_assert!(matches(&registered, &requested, ISSUER));
    }

    /// What is registered is what a browser opens.
    #[test]
    fn a_registered_uri_has_the_host_that_the_url_parser_finds(text in uri_like()) {
        if let Ok(uri) = RedirectUri::parse(&text) {
            let url = Url::parse(&text).unwrap();
            // The host of a private-use scheme has no meaning.
            let host = url.host_str().filter(|_| ["http", "https"].contains(&url.scheme()));
            prop_assert_eq!(host, uri.host());
            prop_assert!(url.username().is_empty() && url.password().is_none());
            prop_assert!(url.fragment().is_none());
        }
    }
}
