//! A look at a form in the body, which the handler still gets whole.

use futures_util::stream::{self, StreamExt as _};
use poem::http::header::CONTENT_TYPE;
use poem::{Body, Request, RequestBody};

use crate::credentials::{LONGEST_FORM, is_form};

/// The beginning of the body, if it is a form.
pub(super) async fn peek(request: &Request, body: &mut RequestBody) -> Option<Vec<u8>> {
    if !is_form(request.headers().get(CONTENT_TYPE)) {
        return None;
    }
    let mut rest = Box::pin(body.take().ok()?.into_bytes_stream().fuse());
    let mut read = Vec::new();
    let mut seen = Vec::new();
    while seen.len() < LONGEST_FORM {
        let Some(chunk) = rest.next().await else {
            break;
        };
        let broken = chunk.is_err();
        if let Ok(bytes) = &chunk {
            seen.extend_from_slice(bytes);
        }
        read.push(chunk);
        if broken {
            break;
        }
    }
    *body = RequestBody::new(Body::from_bytes_stream(stream::iter(read).chain(rest)));
    Some(seen)
}
