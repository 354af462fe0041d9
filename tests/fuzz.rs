//! The fuzz targets on their seeds.

use std::fs;
use std::path::Path;

use self::target::{Running, Target};

#[path = "../fuzz/src/target/mod.rs"]
mod target;

/// Runs a target on the files in its folder of seeds.
fn run<T: Target>(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(name);
    let target = Running::<T>::default();
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        // The name of the last file is that of a failing seed.
        println!("{}", path.display());
        target.run(&fs::read(path).unwrap());
    }
}

#[test]
fn bodies_of_the_admin_api_are_applied_as_documented_or_refused() {
    run::<target::admin::Admin>("admin");
}

#[test]
fn only_genuine_authorization_codes_are_opened() {
    run::<target::authorization_code::Codes>("authorization_code");
}

#[test]
fn only_credentials_of_a_client_in_a_basic_header_get_a_token() {
    run::<target::basic::Basic>("basic");
}

#[test]
fn only_the_cookie_of_a_browser_session_signs_in() {
    run::<target::browser_session::BrowserSessions>("browser_session");
}

#[test]
fn form_bodies_get_responses_of_the_protocol() {
    run::<target::form::Form>("form");
}

#[test]
fn imported_users_are_within_the_limits_and_read_the_same_when_printed() {
    run::<target::import::ImportFiles>("import");
}

#[test]
fn only_genuine_jwts_are_accepted_each_as_its_kind() {
    run::<target::jwt::Jwts>("jwt");
}

#[test]
fn a_hash_beyond_the_accepted_work_is_not_computed() {
    run::<target::password_hash::PasswordHashes>("password_hash");
}

#[test]
fn only_genuine_refresh_tokens_are_accepted() {
    run::<target::refresh_token::RefreshTokens>("refresh_token");
}

#[test]
fn settings_files_are_within_the_limits_or_refused_without_their_values() {
    run::<target::settings::SettingsFiles>("settings");
}
