//! `ETag` and `If-Match`, which prevent lost updates (RFC 9110 §13.1.1). A tag is a revision.

use poem::http::{HeaderValue, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::response::problem::Problem;

/// The tag of a revision.
pub fn of(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// All `If-Match` header lines.
pub struct IfMatch(Vec<HeaderValue>);

impl IfMatch {
    /// The revision that a change must find: `current` if the header names it, `None` without the header.
    pub fn revision(&self, current: i64) -> Result<Option<i64>, Problem> {
        if self.0.is_empty() {
            return Ok(None);
        }
        // "An origin server MUST use the strong comparison function": a weak tag matches nothing.
        let own = of(current);
        let mut tags = self
            .0
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        let matches =
            |tag: &[u8]| matches!(tag.trim_ascii(), tag if tag == b"*" || tag == own.as_bytes());
        if tags.any(matches) {
            Ok(Some(current))
        } else {
            Err(Problem::PreconditionFailed)
        }
    }
}

/// Written by hand, because poem's extractor ignores a line that is not ASCII, as tags may be, and all lines but the
/// first: the condition would be ignored.
impl<'a> ApiExtractor<'a> for IfMatch {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::Parameter];
    const PARAM_IS_REQUIRED: bool = false;

    type ParamType = Option<String>;
    type ParamRawType = String;

    fn register(registry: &mut Registry) {
        <String as Type>::register(registry);
    }

    fn param_in() -> Option<MetaParamIn> {
        Some(MetaParamIn::Header)
    }

    fn param_schema_ref() -> Option<MetaSchemaRef> {
        Some(<String as Type>::schema_ref())
    }

    async fn from_request(
        request: &'a Request,
        _body: &mut RequestBody,
        _options: ExtractParamOptions<Self::ParamType>,
    ) -> poem::Result<Self> {
        let lines = request.headers().get_all(header::IF_MATCH).iter();
        Ok(Self(lines.cloned().collect()))
    }
}
