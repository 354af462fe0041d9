//! Settings that are in files: the URL of the database and the password of the first user. The exit code of invalid
//! settings.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use super::{PASSWORD, Place};

const INVALID: Option<i32> = Some(78);

/// What it says, after it has exited with this code and changed nothing.
#[track_caller]
fn refused(place: &Place, code: Option<i32>) -> String {
    let before = place.contents();
    let outcome = place.run(&["serve"]);
    assert_eq!(outcome.status.code(), code, "{}", outcome.stderr);
    assert_eq!(place.contents(), before);
    outcome.refusal()
}

#[test]
fn the_database_and_the_first_password_are_configured_by_files() {
    let place = Place::empty()
        .set("JETON_DATABASE__URL_FILE", "url")
        .set("JETON_BOOTSTRAP__ADMIN_PASSWORD_FILE", "password");
    // Only the line ending is not of the password.
    place.write("url", "sqlite:data/other.db\r\n");
    place.write("password", format!("{PASSWORD} \r\n"));
    let server = place.start();
    assert!(place.path("data/other.db").is_file());
    let password = format!("{PASSWORD} ");
    assert_eq!(server.sign_in("admin", &password).status, 200);
    assert!(!place.path("data/admin-password").exists());
    assert!(!server.log().contains(PASSWORD));
    server.stop("TERM");
    // As after the first start of a container.
    fs::remove_file(place.path("password")).unwrap();
    let server = place.start();
    assert_eq!(server.sign_in("admin", &password).status, 200);
    let shown = place.ok(&["config"]);
    assert!(shown.contains("database.url_file"), "{shown}");
}

#[test]
fn a_file_of_the_database_url_that_cannot_be_used_is_reported_and_not_shown() {
    let place = Place::empty().set("JETON_DATABASE__URL_FILE", "url");
    let said = refused(&place, INVALID);
    assert!(
        said.contains("database.url_file (JETON_DATABASE__URL_FILE) is url: the file cannot be read: No such file"),
        "{said}"
    );
    for (text, why) in [
        ("", "is empty"),
        ("postgres://hunter2 hunter2", "white space"),
        ("hunter2", "must"),
    ] {
        place.write("url", text);
        let said = refused(&place, INVALID);
        assert!(said.contains(why), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    place.write("url", "sqlite:data/other.db");
    fs::set_permissions(place.path("url"), Permissions::from_mode(0o644)).unwrap();
    let said = refused(&place, INVALID);
    assert!(said.contains("can be read by all users"), "{said}");
    let place = place.set("JETON_DATABASE__URL", "sqlite:x");
    assert!(refused(&place, INVALID).contains("set one of them"));
}

/// A random password in place of the configured one would surprise.
#[test]
fn a_file_of_the_first_password_that_cannot_be_used_is_reported_and_not_shown() {
    let place = Place::empty()
        .set("JETON_BOOTSTRAP__ADMIN_PASSWORD_FILE", "password")
        .set("JETON_SERVER__LISTEN", "127.0.0.1:0");
    let said = place.run(&["serve"]).refusal();
    assert!(
        said.contains("is password: the file cannot be read: No such file"),
        "{said}"
    );
    place.write("password", "\n");
    let said = place.run(&["serve"]).refusal();
    assert!(said.contains("is empty"), "{said}");
    place.write("password", PASSWORD);
    fs::set_permissions(place.path("password"), Permissions::from_mode(0o604)).unwrap();
    let said = place.run(&["serve"]).refusal();
    assert!(said.contains("can be read by all users"), "{said}");
    assert!(!said.contains(PASSWORD), "{said}");
    fs::set_permissions(place.path("password"), Permissions::from_mode(0o600)).unwrap();
    let server = place.start();
    assert_eq!(server.sign_in("admin", PASSWORD).status, 200);
    server.stop("TERM");
    let place = place.set("JETON_BOOTSTRAP__ADMIN_PASSWORD", PASSWORD);
    assert!(refused(&place, INVALID).contains("set one of them"));
}

/// systemd shows a service copies of the files, which only root can write.
#[test]
fn a_missing_credential_of_systemd_is_named_with_the_file_to_write() {
    let credentials = |name: &str| {
        let place = Place::empty().set("CREDENTIALS_DIRECTORY", "credentials");
        place.set(name, "credentials/jeton.secret")
    };
    for name in [
        "JETON_DATABASE__URL_FILE",
        "JETON_BOOTSTRAP__ADMIN_PASSWORD_FILE",
        "JETON_ROOT_SECRET__FILE",
    ] {
        let place = credentials(name).set("JETON_SERVER__LISTEN", "127.0.0.1:0");
        // No file can be created below a file, also not by root.
        place.write("credentials", "");
        let outcome = place.run(&["serve"]);
        assert_eq!(outcome.status.code(), INVALID, "{}", outcome.stderr);
        let said = outcome.refusal();
        assert!(said.contains("/etc/credstore/jeton.secret"), "{said}");
    }
}

#[test]
fn a_root_secret_that_cannot_be_used_is_an_invalid_setting() {
    let place = Place::empty().set("JETON_ROOT_SECRET__FILE", "root-secret");
    place.write("root-secret", "too short");
    fs::set_permissions(place.path("root-secret"), Permissions::from_mode(0o600)).unwrap();
    let outcome = place.run(&["serve"]);
    assert_eq!(outcome.status.code(), INVALID, "{}", outcome.stderr);
    let said = outcome.refusal();
    assert!(said.contains("openssl rand -base64 32"), "{said}");
    assert!(!said.contains("too short"), "{said}");
}

/// 78 is `EX_CONFIG` of sysexits.h: a service manager does not start the server again.
#[test]
fn invalid_settings_have_an_exit_code_of_their_own() {
    let place = Place::empty();
    let code = |place: &Place| place.run(&["config"]).status.code();
    assert_eq!(code(&place), Some(0));
    assert_eq!(place.run(&["user", "list"]).status.code(), Some(1));
    assert_eq!(place.run(&["no-such-command"]).status.code(), Some(2));
    let unknown = place.set("JETON_COLOUR", "blue");
    assert_eq!(code(&unknown), INVALID);
    let file = Place::empty();
    file.write("jeton.toml", "issuer = ");
    let outcome = file.run(&["--config", "jeton.toml", "config"]);
    assert_eq!(outcome.status.code(), INVALID);
}
