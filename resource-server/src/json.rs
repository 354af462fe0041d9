//! Parses JSON objects and rejects duplicate member names: of two `aud`, one reader may use the first
//! and another the last.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::refusal::Refusal;

/// Why a text is not a valid object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// Not a JSON object, or a member has the wrong type.
    Malformed,
    Duplicate,
}

/// Parses the payload of a token.
pub(crate) fn parse_claims<T: DeserializeOwned>(payload: &[u8]) -> Result<T, Refusal> {
    parse_object(payload).map_err(|error| match error {
        JsonError::Malformed => Refusal::MalformedClaims,
        JsonError::Duplicate => Refusal::Duplicate,
    })
}

/// Parses an object.
///
/// "The Claim Names within a JWT Claims Set MUST be unique; JWT parsers MUST either reject JWTs with
/// duplicate Claim Names or use a JSON parser that returns only the lexically last duplicate member
/// name", RFC 7519 §4; RFC 7515 §4 has the same rule for headers.
pub(crate) fn parse_object<T: DeserializeOwned>(text: &[u8]) -> Result<T, JsonError> {
    let Names { unique } = serde_json::from_slice(text).map_err(|_| JsonError::Malformed)?;
    if !unique {
        return Err(JsonError::Duplicate);
    }
    serde_json::from_slice(text).map_err(|_| JsonError::Malformed)
}

struct Names {
    unique: bool,
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamesVisitor)
    }
}

struct NamesVisitor;

impl<'de> Visitor<'de> for NamesVisitor {
    type Value = Names;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
        let mut seen = HashSet::new();
        let mut unique = true;
        while let Some(Name(name)) = map.next_key()? {
            map.next_value::<IgnoredAny>()?;
            unique &= seen.insert(name);
        }
        Ok(Names { unique })
    }
}

/// The name of a member, borrowed unless it contains escapes.
#[derive(Deserialize, PartialEq, Eq, Hash)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct One {
        a: Option<u8>,
    }

    #[test]
    fn a_duplicate_name_is_found_also_when_escaped() {
        let twice = [
            r#"{"a":1,"a":2}"#,
            r#"{"b":1,"b":1}"#,
            r#"{"a":1,"\u0061":2}"#,
        ];
        for text in twice {
            let parsed = parse_object::<One>(text.as_bytes());
            assert_eq!(parsed, Err(JsonError::Duplicate), "{text}");
        }
    }

    #[test]
    fn other_values_than_objects_are_malformed() {
        for text in [
            "",
            "[]",
            "1",
            "null",
            "{\"a\":1} x",
            "{\"a\":300}",
            "\u{feff}{}",
        ] {
            let parsed = parse_object::<One>(text.as_bytes());
            assert_eq!(parsed, Err(JsonError::Malformed), "{text:?}");
        }
        assert_eq!(parse_object(b" {\"b\": [1]} "), Ok(One { a: None }));
    }
}
