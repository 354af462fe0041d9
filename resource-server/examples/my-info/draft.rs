//! The body of `PUT /my-info`, checked field by field.

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object};
use serde_json::{Map, Value};

use super::problem::Problem;

const MEDIA_TYPE: &str = "application/json";
/// Maximum size of the body, in bytes.
const MAX_BODY: usize = 16 * 1024;

/// Your new info. Omitted fields are deleted.
#[derive(Debug, PartialEq, Eq, Object)]
#[oai(example)]
pub struct Draft {
    /// Your name: 1 to 100 characters.
    pub name: String,
    /// Your email address: at most 254 characters.
    pub email: Option<String>,
    /// Your telephone number: 3 to 30 digits, spaces, and `+ - ( ) .`
    pub phone: Option<String>,
    /// A text about yourself: at most 500 characters.
    pub about: Option<String>,
}

impl poem_openapi::types::Example for Draft {
    fn example() -> Self {
        Self {
            name: "Ada Lovelace".to_owned(),
            email: Some("ada@example.com".to_owned()),
            phone: Some("+44 20 7946 0000".to_owned()),
            about: Some("I write programs.".to_owned()),
        }
    }
}

impl Draft {
    /// Parses a JSON object strictly and reports all invalid fields at once.
    pub fn parse(json: &[u8]) -> Result<Self, Problem> {
        let mut fields = match serde_json::from_slice(json) {
            Ok(Value::Object(members)) => Fields {
                members,
                errors: Vec::new(),
            },
            Ok(_) => {
                return Err(Problem::BadRequest(
                    "The body is not a JSON object.".to_owned(),
                ));
            }
            Err(error) => {
                return Err(Problem::BadRequest(format!(
                    "The body is not JSON: {error}."
                )));
            }
        };
        let name = fields.take("name", |name| in_one_line(name, 100));
        if name.is_none() {
            fields.reject("name", "Please enter a name.");
        }
        let draft = Self {
            name: name.unwrap_or_default(),
            email: fields.take("email", is_email),
            phone: fields.take("phone", is_phone),
            about: fields.take("about", |about| in_lines(about, 500)),
        };
        fields.finish()?;
        Ok(draft)
    }
}

/// The members that are not parsed yet, and the errors so far.
struct Fields {
    members: Map<String, Value>,
    errors: Vec<(String, String)>,
}

impl Fields {
    /// Removes a member and trims its text; an empty text counts as missing.
    fn take(
        &mut self,
        name: &str,
        check: impl FnOnce(&str) -> Result<(), String>,
    ) -> Option<String> {
        let text = match self.members.remove(name)? {
            Value::Null => return None,
            Value::String(text) => text.trim().to_owned(),
            _ => {
                self.reject(name, "This must be a string.");
                return None;
            }
        };
        if text.is_empty() {
            return None;
        }
        if let Err(why) = check(&text) {
            self.reject(name, &why);
        }
        Some(text)
    }

    /// Adds an error, unless the field has one already.
    fn reject(&mut self, name: &str, why: &str) {
        if self.errors.iter().all(|(other, _)| other != name) {
            self.errors.push((name.to_owned(), why.to_owned()));
        }
    }

    fn finish(mut self) -> Result<(), Problem> {
        let unknown: Vec<String> = self.members.keys().cloned().collect();
        for name in unknown {
            self.reject(&name, "Unknown field.");
        }
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::Fields(self.errors))
        }
    }
}

fn in_one_line(text: &str, max_length: usize) -> Result<(), String> {
    if text.contains(['\n', '\t']) {
        return Err("This must be one line.".to_owned());
    }
    in_lines(text, max_length)
}

fn in_lines(text: &str, max_length: usize) -> Result<(), String> {
    let length = text.chars().count();
    if length > max_length {
        return Err(format!(
            "This has {length} characters; the maximum is {max_length}."
        ));
    }
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err("This contains a control character.".to_owned());
    }
    Ok(())
}

/// Finds typing errors; only a delivered mail proves an address.
fn is_email(text: &str) -> Result<(), String> {
    in_one_line(text, 254)?;
    let (local, domain) = text.rsplit_once('@').unwrap_or_default();
    let spaced = text.contains(char::is_whitespace);
    let dotted = domain.split('.').count() > 1 && domain.split('.').all(|label| !label.is_empty());
    if local.is_empty() || spaced || !dotted {
        return Err("This is not an email address such as ada@example.com.".to_owned());
    }
    Ok(())
}

fn is_phone(text: &str) -> Result<(), String> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let known = text
        .chars()
        .all(|c| c.is_ascii_digit() || " +-().".contains(c));
    if !known || digits < 3 || text.len() > 30 {
        return Err("This is not a telephone number such as +44 20 7946 0000.".to_owned());
    }
    Ok(())
}

/// A [`Draft`] as a request's body. The framework's JSON payload has no size limit and does not name the
/// invalid field.
pub struct DraftBody(pub Draft);

impl<'a> ApiExtractor<'a> for DraftBody {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        Draft::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType {
                content_type: MEDIA_TYPE,
                schema: Draft::schema_ref(),
            }],
            required: true,
        })
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let content_type = request.content_type().unwrap_or_default();
        let essence = content_type.split(';').next().unwrap_or_default();
        if !essence.trim().eq_ignore_ascii_case(MEDIA_TYPE) {
            return Err(Problem::NotJson.into());
        }
        let json = body.take()?.into_bytes_limit(MAX_BODY).await?;
        Ok(Self(Draft::parse(&json)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(json: &str) -> Vec<String> {
        match Draft::parse(json.as_bytes()) {
            Err(Problem::Fields(fields)) => fields.into_iter().map(|(name, _)| name).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn all_invalid_fields_are_reported_at_once() {
        let wrong = r#"{"email":"ada@","phone":"call me","about":7,"nmae":"Ada"}"#;
        assert_eq!(errors(wrong), ["name", "email", "phone", "about", "nmae"]);
    }

    #[test]
    fn lengths_are_counted_in_characters() {
        let of = |length| format!(r#"{{"name":"{}"}}"#, "é".repeat(length));
        assert!(Draft::parse(of(100).as_bytes()).is_ok());
        assert_eq!(errors(&of(101)), ["name"]);
    }

    #[test]
    fn an_empty_field_counts_as_missing() {
        let draft = Draft::parse(br#"{"name":" Ada ","email":"","phone":null}"#).unwrap();
        assert_eq!(
            (draft.name.as_str(), draft.email, draft.phone),
            ("Ada", None, None)
        );
        assert_eq!(errors(r#"{"name":"  "}"#), ["name"]);
    }

    #[test]
    fn control_characters_are_refused() {
        assert_eq!(errors(r#"{"name":"A\u0000da"}"#), ["name"]);
        assert_eq!(errors(r#"{"name":"A\nda"}"#), ["name"]);
        assert!(Draft::parse(br#"{"name":"Ada","about":"one\ntwo"}"#).is_ok());
    }
}
