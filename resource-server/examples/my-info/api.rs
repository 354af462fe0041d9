//! The API: read and change the info of the signed-in user.

use std::time::{Duration, UNIX_EPOCH};

use jeton_resource_server::poem::Bearer;
use jeton_resource_server::{Requirement, Requires, Verifier};
use poem_openapi::param::Header;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi, Tags};

use super::database::{Database, Model};
use super::draft::DraftBody;
use super::problem::Problem;

pub const PATH: &str = "/my-info";
/// The scopes of this API and their descriptions.
pub const SCOPES: [(&str, &str); 2] = [
    ("my-info:read", "See your info."),
    ("my-info:write", "Change your info."),
];

pub struct MyInfoApi {
    pub database: Database,
    /// Builds the response to a refusal that depends on `fresh_sign_in`.
    pub verifier: Verifier,
    /// Maximum age of a sign-in for changes.
    pub fresh_sign_in: Duration,
}

/// The requirement for reading.
pub struct Read;

impl Requires for Read {
    const REQUIREMENT: Requirement = Requirement::scopes(&["my-info:read"]);
}

/// The requirement for changes. `max_age` is a setting, so the operation checks it.
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
    /// Your name; missing until you set it.
    name: Option<String>,
    /// Your email address.
    email: Option<String>,
    /// Your telephone number.
    phone: Option<String>,
    /// A text about yourself.
    about: Option<String>,
    /// The time of your first request, RFC 3339.
    created_at: String,
    /// The time of your last change, RFC 3339; missing before the first.
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
enum MyInfoResponse {
    /// What the API knows about you now.
    #[oai(status = 200)]
    Ok(
        Json<MyInfo>,
        /// The version of this info, for `If-Match`.
        #[oai(header = "ETag")]
        String,
    ),
}

impl From<Model> for MyInfoResponse {
    fn from(row: Model) -> Self {
        let etag = etag(&row);
        Self::Ok(Json(row.into()), etag)
    }
}

#[OpenApi]
impl MyInfoApi {
    /// See my info
    ///
    /// Your first request creates a row for you. Requires the scope `my-info:read`.
    #[oai(
        path = "/my-info",
        method = "get",
        operation_id = "fetchMyInfo",
        tag = "Tag::Info"
    )]
    async fn fetch(&self, token: Bearer<Read>) -> Result<MyInfoResponse, Problem> {
        Ok(self.database.find_or_create(&token.subject).await?.into())
    }

    /// Change my info
    ///
    /// Requires the scope `my-info:write` and a recent sign-in. If yours is too old, the response is 401
    /// with `insufficient_user_authentication` and `max_age` (RFC 9470). Then sign in again; a refresh
    /// does not count as a sign-in.
    #[oai(
        path = "/my-info",
        method = "put",
        operation_id = "changeMyInfo",
        tag = "Tag::Info"
    )]
    async fn change(
        &self,
        token: Bearer<Write>,
        /// The ETag of the info you read: if it has changed since, the response is 412. Without this
        /// header the current info is replaced.
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        draft: DraftBody,
    ) -> Result<MyInfoResponse, Problem> {
        let recent = Requirement {
            max_age: Some(self.fresh_sign_in),
            ..Write::REQUIREMENT
        };
        token.satisfies(&recent).map_err(|refusal| {
            Problem::Token(Box::new(self.verifier.error_response(refusal, &recent)))
        })?;
        let row = self.database.find_or_create(&token.subject).await?;
        let expected = if_match.0.is_some().then_some(row.version);
        if if_match
            .0
            .is_some_and(|tags| !matches_etag(&tags, &etag(&row)))
        {
            return Err(Problem::Conflict);
        }
        let changed = self
            .database
            .change(&token.subject, draft.0, expected)
            .await?;
        Ok(changed.ok_or(Problem::Conflict)?.into())
    }
}

fn rfc3339(seconds: i64) -> String {
    let time = UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
    humantime::format_rfc3339_seconds(time).to_string()
}

fn etag(row: &Model) -> String {
    format!("\"{}\"", row.version)
}

/// Whether an `If-Match` contains this `ETag`, RFC 9110 §13.1.1.
fn matches_etag(if_match: &str, etag: &str) -> bool {
    if_match.trim() == "*" || if_match.split(',').any(|tag| tag.trim() == etag)
}
