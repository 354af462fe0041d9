//! Reads the beginning of a form; the handler still receives the whole body.

use futures_util::stream::{self, StreamExt as _};
use poem::http::header::CONTENT_TYPE;
use poem::{Body, Request, RequestBody};

use crate::credentials::{MAX_FORM_PREFIX, is_form};

/// The beginning of the body, if it is a form.
pub(super) async fn read_prefix(request: &Request, body: &mut RequestBody) -> Option<Vec<u8>> {
    if !is_form(request.headers().get(CONTENT_TYPE)) {
        return None;
    }
    let mut rest = Box::pin(body.take().ok()?.into_bytes_stream().fuse());
    let mut read = Vec::new();
    let mut prefix = Vec::new();
    while prefix.len() < MAX_FORM_PREFIX {
        let Some(chunk) = rest.next().await else {
            break;
        };
        let failed = chunk.is_err();
        if let Ok(bytes) = &chunk {
            prefix.extend_from_slice(bytes);
        }
        read.push(chunk);
        if failed {
            break;
        }
    }
    *body = RequestBody::new(Body::from_bytes_stream(stream::iter(read).chain(rest)));
    Some(prefix)
}
