//! Refused starts: their messages, and that they change nothing.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use sea_orm::{ConnectionTrait as _, Database};

use super::{PASSWORD, Place};

/// A free port: the default one may be in use.
const ANY_PORT: &str = "127.0.0.1:0";

/// The message of a start, without the path of the directory.
fn refusal(place: &Place, arguments: &[&str]) -> String {
    let said = place.run(arguments).refusal();
    said.replace(place.directory.path().to_str().unwrap(), "[here]")
}

/// The message of a start in an empty directory with these settings.
fn refused(settings: &[(&str, &str)]) -> String {
    let mut place = Place::empty().set("JETON_SERVER__LISTEN", ANY_PORT);
    for (name, value) in settings {
        place = place.set(name, *value);
    }
    let said = refusal(&place, &[]);
    assert_eq!(
        place.contents(),
        Vec::<String>::new(),
        "something was created"
    );
    said
}

/// The message of a start with this settings file.
fn refused_file(text: &str) -> String {
    let place = Place::empty();
    place.write("jeton.toml", text);
    let said = refusal(&place, &["--config", "jeton.toml"]);
    assert_eq!(place.contents(), ["jeton.toml"], "something was created");
    said
}

/// A store that was not opened serves after the error is corrected.
fn assert_unharmed(place: &Place) {
    let process = place.start();
    assert_eq!(process.sign_in("admin", PASSWORD).status, 200);
}

