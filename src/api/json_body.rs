//! JSON request bodies of the API. Errors name the invalid field.

use std::marker::PhantomData;

use poem::http::Method;
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::{Password, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;

use crate::api::bearer;
use crate::response::body;
use crate::response::problem::Problem;

const JSON: &str = "application/json";
/// A JSON merge patch, RFC 7396.
const MERGE_PATCH: &str = "application/merge-patch+json";

/// A JSON object: a `T`, which `serde` reads because its errors name the field, with the schema of `S`.
#[derive(Debug)]
pub struct JsonBody<T, S = T>(pub T, PhantomData<S>);

impl<'a, T: DeserializeOwned, S: Type> ApiExtractor<'a> for JsonBody<T, S> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        S::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: JSON,
                schema: S::schema_ref(),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let is_patch = request.method() == Method::PATCH;
        if !is_json(request.content_type(), is_patch) {
            return Err(Problem::UnsupportedMediaType { is_patch }.into());
        }
        let limit = bearer::server(request)?.settings.server.body_limit;
        let bytes = body::read(request, body, limit).await?;
        Ok(Self(parse(&bytes)?, PhantomData))
    }
}

/// Reads a password. The error does not quote what was sent.
pub fn password<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Password, D::Error> {
    let text = String::deserialize(deserializer);
    text.map(Password)
        .map_err(|_| D::Error::custom("expected a string"))
}

/// Reads a password that may be absent.
pub fn password_if_any<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Password>, D::Error> {
    password(deserializer).map(Some)
}

/// Reads a field that may be absent, but not null.
pub fn if_any<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Parameters are ignored: JSON is always UTF-8 (RFC 8259 §8.1).
fn is_json(content_type: Option<&str>, is_patch: bool) -> bool {
    let essence = content_type.and_then(|text| text.split(';').next());
    let essence = essence.map(str::trim).unwrap_or_default();
    essence.eq_ignore_ascii_case(JSON) || is_patch && essence.eq_ignore_ascii_case(MERGE_PATCH)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Derived readers also accept an array of the fields in order; and their errors quote any other
    // value, which may be a password.
    let first = bytes.trim_ascii_start().first();
    if first.is_some_and(|first| *first != b'{') {
        return Err(Problem::BadRequest("The body is not a JSON object.".into()));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        problem(&path, &error.into_inner())
    })?;
    match reader.end() {
        Ok(()) => Ok(value),
        Err(_) => Err(Problem::BadRequest(
            "The body continues after the JSON object.".into(),
        )),
    }
}

fn problem(path: &str, error: &serde_json::Error) -> Problem {
    if error.classify() != Category::Data {
        return Problem::BadRequest(format!("The body is not JSON: {error}.").into());
    }
    let text = error.to_string();
    // The position in the text adds nothing to the field's name.
    let detail = text.split(" at line ").next().unwrap_or(&text).to_owned();
    // A missing, unknown or repeated field is named in the message; the path is that of its object.
    let named = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|start| detail.strip_prefix(start)?.split('`').next());
    match (named, path) {
        (Some(name), "." | "") => Problem::invalid(name, detail.clone()),
        (Some(name), path) if path == name => Problem::invalid(name, detail.clone()),
        (Some(name), path) => Problem::invalid(&format!("{path}.{name}"), detail.clone()),
        (None, "." | "") => Problem::BadRequest(format!("The body: {detail}.").into()),
        (None, path) => Problem::invalid(path, detail),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Body {
        #[expect(dead_code, reason = "it is read from JSON")]
        name: String,
        #[expect(dead_code, reason = "it is read from JSON")]
        roles: Vec<String>,
    }

    #[track_caller]
    fn invalid(text: &str) -> (String, String) {
        match parse::<Body>(text.as_bytes()) {
            Err(Problem::Invalid(mut fields)) => {
                let field = fields.remove(0);
                (field.field, field.detail)
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_error_names_the_field() {
        assert_eq!(
            invalid(r#"{"name":"a"}"#),
            ("roles".into(), "missing field `roles`".into())
        );
        let (field, detail) = invalid(r#"{"name":"a","roles":[],"rolls":[]}"#);
        assert_eq!(field, "rolls");
        assert_eq!(detail, "unknown field `rolls`, expected `name` or `roles`");
        let (field, _) = invalid(r#"{"name":"a","roles":[],"name":"b"}"#);
        assert_eq!(field, "name");
        let (field, detail) = invalid(r#"{"name":1,"roles":[]}"#);
        assert_eq!(field, "name");
        assert_eq!(detail, "invalid type: integer `1`, expected a string");
        let (field, _) = invalid(r#"{"name":"a","roles":["a",2]}"#);
        assert_eq!(field, "roles[1]");
    }

    #[test]
    fn a_body_that_is_not_a_json_object_is_a_bad_request() {
        for text in [
            "",
            " ",
            "{",
            "[]",
            r#"["a",[]]"#,
            "\n [\"a\", []]",
            "null",
            r#""a secret""#,
            r#"{"name":"a","roles":[]} {}"#,
            "\u{1}",
            "\u{feff}{}",
        ] {
            match parse::<Body>(text.as_bytes()) {
                Err(Problem::BadRequest(detail)) => assert!(!detail.contains("secret"), "{detail}"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
    }
}
