//! The `Authorization` header of a request.

use poem::http::{HeaderMap, HeaderValue, header};

use crate::error::Error;

/// The value of the one `Authorization` header, if there is any.
///
/// # Errors
///
/// [`Error::InvalidRequest`] if there are several.
pub(super) fn single_authorization(headers: &HeaderMap) -> Result<Option<&[u8]>, Error> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let first = values.next().map(HeaderValue::as_bytes);
    if values.next().is_some() {
        return Err(Error::InvalidRequest(
            "several Authorization headers".into(),
        ));
    }
    Ok(first)
}
