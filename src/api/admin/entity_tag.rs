//! Against lost updates: an `ETag` names the state that somebody saw, and `If-Match` says that only
//! this state is to be changed, RFC 9110 §13.1.1.

use poem::http::{HeaderValue, header};
use poem::{Request, RequestBody};
use poem_openapi::registry::{MetaParamIn, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};

use crate::response::problem::Problem;

/// The tag of a state, by how often it was changed.
pub fn of(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// `If-Match`: all lines of it, as they are.
pub struct IfMatch(Vec<HeaderValue>);

impl IfMatch {
    /// Whether there is a condition.
    pub const fn is_there(&self) -> bool {
        !self.0.is_empty()
    }

    /// Lets a change pass when there is no condition, or when it names the state.
    ///
    /// # Errors
    ///
    /// [`Problem::PreconditionFailed`] when it names others.
    pub fn check(&self, revision: i64) -> Result<(), Problem> {
        // "An origin server MUST use the strong comparison function": a weak tag matches nothing.
        let own = of(revision);
        let mut named = self
            .0
            .iter()
            .flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
        let matches =
            |tag: &[u8]| matches!(tag.trim_ascii(), tag if tag == b"*" || tag == own.as_bytes());
        if !self.is_there() || named.any(matches) {
            Ok(())
        } else {
            Err(Problem::PreconditionFailed)
        }
    }
}

/// Written by hand, because the framework's passes over a line that is not ASCII, as tags may be, and
/// over all lines but the first: a condition that nobody reads would hold.
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
