//! The end-session endpoint, OpenID Connect RP-Initiated Logout §2.

mod flow;

use std::sync::Arc;

use poem::Request;
use poem::web::Data;
use poem_openapi::param::Query;
use poem_openapi::{Object, OpenApi};

use self::flow::SignOutFlow;
use super::Tag;
use super::form::FormBody;
use super::reply::Reply;
use crate::server::AuthorizationServer;

/// The path of the endpoint.
pub const PATH: &str = "/end-session";

/// The end-session endpoint.
#[derive(Default)]
pub struct EndSessionEndpoint;

/// A sign-out request in a form, or the form of the page.
#[derive(Object)]
struct SignOutForm {
    /// The last ID token of the user, also if it has expired.
    id_token_hint: Option<String>,
    /// Your client.
    client_id: Option<String>,
    /// One of the client's registered post-logout redirect URIs.
    post_logout_redirect_uri: Option<String>,
    /// Returned unchanged.
    state: Option<String>,
}

#[OpenApi]
impl EndSessionEndpoint {
    /// Sign out of the browser
    ///
    /// Send the user's browser here, not a program (OpenID Connect RP-Initiated Logout section 2). With an ID token of
    /// the signed-in user it signs out at once, else it asks first. It revokes the browser session, the sessions that were
    /// begun from it without `offline_access`, and the session of the ID token.
    #[oai(
        path = "/end-session",
        method = "get",
        operation_id = "signOut",
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
        /// The last ID token of the user, also if it has expired.
        id_token_hint: Query<Option<String>>,
        /// Your client.
        client_id: Query<Option<String>>,
        /// One of the client's registered post-logout redirect URIs. It needs `id_token_hint` or `client_id`.
        post_logout_redirect_uri: Query<Option<String>>,
        /// Returned unchanged, at most 2048 bytes.
        state: Query<Option<String>>,
        /// Ignored.
        logout_hint: Query<Option<String>>,
        /// Ignored.
        ui_locales: Query<Option<String>>,
    ) -> Reply {
        // The flow reads the query itself, strictly.
        drop((id_token_hint, client_id, post_logout_redirect_uri));
        drop((state, logout_hint, ui_locales));
        if let Some(reply) = Reply::to_issuer(request, &server.settings.issuer, PATH) {
            return reply;
        }
        match SignOutFlow::read(request, &server) {
            Ok(flow) => flow.show().await,
            Err(reply) => *reply,
        }
    }

    /// Sign out of the browser, by a form
    ///
    /// The same request in a form: the response redirects to the same request by `GET`. The page's own form comes here,
    /// too.
    #[oai(
        path = "/end-session",
        method = "post",
        operation_id = "signOutByForm",
        tag = "Tag::Authorization"
    )]
    async fn form(
        &self,
        request: &Request,
        server: Data<&Arc<AuthorizationServer>>,
        body: FormBody<SignOutForm>,
    ) -> Reply {
        match SignOutFlow::read(request, &server) {
            Ok(flow) => flow.receive(&body.text).await,
            Err(reply) => *reply,
        }
    }
}
