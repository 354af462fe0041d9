//! The authorization endpoint, RFC 6749 §3.1, OpenID Connect Core §3.1.2.

mod flow;
mod form;
mod pages;
mod steps;

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::{Object, OpenApi};

use self::flow::Flow;
use super::Tag;
use super::form::FormBody;
use super::reply::Reply;
use crate::server::AuthorizationServer;

/// The path of the endpoint.
pub const PATH: &str = "/authorize";

/// The authorization endpoint.
#[derive(Default)]
pub struct AuthorizationEndpoint;

/// An authorization request in a form, or the form of a page.
#[derive(Object)]
struct AuthorizationForm {
    /// Your client.
    client_id: Option<String>,
    /// `code`.
    response_type: Option<String>,
    /// One of the client's registered redirect URIs.
    redirect_uri: Option<String>,
    /// The scope, space-separated.
    scope: Option<String>,
    /// Returned unchanged.
    state: Option<String>,
    /// The base64url of the SHA-256 digest of your code verifier (RFC 7636).
    code_challenge: Option<String>,
    /// `S256`.
    code_challenge_method: Option<String>,
}

#[OpenApi]
impl AuthorizationEndpoint {
    /// Sign in on the hosted page
    ///
    /// Send the user's browser here, not a program (RFC 6749 section 4.1, OpenID Connect Core section 3.1). It returns to
    /// `redirect_uri` with `code`, `state` and `iss`, or with `error`. Exchange the code at `/token` within a minute.
    #[oai(
        path = "/authorize",
        method = "get",
        operation_id = "authorize",
        tag = "Tag::Authorization"
    )]
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a parameter of the operation"
    )]
    async fn request(
        &self,
        request: &Request,
        server: Data<&Arc<AuthorizationServer>>,
        /// Your client.
        client_id: Query<Option<String>>,
        /// `code`.
        response_type: Query<Option<String>>,
        /// One of the client's registered redirect URIs. Default: the only one.
        redirect_uri: Query<Option<String>>,
        /// The scope, space-separated; with `openid`, the token response has an ID token. Default: the client's scope.
        scope: Query<Option<String>>,
        /// Returned unchanged, at most 2048 bytes.
        state: Query<Option<String>>,
        /// The base64url of the SHA-256 digest of your code verifier (RFC 7636). Required, unless the client is
        /// registered with PKCE `optional`.
        code_challenge: Query<Option<String>>,
        /// `S256`.
        code_challenge_method: Query<Option<String>>,
        /// The API that receives the access token, one of the client's audiences (RFC 8707). Default: all of them.
        resource: Query<Option<String>>,
        /// Returned in the ID token, at most 512 bytes.
        nonce: Query<Option<String>>,
        /// `none`, or any of `login`, `consent` and `select_account`.
        prompt: Query<Option<String>>,
        /// Maximum age of the sign-in in seconds.
        max_age: Query<Option<String>>,
        /// The username to show on the sign-in page.
        login_hint: Query<Option<String>>,
        /// An ID token of the user who is expected.
        id_token_hint: Query<Option<String>>,
    ) -> Reply {
        // The flow reads the query itself, strictly.
        drop((
            client_id,
            response_type,
            redirect_uri,
            scope,
            state,
            code_challenge,
        ));
        drop((
            code_challenge_method,
            resource,
            nonce,
            prompt,
            max_age,
            login_hint,
            id_token_hint,
        ));
        if let Some(reply) = Reply::to_issuer(request, &server.settings.issuer, PATH) {
            return reply.for_openers();
        }
        let reply = match Flow::read(request, &server) {
            Ok(flow) => flow.show().await,
            Err(reply) => *reply,
        };
        reply.for_openers()
    }

    /// Sign in on the hosted page, by a form
    ///
    /// The same request in a form: the response redirects to the same request by `GET`. The pages' own forms come here,
    /// too.
    #[oai(
        path = "/authorize",
        method = "post",
        operation_id = "authorizeByForm",
        tag = "Tag::Authorization"
    )]
    async fn form(
        &self,
        request: &Request,
        server: Data<&Arc<AuthorizationServer>>,
        body: FormBody<AuthorizationForm>,
    ) -> Reply {
        let reply = match Flow::read(request, &server) {
            Ok(flow) => flow.receive(&body.text).await,
            Err(reply) => *reply,
        };
        reply.for_openers()
    }
}
