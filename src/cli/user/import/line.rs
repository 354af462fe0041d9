//! One user of a file. Errors name the field and never repeat a value, which may be a password hash in a wrong place.

use csv::ByteRecord;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::api::json_body::if_any;
use crate::clock::Timestamp;
use crate::device::printable;
use crate::display_name;
use crate::email;
use crate::password::check_one_of_many;
use crate::roles;
use crate::store::user::{Import, UserAttributes, ValueChange};
use crate::username::Username;

/// The fields of a line, before they are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(default, deserialize_with = "id")]
    id: Option<Uuid>,
    username: String,
    #[serde(default, deserialize_with = "if_any")]
    password_hash: Option<String>,
    #[serde(default = "kept", deserialize_with = "value_or_null")]
    name: ValueChange,
    #[serde(default = "kept", deserialize_with = "value_or_null")]
    email: ValueChange,
    #[serde(default, deserialize_with = "if_any")]
    roles: Option<Vec<String>>,
    #[serde(default, deserialize_with = "if_any")]
    disabled: Option<bool>,
    #[serde(default, deserialize_with = "if_any")]
    created_at: Option<i64>,
}

/// Reads a line of JSON.
pub fn from_json(line: &[u8], now: Timestamp) -> Result<Import, String> {
    // Derived readers also accept an array of the fields in order.
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Err("the line is not a JSON object".to_owned());
    }
    let mut reader = serde_json::Deserializer::from_slice(line);
    let fields: Fields = deserialize(&mut reader)?;
    reader
        .end()
        .map_err(|_| "the line continues after the JSON object")?;
    fields.check(now)
}

/// Reads a record of CSV. An empty value is as good as an absent column.
pub fn from_csv(header: &[String], record: &ByteRecord, now: Timestamp) -> Result<Import, String> {
    if record.len() != header.len() {
        return Err(format!(
            "the line has {} values, and the header has {} columns; quote values with commas or line ends",
            record.len(),
            header.len()
        ));
    }
    let mut object = Map::new();
    for (name, value) in header.iter().zip(record) {
        let value = str::from_utf8(value).map_err(|_| format!("{name}: is not UTF-8"))?;
        if !value.is_empty() {
            object.insert(name.clone(), typed(name, value));
        }
    }
    deserialize::<_, Fields>(Value::Object(object))?.check(now)
}

/// The value of a column in its type. One that does not have it stays text, which is refused by the name of the column.
fn typed(column: &str, value: &str) -> Value {
    match column {
        "roles" => value.split_whitespace().collect(),
        "disabled" | "created_at" => match serde_json::from_str(value) {
            Ok(typed @ (Value::Bool(_) | Value::Number(_))) => typed,
            _ => value.into(),
        },
        _ => value.into(),
    }
}

fn deserialize<'de, D, T>(deserializer: D) -> Result<T, String>
where
    D: Deserializer<'de, Error = serde_json::Error>,
    T: DeserializeOwned,
{
    serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        let text = error.to_string();
        let detail = text.split(" at line ").next().unwrap_or(&text);
        if error.classify() != Category::Data {
            return format!(
                "the line is not JSON: {detail}, at column {}",
                error.column()
            );
        }
        if let Some((_, expected)) = detail.rsplit_once(", expected ")
            && detail.starts_with("invalid ")
        {
            return format!("{}: expected {expected}", printable(&path));
        }
        if ["missing ", "unknown ", "duplicate "]
            .iter()
            .any(|start| detail.starts_with(start))
        {
            return printable(detail);
        }
        format!("{}: {}", printable(&path), printable(detail))
    })
}

/// Reads an id. Other forms of a UUID would change the `sub` that other systems know.
fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    let not_uuid = || {
        D::Error::custom(
            "must be a UUID such as 550e8400-e29b-41d4-a716-446655440000; leave out ids of another form, and keep \
             a list of the old and the new ids",
        )
    };
    let text = String::deserialize(deserializer).map_err(|_| not_uuid())?;
    let id: Uuid = text.parse().map_err(|_| not_uuid())?;
    if id.to_string().eq_ignore_ascii_case(&text) {
        Ok(Some(id))
    } else {
        Err(not_uuid())
    }
}

fn kept() -> ValueChange {
    ValueChange::Keep
}

fn value_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ValueChange, D::Error> {
    let value = Option::deserialize(deserializer)?;
    Ok(value.map_or(ValueChange::Remove, ValueChange::Set))
}

