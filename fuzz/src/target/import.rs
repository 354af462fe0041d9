//! Files of users to import: JSON lines and CSV. The first byte selects the format.

use std::time::Duration;

use jeton::cli::{Format, Line, Records};
use jeton::clock::Timestamp;
use jeton::password::check_stored;
use jeton::store::user::{Import, ValueChange};
use jeton::username::Username;
use jeton::{display_name, email};
use serde_json::{Map, Value, json};

use super::{Target, selected};
use crate::support::START;

pub struct ImportFiles;

impl Target for ImportFiles {
    fn start() -> Self {
        Self
    }

    fn run(&mut self, input: &[u8]) {
        let Some((format, text)) = selected(input, 2) else {
            return;
        };
        let format = [Format::Jsonl, Format::Csv][usize::from(format)];
        let Ok(mut records) = Records::new(text, format, START) else {
            return;
        };
        let lines = text.split(|byte| *byte == b'\n').count();
        let mut last = 0;
        // An error ends the file, as it ends the command.
        while let Ok(Some(Line { number, user })) = records.read() {
            assert!(number > last, "line {number} after {last}");
            assert!(usize::try_from(number).unwrap() <= lines);
            last = number;
            match user {
                Ok(user) => check(&user),
                Err(message) => assert_message(&message),
            }
        }
    }
}

/// A user is within the documented limits, and reads the same when it is printed.
fn check(user: &Import) {
    let username = Username::parse(&user.username).unwrap();
    assert_eq!(username.as_str(), user.username);
    if let Some(hash) = &user.password_hash {
        assert_eq!(check_stored(hash), Ok(()));
    }
    let attributes = &user.attributes;
    if let ValueChange::Set(name) = &attributes.name {
        assert!(display_name::check(name).is_ok(), "{name:?}");
    }
    if let ValueChange::Set(address) = &attributes.email {
        assert!(email::check(address).is_ok(), "{address:?}");
    }
    if let Some(roles) = &attributes.roles {
        assert!(roles.split(' ').count() <= 50, "{roles}");
        assert!(!roles.contains(char::is_control), "{roles:?}");
    }
    if let Some(at) = user.created_at {
        assert!(at <= START.plus(Duration::from_mins(1)));
    }
    let line = print(user);
    let mut records = Records::new(line.as_bytes(), Format::Jsonl, START).unwrap();
    let again = records.read().unwrap().unwrap().user.unwrap();
    assert_eq!(print(&again), line);
}

fn print(user: &Import) -> String {
    let attributes = &user.attributes;
    let mut line = Map::new();
    line.insert("username".to_owned(), user.username.clone().into());
    let roles = attributes.roles.as_ref().map(|roles| {
        let roles = roles.split_whitespace();
        roles.map(str::to_owned).collect::<Vec<_>>()
    });
    for (name, value) in [
        ("id", json!(user.id)),
        ("password_hash", json!(user.password_hash)),
        (
            "created_at",
            json!(user.created_at.map(Timestamp::as_seconds)),
        ),
        ("disabled", json!(attributes.disabled)),
        ("roles", json!(roles)),
    ] {
        if !value.is_null() {
            line.insert(name.to_owned(), value);
        }
    }
    for (name, change) in [("name", &attributes.name), ("email", &attributes.email)] {
        let value = match change {
            ValueChange::Keep => continue,
            ValueChange::Remove => Value::Null,
            ValueChange::Set(value) => value.clone().into(),
        };
        line.insert(name.to_owned(), value);
    }
    Value::Object(line).to_string()
}

/// A message is one short line: a terminal shows it.
fn assert_message(message: &str) {
    assert!(!message.contains(char::is_control), "{message:?}");
    assert!(message.chars().count() <= 1000, "{message}");
}
