//! Objects whose member names are unique: of two `aud`, one reader may take the first and another
//! the last.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::refusal::Refusal;

/// Why a text is not the object it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// It is no JSON object, or a member has the wrong type.
    Malformed,
    /// A member comes twice.
    Duplicate,
}

impl JsonError {
    /// What it means in a payload.
    pub(crate) const fn of_claims(self) -> Refusal {
        match self {
            Self::Malformed => Refusal::MalformedClaims,
            Self::Duplicate => Refusal::Duplicate,
        }
    }
}

/// Reads an object.
///
/// "The Claim Names within a JWT Claims Set MUST be unique; JWT parsers MUST either reject JWTs with
/// duplicate Claim Names or use a JSON parser that returns only the lexically last duplicate member
/// name", RFC 7519 §4; RFC 7515 §4 says the same of headers. These are rejected.
pub(crate) fn parse_object<T: DeserializeOwned>(text: &[u8]) -> Result<T, JsonError> {
    let Names { unique } = serde_json::from_slice(text).map_err(|_| JsonError::Malformed)?;
    if !unique {
        return Err(JsonError::Duplicate);
    }
    serde_json::from_slice(text).map_err(|_| JsonError::Malformed)
}

/// Whether the names of an object's members are unique.
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

/// A member's name, borrowed unless it is written with escapes.
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
    fn a_name_that_comes_twice_is_seen_however_it_is_written() {
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
    fn what_is_no_object_is_malformed() {
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