impl Fields {
    fn check(self, now: Timestamp) -> Result<Import, String> {
        let username = Username::parse(&self.username).map_err(|why| format!("username: {why}"))?;
        if let Some(hash) = &self.password_hash {
            check_one_of_many(hash).map_err(|why| {
                format!(
                    "password_hash: {why}; see \"Imported password hashes\" in docs/operating.md"
                )
            })?;
        }
        if let ValueChange::Set(name) = &self.name {
            display_name::check(name).map_err(|why| format!("name: {why}"))?;
        }
        if let ValueChange::Set(email) = &self.email {
            email::check(email).map_err(|why| format!("email: {why}"))?;
        }
        let roles = self.roles.as_deref().map(roles::parse).transpose();
        let created_at = self
            .created_at
            .map(|at| Timestamp::past(at, now))
            .transpose();
        Ok(Import {
            id: self.id,
            username: username.as_str().to_owned(),
            password_hash: self.password_hash,
            created_at: created_at.map_err(|why| format!("created_at: {why}"))?,
            attributes: UserAttributes {
                username: None,
                roles: roles.map_err(|why| format!("roles: {why}"))?,
                disabled: self.disabled,
                name: self.name,
                email: self.email,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);
    const HASH: &str = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    #[track_caller]
    fn refusal(line: &str) -> String {
        let message = from_json(line.as_bytes(), NOW).unwrap_err();
        assert!(!message.contains("CCCC"), "{message}");
        message
    }

    #[test]
    fn absent_values_are_kept_and_null_removes() {
        let user = from_json(br#"{"username":"Bob","name":null,"roles":[]}"#, NOW).unwrap();
        assert_eq!((user.username.as_str(), user.id), ("bob", None));
        assert_eq!(user.attributes.name, ValueChange::Remove);
        assert_eq!(user.attributes.email, ValueChange::Keep);
        assert_eq!(user.attributes.roles.as_deref(), Some(""));
        assert_eq!(user.attributes.disabled, None);
        let header = ["username", "name", "roles", "disabled"].map(str::to_owned);
        let record = ByteRecord::from(vec!["Bob", "", "b  a", "true"]);
        let user = from_csv(&header, &record, NOW).unwrap();
        assert_eq!(user.attributes.name, ValueChange::Keep);
        assert_eq!(user.attributes.roles.as_deref(), Some("b a"));
        assert_eq!(user.attributes.disabled, Some(true));
    }

    #[test]
    fn an_id_is_a_uuid_in_its_usual_form() {
        for id in [
            "7".to_owned(),
            r#""7""#.to_owned(),
            r#""550e8400e29b41d4a716446655440000""#.to_owned(),
            format!("\"{HASH}\""),
        ] {
            let message = refusal(&format!(r#"{{"username":"bob","id":{id}}}"#));
            assert!(message.starts_with("id: must be a UUID"), "{message}");
        }
    }

    #[test]
    fn an_error_names_the_field_and_does_not_repeat_a_value() {
        for (members, start) in [
            (r#""username":"x""#.to_owned(), "duplicate field `username`"),
            (
                r#""rolls":[]"#.to_owned(),
                "unknown field `rolls`, expected one of `id`, ",
            ),
            (
                format!(r#""password_hash":["{HASH}"]"#),
                "password_hash: expected a string",
            ),
            (
                r#""password_hash":null"#.to_owned(),
                "password_hash: expected a string",
            ),
            (
                format!(r#""password_hash":"{HASH}x""#),
                "password_hash: bcrypt: ",
            ),
            (
                r#""password_hash":"hunter2""#.to_owned(),
                "password_hash: unknown algorithm: ",
            ),
            (format!(r#""name":["{HASH}"]"#), "name: expected a string"),
            (
                format!(r#""email":"{HASH}""#),
                "email: must be an email address",
            ),
            (format!(r#""roles":"{HASH}""#), "roles: expected a sequence"),
            (
                format!(r#""roles":["a b {HASH}"]"#),
                "roles: a user has at most 50 roles",
            ),
            (
                format!(r#""roles":[7,"{HASH}"]"#),
                "roles[0]: expected a string",
            ),
            (
                format!(r#""disabled":"{HASH}, expected a bird""#),
                "disabled: expected a boolean",
            ),
            (
                format!(r#""created_at":"{HASH}""#),
                "created_at: expected i64",
            ),
            (r#""created_at":1.5"#.to_owned(), "created_at: expected i64"),
            (
                r#""created_at":1767225600000"#.to_owned(),
                "created_at: must be a time in seconds",
            ),
        ] {
            let message = refusal(&format!(r#"{{"username":"bob",{members}}}"#));
            assert!(message.starts_with(start), "{members}: {message}");
        }
        assert!(refusal(r#"{"name":"Bob"}"#).starts_with("missing field `username`"));
        assert!(refusal(r#"{"username":"a b"}"#).starts_with("username: a username consists"));
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        for (line, message) in [
            ("[]", "the line is not a JSON object"),
            (HASH, "the line is not a JSON object"),
            (
                r#"{"username":"bob""#,
                "the line is not JSON: EOF while parsing an object, at column 17",
            ),
            (
                r#"{"username":"bob"} {}"#,
                "the line continues after the JSON object",
            ),
        ] {
            assert_eq!(from_json(line.as_bytes(), NOW).unwrap_err(), message);
        }
        assert!(from_json(b"{\"username\":\"\xff\"}", NOW).is_err());
    }
}
