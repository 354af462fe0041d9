//! The documents that clients and APIs request most often: the JWKS and the metadata.

use poem::http::{Method, header};
use poem::{Request, Response};

use super::jwks::{self, JwksEndpoint};
use super::metadata::{self, MetadataEndpoint};
use crate::server::AuthorizationServer;

/// Responds to `GET` as the endpoints do, without the router and the parameters of poem-openapi, which take more time
/// than the rest.
#[derive(Default)]
pub struct Documents {
    jwks: JwksEndpoint,
    metadata: MetadataEndpoint,
}

impl Documents {
    /// The response, if the request is for one of these documents.
    pub fn response(&self, request: &Request, server: &AuthorizationServer) -> Option<Response> {
        if request.method() != Method::GET {
            return None;
        }
        let tag = request.headers().get(header::IF_NONE_MATCH);
        match request.uri().path() {
            jwks::PATH => Some(self.jwks.document(server).response(tag)),
            metadata::OAUTH | metadata::OPENID => {
                Some(self.metadata.document(server).response(tag))
            }
            _ => None,
        }
    }
}
