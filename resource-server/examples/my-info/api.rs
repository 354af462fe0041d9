//! The API: see and change your own info.

use std::time::{Duration, UNIX_EPOCH};

use jeton_resource_server::poem::Bearer;
use jeton_resource_server::{Requirement, Requires, Verifier};
use poem_openapi::param::Header;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi, Tags};

use super::database::{Database, Model};
use super::draft::DraftBody;
use super::problem::Problem;

/// The path of both operations.
pub const PATH: &str = "/my-info";
/// What a token may allow here, and what that means.
pub const SCOPES: [(&str, &str); 2] = [
    ("my-info:read", "See your info."),
    ("my-info:write", "Change your info."),
];

/// The API.
pub struct MyInfoApi {
    /// Where the info is.
    pub database: Database,
    /// Who answers refusals that depend on a setting.
    pub verifier: Verifier,
    /// How old a sign-in may be that changes something.
    pub fresh_sign_in: Duration,
}

/// Whoever wants to see their info.
pub struct Read;

impl Requires for Read {
    const REQUIREMENT: Requirement = Requirement::scopes(&["my-info:read"]);
}

/// Whoever wants to change it. How recent the sign-in must be is a setting, so the operation asks that.
pub struct Write;

impl Requires for Write {
    const REQUIREMENT: Requirement = Requirement::scopes(&["my-info:write"]);
}

#[derive(Tags)]
enum Tag {
    /// What the API knows about you.
    Info,
}

/// What the API knows about you.
#[derive(Object)]
#[oai(skip_serializing_if_is_none)]
struct MyInfo {
    /// Your id at the authorization server: the `sub` of your tokens.
    sub: String,
    /// What you are called; missing until you say.
    name: Option<String>,
    /// Where mail reaches you.
    email: Option<String>,
    /// Where calls reach you.
    phone: Option<String>,
    /// What you tell about yourself.
    about: Option<String>,
    /// When you came first, RFC 3339.
    created_at: String,
    /// When you changed something last, RFC 3339; missing until you do.
    updated_at: Option<String>,
}

impl From<Model> for MyInfo {
    fn from(row: Model) -> Self {
        Self {
            sub: row.subject,
            name: row.name,
            email: row.email,
            phone: row.phone,
            about: row.about,
            created_at: rfc3339(row.created_at),
            updated_at: row.updated_at.map(rfc3339),
        }
    }
}

#[derive(ApiResponse)]
enum MyInfoAnswer {
    /// What the API knows about you now.
    #[oai(status = 200)]
    Ok(
        Json<MyInfo>,
        /// The version of what you see, for `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

impl From<Model> for MyInfoAnswer {
    fn from(row: Model) -> Self {
        let etag = etag(&row);
        Self::Ok(Json(row.into()), etag)
    }
}

#[OpenApi]
impl MyInfoApi {
    /// See my info
    ///
    /// At the first visit the API makes a row for you. Needs the scope `my-info:read`.
    #[oai(
        path = "/my-info",
        method = "get",
        operation_id = "fetchMyInfo",
        tag = "Tag::Info"
    )]
    async fn see(&self, token: Bearer<Read>) -> Result<MyInfoAnswer, Problem> {
        Ok(self.database.find_or_make(&token.subject).await?.into())
    }

    /// Change my info
    ///
    /// Needs the scope `my-info:write`, and a recent sign-in: if yours is too old, the answer is 401
    /// with `insufficient_user_authentication` and `max_age` (RFC 9470). Sign in again then; a
    /// refresh does not make a sign-in younger.
    #[oai(
        path = "/my-info",
        method = "put",
        operation_id = "changeMyInfo",
        tag = "Tag::Info"
    )]
    async fn change(
        &self,
        token: Bearer<Write>,
        /// The ETag of what you saw: if it was changed since, the answer is 412. Left out: whatever is
        /// there is replaced.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        draft: DraftBody,
    ) -> Result<MyInfoAnswer, Problem> {
        let recent = Requirement {
            max_age: Some(self.fresh_sign_in),
            ..Write::REQUIREMENT
        };
        token
            .satisfies(&recent)
            .map_err(|refusal| Problem::Token(Box::new(self.verifier.error_response(refusal, &recent))))?;
        let row = self.database.find_or_make(&token.subject).await?;
        let expected = if_match.0.is_some().then_some(row.version);
        if if_match.0.is_some_and(|tags| !names(&tags, &etag(&row))) {
            return Err(Problem::Changed);
        }
        let changed = self
            .database
            .change(&token.subject, draft.0, expected)
            .await?;
        Ok(changed.ok_or(Problem::Changed)?.into())
    }
}

fn rfc3339(seconds: i64) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    humantime::format_rfc3339_seconds(time).to_string()
}

fn etag(row: &Model) -> String {
    format!("\"{}\"", row.version)
}

/// Whether an `If-Match` names this version, RFC 9110 §13.1.1.
fn names(if_match: &str, etag: &str) -> bool {
    if_match.trim() == "*" || if_match.split(',').any(|tag| tag.trim() == etag)
}