#[test]
fn an_unknown_setting_is_reported_with_its_source() {
    insta::assert_snapshot!(refused(&[("JETON_SERVER__LISEN", "127.0.0.1:1")]), @r#"
    jeton: invalid settings:
      server.lisen (JETON_SERVER__LISEN) is not a setting; did you mean server.listen (JETON_SERVER__LISTEN)?
    "#);
    let said = refused(&[("JETON_SERVER__PORT", "8080")]);
    assert!(
        said.contains("the settings in server are body_limit"),
        "{said}"
    );
    insta::assert_snapshot!(refused(&[("JETON_COLOUR", "blue")]), @r#"
    jeton: invalid settings:
      colour (JETON_COLOUR) is not a setting; the settings and sections are access_token, account, audit, bootstrap, data_dir, database, default_client, issuer, keys, log, metrics, page, password, root_secret, server, session, sign_in, sweep
    "#);
    insta::assert_snapshot!(refused(&[("JETON_LOG", "info")]), @r#"
    jeton: invalid settings:
      log (JETON_LOG) is not a setting; the settings in log are filter, format
    "#);
    insta::assert_snapshot!(refused_file("[sesion]\nlifetime = \"1d\"\n"), @r#"
    jeton: invalid settings:
      sesion.lifetime (jeton.toml) is not a setting; did you mean session.lifetime (JETON_SESSION__LIFETIME)?
    "#);
}

/// The most frequent error: one underscore instead of two.
#[test]
fn a_misspelled_setting_is_reported_with_the_right_spelling() {
    insta::assert_snapshot!(refused(&[("JETON_DATABASE_URL", "sqlite:x.db")]), @r#"
    jeton: invalid settings:
      database_url (JETON_DATABASE_URL) is not a setting; did you mean database.url (JETON_DATABASE__URL)?
    "#);
}

/// The password in the URL is not shown, and nothing is created without a database.
#[test]
fn an_unreachable_database_is_reported_without_its_password() {
    let refused = |url: &str| {
        let text = refused(&[("JETON_DATABASE__URL", url)]);
        assert!(!text.contains("pa55"), "{text}");
        text
    };
    insta::assert_snapshot!(refused("mysql://jeton:pa55@db/jeton?sslmode=on"), @r#"
    jeton: invalid settings:
      database.url (JETON_DATABASE__URL) has a parameter that is not one of socket, ssl-ca, ssl-cert, ssl-key, ssl-mode
    "#);
    insta::assert_snapshot!(refused("oracle://jeton:pa55@db/jeton"), @r#"
    jeton: invalid settings:
      database.url (JETON_DATABASE__URL) must be empty, or begin with sqlite:, postgres:// or mysql://; a password is written with its special characters percent-encoded
    "#);
    insta::assert_snapshot!(refused("postgres://jeton:pa55@db/jeton?sslmode=on"), @r#"
    jeton: invalid settings:
      database.url (JETON_DATABASE__URL) has an sslmode that is not one of disable, allow, prefer, require, verify-ca, verify-full
    "#);
    let text = refused("postgres://jeton@db/jeton?password=pa55&sslmode=require");
    assert!(
        text.contains("has a parameter that is not one of"),
        "{text}"
    );
    for (scheme, engine) in [
        ("postgres", "PostgreSQL"),
        ("mysql", "MariaDB or MySQL"),
        ("mariadb", "MariaDB or MySQL"),
    ] {
        let text = refused(&format!("{scheme}://jeton:pa55@127.0.0.1:1/jeton"));
        let message = format!("cannot connect to {engine} at 127.0.0.1:1/jeton");
        assert!(text.contains(&message), "{text}");
        assert!(text.contains("database.url or database.url_file"), "{text}");
        assert!(text.contains("see whether the server runs"), "{text}");
    }
}

#[test]
fn a_value_of_the_wrong_type_is_reported_with_its_source_and_the_accepted_values() {
    insta::assert_snapshot!(refused(&[("JETON_SESSION__LIFETIME", "10")]), @r#"
    jeton: invalid settings:
      session.lifetime (JETON_SESSION__LIFETIME) is not a duration; write a number and a unit, such as "10s", "15m", "12h" or "90d"
    "#);
    insta::assert_snapshot!(refused(&[("JETON_SERVER__BODY_LIMIT", "many")]), @r#"
    jeton: invalid settings:
      server.body_limit (JETON_SERVER__BODY_LIMIT) must be a whole number, 0 or more
    "#);
    insta::assert_snapshot!(refused(&[("JETON_PASSWORD__MEMORY_KIB", "-1")]), @r#"
    jeton: invalid settings:
      password.memory_kib (JETON_PASSWORD__MEMORY_KIB) must be a whole number, 0 or more
    "#);
    insta::assert_snapshot!(refused(&[("JETON_SERVER__LISTEN", "localhost")]), @r#"
    jeton: invalid settings:
      server.listen (JETON_SERVER__LISTEN) must be a host name or an IP address, and a port, such as localhost:8080, 127.0.0.1:8080 or [::1]:8080, or a Unix socket, such as unix:/run/jeton/jeton.sock; several are separated by commas, and each is named once
    "#);
    insta::assert_snapshot!(refused(&[("JETON_SESSION__LATE_RETRY", "twice")]), @r#"
    jeton: invalid settings:
      session.late_retry (JETON_SESSION__LATE_RETRY) must be "same_device", "once" or "never"
    "#);
    insta::assert_snapshot!(refused(&[("JETON_SERVER__TRUSTED_PROXIES", "::1 proxy")]), @r#"
    jeton: invalid settings:
      server.trusted_proxies (JETON_SERVER__TRUSTED_PROXIES) must be networks, such as "10.0.0.0/8 fd00::/8", or empty
    "#);
    insta::assert_snapshot!(refused(&[("JETON_LOG__FORMAT", "xml")]), @r#"
    jeton: invalid settings:
      log.format (JETON_LOG__FORMAT) must be "auto", "pretty" or "json"
    "#);
    insta::assert_snapshot!(refused_file("[session]\nlifetime = \"soon\"\n"), @r#"
    jeton: invalid settings:
      session.lifetime (jeton.toml) is not a duration; write a number and a unit, such as "10s", "15m", "12h" or "90d"
    "#);
    insta::assert_snapshot!(refused_file("[keys]\nbits = []\n"), @r#"
    jeton: invalid settings:
      keys.bits (jeton.toml) must be a whole number, 0 or more
    "#);
}

#[test]
fn an_http_issuer_is_refused_unless_it_is_a_loopback_host_or_allowed() {
    insta::assert_snapshot!(refused(&[("JETON_ISSUER", "http://auth.example.com")]), @r#"
    jeton: invalid settings:
      issuer (JETON_ISSUER) must begin with https://, because with http:// everyone on the network can read passwords and tokens; http:// is for this machine alone, such as http://localhost:8080. If no issuer is set, it is the address of server.listen. For a test network set server.insecure_http = true (JETON_SERVER__INSECURE_HTTP)
    "#);
    insta::assert_snapshot!(refused(&[("JETON_SERVER__LISTEN", "0.0.0.0:0")]), @r#"
    jeton: invalid settings:
      issuer (default) must begin with https://, because with http:// everyone on the network can read passwords and tokens; http:// is for this machine alone, such as http://localhost:8080. If no issuer is set, it is the address of server.listen. For a test network set server.insecure_http = true (JETON_SERVER__INSECURE_HTTP)
    "#);
    for (issuer, insecure) in [
        ("http://auth.example.com", "true"),
        ("https://auth.example.com", "false"),
        ("http://localhost:8080/auth", "false"),
        ("http://jeton.localhost:8080", "false"),
        ("http://127.0.0.2:8080", "false"),
        ("http://[::1]:8080", "false"),
    ] {
        let place = Place::empty().set("JETON_ISSUER", issuer);
        let place = place.set("JETON_SERVER__INSECURE_HTTP", insecure);
        place.ok(&["config"]);
    }
    // Behind TLS of its own, the address is an issuer with https.
    let place = Place::empty()
        .set("JETON_SERVER__LISTEN", "0.0.0.0:0")
        .set("JETON_SERVER__TLS__CERTIFICATE", "server.pem")
        .set("JETON_SERVER__TLS__KEY", "server.key");
    place.ok(&["config"]);
}

#[test]
fn a_value_out_of_range_is_reported_with_the_range() {
    insta::assert_snapshot!(refused(&[("JETON_SIGN_IN__ACCOUNT_INTERVAL", "1d")]), @r#"
    jeton: invalid settings:
      sign_in.account_interval = "1d" (JETON_SIGN_IN__ACCOUNT_INTERVAL) must be between 1ms and 1h
    "#);
    insta::assert_snapshot!(refused(&[("JETON_SIGN_IN__ADDRESS_BURST", "10001"), ("JETON_AUDIT__RETENTION", "1h")]), @r#"
    jeton: invalid settings:
      audit.retention = "1h" (JETON_AUDIT__RETENTION) must be 1d or more
      sign_in.address_burst = "10001" (JETON_SIGN_IN__ADDRESS_BURST) must be between 0 and 10000
    "#);
    insta::assert_snapshot!(refused(&[("JETON_ACCESS_TOKEN__LIFETIME", "31d")]), @r#"
    jeton: invalid settings:
      access_token.lifetime = "31d" (JETON_ACCESS_TOKEN__LIFETIME) must be between 1s and 30d
    "#);
    insta::assert_snapshot!(refused(&[("JETON_ACCESS_TOKEN__LIFETIME", "2d"), ("JETON_SESSION__RETENTION", "1d")]), @r#"
    jeton: invalid settings:
      session.retention = "1d" (JETON_SESSION__RETENTION), access_token.lifetime = "2d" (JETON_ACCESS_TOKEN__LIFETIME): ended sessions must be kept until their last access token has expired
    "#);
    insta::assert_snapshot!(refused(&[("JETON_PASSWORD__MEMORY_KIB", "64")]), @r#"
    jeton: invalid settings:
      password.memory_kib = "64" (JETON_PASSWORD__MEMORY_KIB), password.iterations = "2" (default), password.parallelism = "1" (default): memory 64 KiB with 2 iterations makes passwords too cheap to guess; use 19456 KiB with 2 iterations, 7168 KiB with 5, or more
    "#);
    insta::assert_snapshot!(refused(&[("JETON_SERVER__HEADER_READ_TIMEOUT", "0s")]), @r#"
    jeton: invalid settings:
      server.header_read_timeout = "0s" (JETON_SERVER__HEADER_READ_TIMEOUT) must be 1s or more
    "#);
    insta::assert_snapshot!(refused(&[("JETON_ISSUER", "auth.example.com")]), @r#"
    jeton: invalid settings:
      issuer (JETON_ISSUER) must be an http or https URL without query, fragment or a slash at the end
    "#);
    insta::assert_snapshot!(refused(&[("JETON_BOOTSTRAP__EXAMPLE_API", "http://api.example.com/my-info")]), @r#"
    jeton: invalid settings:
      bootstrap.example_api (JETON_BOOTSTRAP__EXAMPLE_API) must be an origin, such as http://localhost:8081, or empty: an origin is scheme://host:port without path, query or user
    "#);
    for name in [" ", "two\nlines", &"a".repeat(61)] {
        insta::allow_duplicates!(
            insta::assert_snapshot!(refused(&[("JETON_PAGE__NAME", name)]), @r#"
    jeton: invalid settings:
      page.name (JETON_PAGE__NAME) must have 1 to 60 characters, without line breaks and control characters
    "#)
        );
    }
    insta::assert_snapshot!(refused(&[("JETON_KEYS__BITS", "1024")]), @r#"
    jeton: invalid settings:
      keys.bits (JETON_KEYS__BITS) must be 2048, 3072 or 4096
    "#);
    insta::assert_snapshot!(refused(&[("JETON_PASSWORD__MIN_LENGTH", "7"), ("JETON_PASSWORD__MIN_SCORE", "5")]), @r#"
    jeton: invalid settings:
      password.min_length = "7" (JETON_PASSWORD__MIN_LENGTH) must be between 8 and 64
      password.min_score = "5" (JETON_PASSWORD__MIN_SCORE) must be between 0 and 4
    "#);
    insta::assert_snapshot!(refused(&[("JETON_LOG__FILTER", "a=b=c")]), @r#"
    jeton: invalid settings:
      log.filter (JETON_LOG__FILTER) is not a filter; write a level such as info, or info,jeton=debug
    "#);
}

#[test]
fn all_invalid_settings_are_reported_at_once() {
    let settings = [
        ("JETON_COLOUR", "blue"),
        ("JETON_KEYS__BITS", "few"),
        ("JETON_SESSION__IDLE_LIFETIME", "1 fortnight"),
        ("JETON_SESSION__RETRY_WINDOW", "2m"),
    ];
    insta::assert_snapshot!(refused(&settings), @r#"
    jeton: invalid settings:
      colour (JETON_COLOUR) is not a setting; the settings and sections are access_token, account, audit, bootstrap, data_dir, database, default_client, issuer, keys, log, metrics, page, password, root_secret, server, session, sign_in, sweep
      keys.bits (JETON_KEYS__BITS) must be a whole number, 0 or more
      session.idle_lifetime (JETON_SESSION__IDLE_LIFETIME) is not a duration; write a number and a unit, such as "10s", "15m", "12h" or "90d"
      session.retry_window = "2m" (JETON_SESSION__RETRY_WINDOW) must be between 0s and 1m
    "#);
}

#[test]
fn a_secret_in_a_settings_file_is_refused_and_not_shown() {
    let text = "[bootstrap]\nadmin_password = \"hunter2\"\n";
    let said = refused_file(text);
    assert!(!said.contains("hunter2"), "{said}");
    insta::assert_snapshot!(said, @r#"
    jeton: invalid settings:
      bootstrap.admin_password is a secret and must not be in jeton.toml; set it in the environment, JETON_BOOTSTRAP__ADMIN_PASSWORD
    "#);
}

#[test]
fn the_password_of_a_database_is_not_shown() {
    let url = "postgres://jeton:hunter2@db/jeton";
    let said = refused(&[("JETON_DATABASE__URL", url), ("JETON_KEYS__BITS", "1")]);
    assert!(!said.contains("hunter2"), "{said}");
}

/// The parsers of URLs and durations remove or accept some of it silently.
#[test]
fn white_space_inside_an_address_or_a_duration_is_refused() {
    for (name, value) in [
        ("JETON_ISSUER", "https://auth.exam\nple.com"),
        ("JETON_ISSUER", "https://auth.example.com/a b"),
        ("JETON_SERVER__LISTEN", "127.0.0.1: 8080"),
        ("JETON_METRICS__LISTEN", "127.0.0.1:\n9464"),
        ("JETON_BOOTSTRAP__EXAMPLE_API", "http://127.0.0.1:\t8081"),
        ("JETON_DATABASE__URL", "sqlite:je\nton.db"),
        ("JETON_DATABASE__URL", "postgres://jeton:a b@db/jeton"),
        ("JETON_SESSION__LIFETIME", "1h 30m"),
        ("JETON_SESSION__LIFETIME", "90 d"),
    ] {
        let said = refused(&[(name, value)]);
        assert!(said.contains(&format!("({name})")), "{said}");
    }
}

/// A value that is not understood may be a secret in a wrong place, or with a wrong character.
#[test]
fn a_value_that_is_not_understood_is_not_shown() {
    for name in [
        "ISSUER",
        "DATABASE__URL",
        "SERVER__LISTEN",
        "SERVER__TRUSTED_PROXIES",
        "SERVER__BODY_LIMIT",
        "BOOTSTRAP__EXAMPLE_API",
        "SESSION__LIFETIME",
        "SESSION__RETRY_DEVICE",
        "KEYS__BITS",
        "PASSWORD__MIN_SCORE",
        "ACCOUNT__REGISTRATION",
        "METRICS__LISTEN",
        "LOG__FORMAT",
        "HUNTER",
        "ROOT_SECRET",
        "DATABASE",
    ] {
        let said = refused(&[(&format!("JETON_{name}"), "hunter2")]);
        assert!(!said.contains("hunter2"), "{said}");
        assert!(said.contains(&format!("(JETON_{name})")), "{said}");
    }
    for url in [
        "u:hunter2@h/db",
        "postgres://jeton:p@hunter2/word#1@127.0.0.1/j1",
        "postgres://jeton:hunter2#1@127.0.0.1/j1",
        "postgres://jeton:1/hunter2@127.0.0.1/j1",
        "postgres://jeton:1/hunter2?x@127.0.0.1/j1",
    ] {
        let said = refused(&[("JETON_DATABASE__URL", url)]);
        assert!(!said.contains("hunter2"), "{said}");
        let said = refused_file(&format!("[database]\nurl = \"{url}\"\n"));
        assert!(!said.contains("hunter2"), "{said}");
    }
    for text in [
        "[root_secret]\nvalue = hunter2\n",
        "[root_secret]\nvalue = 'hunter2\n",
        "hunter2\n",
        "[bootstrap]\nadmin_password = \"x\" hunter2\n",
        "[bootstrap]\nadmin_password = \"\\hunter2\"\n",
        "hunter2 = 1\nhunter2 = 2\n",
    ] {
        let said = refused_file(text);
        assert!(!said.contains("hunter2"), "{said}");
        assert!(said.contains("jeton.toml is not TOML at line"), "{said}");
    }
}

#[test]
fn a_missing_or_malformed_settings_file_is_named() {
    let place = Place::empty();
    insta::assert_snapshot!(refusal(&place, &["--config", "no/such.toml"]), @r#"
    jeton: invalid settings:
      cannot read the file no/such.toml: No such file or directory (os error 2); correct the path after --config
    "#);
    insta::assert_snapshot!(refused_file("[session\n"), @r#"
    jeton: invalid settings:
      jeton.toml is not TOML at line 1, column 9; write name = "value", each section as [section]
    "#);
}

/// Permission bits do not stop root, but a path below a file does.
#[test]
fn a_data_directory_that_cannot_be_created_is_named() {
    let mut place = Place::empty().set("JETON_SERVER__LISTEN", ANY_PORT);
    place.write("file", "mine");
    for data in ["file", "file/below"] {
        place = place.set("JETON_DATA_DIR", data);
        let said = refusal(&place, &[]);
        assert!(said.contains(&format!("data directory {data}:")), "{said}");
        assert!(said.contains("JETON_DATA_DIR"), "{said}");
    }
    assert_eq!(place.contents(), ["file"]);
    assert_eq!(fs::read_to_string(place.path("file")).unwrap(), "mine");
}

#[test]
fn a_port_in_use_is_reported_before_anything_is_created() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let said = refused(&[("JETON_SERVER__LISTEN", &address)]);
    insta::assert_snapshot!(said.replace(&address, "[address]"), @r#"jeton: cannot listen on [address]: Address already in use (os error 98); stop the process that uses it, or set server.listen (JETON_SERVER__LISTEN) to another address"#);
}

#[test]
fn a_malformed_root_secret_is_reported_with_its_source_and_not_shown() {
    let value = refused(&[("JETON_ROOT_SECRET__VALUE", "hunter2")]);
    assert!(!value.contains("hunter2"), "{value}");
    insta::assert_snapshot!(value, @r#"jeton: root_secret.value (JETON_ROOT_SECRET__VALUE): a root secret must be 32 random bytes or more in base64url, such as `openssl rand -base64 32` prints; several stand one a line, the current one first"#);

    let place = Place::furnished();
    let good = fs::read(place.path("data/root-secret")).unwrap();
    place.write("data/root-secret", "hunter2");
    let place = place.set("JETON_SERVER__LISTEN", ANY_PORT);
    let said = refusal(&place, &[]);
    assert!(!said.contains("hunter2"), "{said}");
    insta::assert_snapshot!(said, @r#"jeton: ./data/root-secret (root_secret.file, JETON_ROOT_SECRET__FILE): a root secret must be 32 random bytes or more in base64url, such as `openssl rand -base64 32` prints; several stand one a line, the current one first"#);
    place.write("data/root-secret", good);
    assert_unharmed(&place);
}

/// Messages about the file contain its path.
#[test]
fn a_root_secret_in_place_of_its_path_is_refused_and_not_shown() {
    for secret in [
        "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnRlcjI",
        "aHVudGVyMmh1/nRlcjJodW50ZXIyaHVudGVyMmh1bnRlcjI=",
    ] {
        let said = refused(&[("JETON_ROOT_SECRET__FILE", secret)]);
        assert!(!said.contains(secret), "{said}");
        assert!(said.contains("JETON_ROOT_SECRET__VALUE"), "{said}");
    }
}

#[test]
fn a_root_secret_that_does_not_open_the_keys_is_refused() {
    let place = Place::furnished();
    let good = fs::read(place.path("data/root-secret")).unwrap();
    let place = place.set("JETON_SERVER__LISTEN", ANY_PORT);
    place.write(
        "data/root-secret",
        "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w\n",
    );
    let said = refusal(&place, &[]);
    assert!(
        said.contains("the root secret does not open signing key"),
        "{said}"
    );
    assert!(said.contains("as a further line"), "{said}");
    place.write("data/root-secret", good);
    assert_unharmed(&place);
}

/// A new secret could not open the keys.
#[test]
fn a_missing_root_secret_is_not_replaced() {
    let place = Place::furnished();
    let good = fs::read(place.path("data/root-secret")).unwrap();
    fs::remove_file(place.path("data/root-secret")).unwrap();
    let place = place.set("JETON_SERVER__LISTEN", ANY_PORT);
    let said = refusal(&place, &[]);
    assert!(
        said.contains("no root secret at ./data/root-secret"),
        "{said}"
    );
    assert!(said.contains("JETON_ROOT_SECRET__FILE"), "{said}");
    assert!(!place.path("data/root-secret").exists());
    place.write("data/root-secret", good);
    assert_unharmed(&place);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_unchanged() {
    let place = Place::furnished().set("JETON_SERVER__LISTEN", ANY_PORT);
    let path = place.path("data/jeton.db");
    let url = format!("sqlite:{}", path.display());
    let change = async |statement: &str| {
        let database = Database::connect(&url).await.unwrap();
        database.execute_unprepared(statement).await.unwrap();
        database.close().await.unwrap();
    };
    change("INSERT INTO seaql_migrations VALUES ('m20991231_000001_future', 0)").await;
    insta::assert_snapshot!(refusal(&place, &[]), @r#"jeton: the database ./data/jeton.db was written by a newer version of Jeton; run that version, or restore the backup made before the upgrade"#);
    insta::assert_snapshot!(refusal(&place, &["user", "list"]), @r#"jeton: the database ./data/jeton.db was written by a newer version of Jeton; run that version, or restore the backup made before the upgrade"#);
    change("DELETE FROM seaql_migrations WHERE version LIKE 'm2099%'").await;
    assert_unharmed(&place);
}

#[test]
fn a_file_that_is_no_database_is_refused_and_unchanged() {
    let place = Place::empty().set("JETON_SERVER__LISTEN", ANY_PORT);
    fs::create_dir(place.path("data")).unwrap();
    let text = "My diary. ".repeat(500);
    place.write("data/jeton.db", &text);
    let said = refusal(&place, &[]);
    assert!(
        said.contains("./data/jeton.db is not a SQLite database"),
        "{said}"
    );
    assert_eq!(
        fs::read_to_string(place.path("data/jeton.db")).unwrap(),
        text
    );
    assert!(!place.path("data/root-secret").exists());
}

/// Commands run, so that the client can be changed.
#[test]
fn a_client_whose_tokens_outlive_its_ended_sessions_is_reported() {
    let place = Place::furnished().set("JETON_SERVER__LISTEN", ANY_PORT);
    place.ok(&["client", "add", "web", "--access-token-lifetime", "2d"]);
    let place = place.set("JETON_SESSION__RETENTION", "1d");
    insta::assert_snapshot!(refusal(&place, &["serve"]), @"jeton: session.retention is 1d, but access tokens of client web live for 2d, and a session that ends must be listed as revoked until its last token has expired; set session.retention (JETON_SESSION__RETENTION) to 2d or more, or shorten them with `jeton client update web --access-token-lifetime 1d`");
    insta::assert_snapshot!(refusal(&place, &["client", "update", "web", "--access-token-lifetime", "3d"]), @"jeton: --access-token-lifetime: must be at most 1d, for which the server keeps ended sessions; session.retention is its setting");
    place.ok(&["client", "update", "web", "--access-token-lifetime", "1d"]);
    assert_unharmed(&place);
}
