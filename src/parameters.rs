//! Request parameters in `application/x-www-form-urlencoded`, RFC 6749 §3.2 and Appendix B.

use std::collections::BTreeMap;
use std::fmt;

use percent_encoding::percent_decode;

use crate::error::{Error, ParameterFault};
use crate::secret::Secret;

/// The only parameter that may be repeated, RFC 8707 §2: "Multiple resource parameters MAY be used".
const REPEATABLE: &str = "resource";

/// "the parameters can only be transmitted in the request-body and MUST NOT be included in the
/// request URI", RFC 6749 §2.3.1. The same applies to the user's credentials. And a parameter that narrows
/// a token must not be ignored.
const NEVER_IN_QUERY: [&str; 10] = [
    "client_id",
    "client_secret",
    "client_assertion",
    "username",
    "password",
    "refresh_token",
    "token",
    "grant_type",
    "scope",
    "resource",
];

/// The parameters of one request that have a value, decoded strictly.
#[derive(Default)]
pub struct Parameters(BTreeMap<String, Vec<Secret>>);

impl Parameters {
    /// Parses the body. Refuses credentials in the query, malformed UTF-8 or percent-encoding, and repeated
    /// parameters: "Request and response parameters MUST NOT be included more than once", RFC 6749 §3.2.
    pub fn parse(query: Option<&str>, body: &[u8]) -> Result<Self, Error> {
        let query = Self::decode(query.unwrap_or_default().as_bytes())?;
        if let Some(name) = NEVER_IN_QUERY
            .iter()
            .find(|name| query.0.contains_key(**name))
        {
            return Err(Error::InvalidParameter(ParameterFault::InQuery, name));
        }
        let parameters = Self::decode(body)?;
        let mut names = parameters.0.iter();
        let repeated = names.find(|(name, values)| {
            *name != REPEATABLE && (values.len() > 1 || query.0.contains_key(*name))
        });
        match repeated {
            Some((name, _)) => Err(Error::InvalidParameter(
                ParameterFault::Repeated,
                known(name),
            )),
            None => Ok(parameters),
        }
    }

    /// Parses a query or a body alone. Repeated parameters are not refused: see [`is_repeated`](Self::is_repeated).
    pub fn with_repeated(text: &[u8]) -> Result<Self, Error> {
        Self::decode(text)
    }

    /// Whether `name` has several values.
    pub fn is_repeated(&self, name: &str) -> bool {
        self.all(name).len() > 1
    }

    /// Whether any parameter has several values, but may have only one.
    pub fn any_is_repeated(&self) -> bool {
        let mut all = self.0.iter();
        all.any(|(name, values)| name != REPEATABLE && values.len() > 1)
    }

    /// The value of `name`, if it is present.
    pub fn find(&self, name: &str) -> Option<&Secret> {
        self.0.get(name)?.first()
    }

    /// The value of `name`; [`Error::InvalidParameter`] when it is missing.
    pub fn require(&self, name: &'static str) -> Result<&Secret, Error> {
        self.find(name)
            .ok_or(Error::InvalidParameter(ParameterFault::Missing, name))
    }

    /// All values of a parameter that may be repeated.
    pub fn all(&self, name: &str) -> &[Secret] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    fn decode(text: &[u8]) -> Result<Self, Error> {
        let mut parameters: BTreeMap<String, Vec<Secret>> = BTreeMap::new();
        for pair in text.split(|byte| *byte == b'&') {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode_component(halves.next().unwrap_or_default())?;
            let value = decode_component(halves.next().unwrap_or_default())?;
            // "Parameters sent without a value MUST be treated as if they were omitted from the
            // request", RFC 6749 §3.2.
            if !value.is_empty() {
                parameters.entry(name).or_default().push(Secret::new(value));
            }
        }
        Ok(Self(parameters))
    }
}

/// The name as the code has it: a response contains no input.
fn known(name: &str) -> &'static str {
    let mut names = NEVER_IN_QUERY
        .into_iter()
        .chain(["token_type_hint", "access_token"]);
    names
        .find(|known| *known == name)
        .unwrap_or("one that the server does not use")
}

/// Names only: any value may be a password.
impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Decodes a name or value: `+` is a space, `%` is followed by two hex digits, the result is UTF-8 without
/// NUL.
pub fn decode_component(text: &[u8]) -> Result<String, Error> {
    let malformed = |reason: &'static str| Error::InvalidRequest(reason.into());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        match rest.get(at + 1..at + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => {}
            _ => return Err(malformed("malformed percent-encoding")),
        }
        rest = rest.get(at + 3..).unwrap_or_default();
    }
    let spaced: Vec<u8> = text
        .iter()
        .map(|b| if *b == b'+' { b' ' } else { *b })
        .collect();
    let decoded = percent_decode(&spaced)
        .decode_utf8()
        .map_err(|_| malformed("not UTF-8"))?;
    if decoded.contains('\0') {
        return Err(malformed("a NUL in a parameter"));
    }
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(body: &str, name: &str) -> Option<String> {
        let parameters = Parameters::parse(None, body.as_bytes()).unwrap();
        parameters.find(name).map(|value| value.expose().to_owned())
    }

    #[test]
    fn plus_is_a_space_and_percent_2b_is_a_plus() {
        assert_eq!(value("a=b+c%2B%20d", "a").as_deref(), Some("b c+ d"));
    }

    #[test]
    fn an_empty_value_is_omitted() {
        assert_eq!(value("scope=&a&=x&b=1", "scope"), None);
        assert_eq!(value("scope=&scope=x", "scope").as_deref(), Some("x"));
    }

    #[test]
    fn only_resource_may_be_repeated() {
        assert!(Parameters::parse(None, b"x=1&x=2").is_err());
        let parameters = Parameters::parse(None, b"resource=1&resource=2").unwrap();
        assert_eq!(parameters.all("resource").len(), 2);
    }

    #[test]
    fn a_value_may_hold_an_equals_sign() {
        assert_eq!(value("a=b=c", "a").as_deref(), Some("b=c"));
    }

    #[test]
    fn debug_prints_names_without_values() {
        let parameters = Parameters::parse(None, b"password=hunter2").unwrap();
        assert_eq!(format!("{parameters:?}"), r#"{"password"}"#);
    }

    proptest::proptest! {
        #[test]
        fn decoding_reverses_encoding(text in "[^\0]{1,40}") {
            let encoded = percent_encoding::utf8_percent_encode(
                &text, percent_encoding::NON_ALPHANUMERIC).to_string();
            proptest::prop_assert_eq!(decode_component(encoded.as_bytes()).unwrap(), text);
        }

        #[test]
        fn the_parser_never_panics(bytes in proptest::collection::vec(0_u8..=255, 0..200)) {
            let _ = Parameters::parse(None, &bytes);
        }
    }
}
