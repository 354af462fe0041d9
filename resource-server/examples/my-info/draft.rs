//! What a person wants the API to know: the body of `PUT /my-info`, checked field by field.

use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaMediaType, MetaRequest, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, Object};
use serde_json::{Map, Value};

use super::problem::Problem;

const MEDIA_TYPE: &str = "application/json";
/// The longest body that is read, in bytes.
const BODY: usize = 16 * 1024;

/// What you want the API to know about you. What is left out is forgotten.
#[derive(Debug, PartialEq, Eq, Object)]
#[oai(example)]
pub struct Draft {
    /// What you are called: 1 to 100 characters.
    pub name: String,
    /// Where mail reaches you: an address of at most 254 characters.
    pub email: Option<String>,
    /// Where calls reach you: 3 to 30 digits, spaces, and `+ - ( ) .`
    pub phone: Option<String>,
    /// What you tell about yourself: at most 500 characters.
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
    /// Reads a JSON object strictly, and complains of every field at once.
    ///
    /// # Errors
    ///
    /// [`Problem::BadRequest`] if it is no JSON object, [`Problem::Fields`] if fields are wrong.
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
            fields.complain("name", "Please tell a name.");
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

/// The members that are still to be read, and the complaints so far.
struct Fields {
    members: Map<String, Value>,
    errors: Vec<(String, String)>,
}

impl Fields {
    /// A text without the spaces around it; an empty one is a missing one.
    fn take(
        &mut self,
        name: &str,
        check: impl FnOnce(&str) -> Result<(), String>,
    ) -> Option<String> {
        let text = match self.members.remove(name)? {
            Value::Null => return None,
            Value::String(text) => text.trim().to_owned(),
            _ => {
                self.complain(name, "This must be a text.");
                return None;
            }
        };
        if text.is_empty() {
            return None;
        }
        if let Err(why) = check(&text) {
            self.complain(name, &why);
        }
        Some(text)
    }

    /// The first complaint of a field stands.
    fn complain(&mut self, name: &str, why: &str) {
        if self.errors.iter().all(|(other, _)| other != name) {
            self.errors.push((name.to_owned(), why.to_owned()));
        }
    }

    fn finish(mut self) -> Result<(), Problem> {
        let unknown: Vec<String> = self.members.keys().cloned().collect();
        for name in unknown {
            self.complain(&name, "There is no such field.");
        }
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(Problem::Fields(self.errors))
        }
    }
}

fn in_one_line(text: &str, longest: usize) -> Result<(), String> {
    if text.contains(['\n', '\t']) {
        return Err("This must be one line.".to_owned());
    }
    in_lines(text, longest)
}

fn in_lines(text: &str, longest: usize) -> Result<(), String> {
    let length = text.chars().count();
    if length > longest {
        return Err(format!(
            "This is {length} characters long; {longest} is the most."
        ));
    }
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err("This has a character that cannot be shown.".to_owned());
    }
    Ok(())
}

/// Only a mail that arrives proves an address; this finds slips of the finger.
fn is_email(text: &str) -> Result<(), String> {
    in_one_line(text, 254)?;
    let (local, domain) = text.rsplit_once('@').unwrap_or_default();
    let spaced = text.contains(char::is_whitespace);
    let dotted = domain.split('.').count() > 1 && domain.split('.').all(|label| !label.is_empty());
    if local.is_empty() || spaced || !dotted {
        return Err("This is no email address, such as ada@example.com.".to_owned());
    }
    Ok(())
}

fn is_phone(text: &str) -> Result<(), String> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let known = text
        .chars()
        .all(|c| c.is_ascii_digit() || " +-().".contains(c));
    if !known || digits < 3 || text.len() > 30 {
        return Err("This is no telephone number, such as +44 20 7946 0000.".to_owned());
    }
    Ok(())
}

/// A [`Draft`] as a request's body. The framework's own JSON payload reads a body of any length, and
/// does not name the field that is wrong.
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
        let json = body.take()?.into_bytes_limit(BODY).await?;
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
    fn every_wrong_field_is_named_at_once() {
        let wrong = r#"{"email":"ada@","phone":"call me","about":7,"nmae":"Ada"}"#;
        assert_eq!(errors(wrong), ["name", "email", "phone", "about", "nmae"]);
    }

    #[test]
    fn lengths_are_in_characters_and_the_longest_passes() {
        let of = |length| format!(r#"{{"name":"{}"}}"#, "é".repeat(length));
        assert!(Draft::parse(of(100).as_bytes()).is_ok());
        assert_eq!(errors(&of(101)), ["name"]);
    }

    #[test]
    fn an_empty_field_is_a_missing_one() {
        let draft = Draft::parse(br#"{"name":" Ada ","email":"","phone":null}"#).unwrap();
        assert_eq!(
            (draft.name.as_str(), draft.email, draft.phone),
            ("Ada", None, None)
        );
        assert_eq!(errors(r#"{"name":"  "}"#), ["name"]);
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        assert_eq!(errors(r#"{"name":"A\u0000da"}"#), ["name"]);
        assert_eq!(errors(r#"{"name":"A\nda"}"#), ["name"]);
        assert!(Draft::parse(br#"{"name":"Ada","about":"one\ntwo"}"#).is_ok());
    }
}
