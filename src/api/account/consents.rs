//! A user's consents: list and withdrawal.

use std::collections::BTreeMap;
use std::sync::Arc;

use poem::web::Data;
use poem_openapi::param::Path;
use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object, OpenApi};

use super::Tag;
use super::signed_in::SignedIn;
use crate::api::bearer::Scopes;
use crate::response::problem::Problem;
use crate::server::AuthorizationServer;
use crate::store::{client, consent};

/// The operations at `/account/consents`.
#[derive(Default)]
pub struct ConsentsApi;

/// Your consents, by client.
#[derive(Object)]
#[oai(rename = "AccountConsents")]
struct Consents {
    /// The consents.
    consents: Vec<Consent>,
}

/// What you have allowed a client on the sign-in page.
#[derive(Object)]
#[oai(rename = "AccountConsent")]
struct Consent {
    /// The client.
    client_id: String,
    /// The client's name.
    client_name: String,
    /// The allowed scope, space-separated.
    scope: String,
    /// When you last consented, in seconds since 1970.
    granted_at: i64,
}

#[derive(ApiResponse)]
enum ListAnswer {
    /// Your consents.
    #[oai(status = 200)]
    Ok(Json<Consents>),
}

#[derive(ApiResponse)]
enum WithdrawAnswer {
    /// The consent is withdrawn, and your sessions at the client are revoked.
    #[oai(status = 204)]
    Withdrawn,
}

#[OpenApi]
impl ConsentsApi {
    /// List my consents
    ///
    /// Returns what you have allowed the clients of third parties on the sign-in page.
    #[oai(
        path = "/account/consents",
        method = "get",
        operation_id = "listAccountConsents",
        tag = "Tag::Account"
    )]
    async fn list(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Account")] signed_in: SignedIn,
    ) -> Result<ListAnswer, Problem> {
        let rows = consent::list(&server.store, signed_in.user.id).await?;
        let clients = client::list(&server.store).await?.into_iter();
        let mut names: BTreeMap<_, _> = clients.map(|client| (client.id, client.name)).collect();
        let shown = rows.into_iter().filter_map(|row| {
            Some(Consent {
                client_name: names.remove(&row.client_id)?,
                client_id: row.client_id,
                scope: row.scope,
                granted_at: row.granted_at.as_seconds(),
            })
        });
        Ok(ListAnswer::Ok(Json(Consents {
            consents: shown.collect(),
        })))
    }

    /// Withdraw one of my consents
    ///
    /// Revokes all your sessions at the client. It must ask you again.
    #[oai(
        path = "/account/consents/:client_id",
        method = "delete",
        operation_id = "withdrawAccountConsent",
        tag = "Tag::Account"
    )]
    async fn withdraw(
        &self,
        server: Data<&Arc<AuthorizationServer>>,
        #[oai(scope = "Scopes::Account")] signed_in: SignedIn,
        /// The client's id.
        client_id: Path<String>,
    ) -> Result<WithdrawAnswer, Problem> {
        let (user_id, cause) = (signed_in.user.id, signed_in.cause());
        let withdrawn = consent::withdraw(&server.store, user_id, &client_id.0, &cause).await?;
        withdrawn
            .map(|_| WithdrawAnswer::Withdrawn)
            .ok_or(Problem::NotFound)
    }
}
