//! Responses that may be cached: `Cache-Control`, `ETag` and 304, RFC 9110 §13.1.2.

use std::marker::PhantomData;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::body::Bytes;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::{Json, Payload};
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};

/// Bytes of the digest in an entity tag.
const TAG: usize = 16;

/// At least the number of headers of a response, those of the request layers included.
const HEADERS: usize = 14;

/// A document that may be cached.
#[derive(ApiResponse)]
pub enum Cached<T: ToJSON> {
    /// The document.
    #[oai(status = 200)]
    Ok(
        Prebuilt<T>,
        /// Identifies this version.
        #[oai(header = "ETag")]
        String,
        /// How long it may be cached.
        #[oai(header = "Cache-Control")]
        String,
    ),
    /// `If-None-Match` names the current document.
    #[oai(status = 304)]
    NotModified(
        /// Identifies this version.
        #[oai(header = "ETag")]
        String,
        /// How long it may be cached.
        #[oai(header = "Cache-Control")]
        String,
    ),
}

impl<T: ToJSON> Cached<T> {
    /// The document, or 304 if the client has it.
    pub fn answer(document: &Prebuilt<T>, if_none_match: Option<&str>) -> Self {
        let text = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let (tag, cache_control) = (text(&document.tag), text(&document.cache_control));
        if matches(if_none_match, &tag) {
            Self::NotModified(tag, cache_control)
        } else {
            Self::Ok(document.clone(), tag, cache_control)
        }
    }
}

/// The JSON of a document, its entity tag and its `Cache-Control`.
pub struct Prebuilt<T> {
    json: Bytes,
    tag: HeaderValue,
    cache_control: HeaderValue,
    documented: PhantomData<fn() -> T>,
}

impl<T: ToJSON> Prebuilt<T> {
    /// Serializes a document that may be cached for this time.
    pub fn new(document: &T, age: Duration) -> Self {
        Self::with(document, &format!("public, max-age={}", age.as_secs()))
    }

    /// Serializes a document that a cache must revalidate each time.
    pub fn private(document: &T) -> Self {
        Self::with(document, "private, no-cache")
    }

    fn with(document: &T, cache_control: &str) -> Self {
        let json = document.to_json_string();
        let value =
            |text: &str| HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        Self {
            tag: value(&entity_tag(json.as_bytes())),
            cache_control: value(cache_control),
            json: json.into(),
            documented: PhantomData,
        }
    }

    /// The response that [`Cached`] describes.
    pub fn response(&self, if_none_match: Option<&HeaderValue>) -> Response {
        let if_none_match = if_none_match.and_then(|value| value.to_str().ok());
        let is_cached = matches(if_none_match, self.tag.to_str().unwrap_or_default());
        let mut response = Response::default();
        let headers = response.headers_mut();
        headers.reserve(HEADERS);
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::CACHE_CONTROL, self.cache_control.clone());
        if is_cached {
            response.set_status(StatusCode::NOT_MODIFIED);
        } else {
            let content_type = HeaderValue::from_static(<Self as Payload>::CONTENT_TYPE);
            headers.insert(header::CONTENT_TYPE, content_type);
            response.set_body(Body::from_bytes(self.json.clone()));
        }
        response
    }
}

impl<T> Clone for Prebuilt<T> {
    fn clone(&self) -> Self {
        Self {
            json: self.json.clone(),
            tag: self.tag.clone(),
            cache_control: self.cache_control.clone(),
            documented: PhantomData,
        }
    }
}

impl<T: Type> Payload for Prebuilt<T> {
    const CONTENT_TYPE: &'static str = Json::<T>::CONTENT_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type> IntoResponse for Prebuilt<T> {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type(Self::CONTENT_TYPE)
            .body(Body::from_bytes(self.json))
    }
}

/// The entity tag of a body.
pub fn entity_tag(body: &[u8]) -> String {
    let digest = digest(&SHA256, body);
    let tag = digest.as_ref().get(..TAG).unwrap_or_default();
    format!("\"{}\"", URL_SAFE_NO_PAD.encode(tag))
}

/// Whether `If-None-Match` names the tag; "A recipient MUST use the weak comparison function",
/// RFC 9110 §13.1.2.
pub fn matches(if_none_match: Option<&str>, tag: &str) -> bool {
    if_none_match.is_some_and(|given| {
        given
            .split(',')
            .map(str::trim)
            .any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
    })
}
