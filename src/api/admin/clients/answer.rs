//! How the clients' door answers.

use poem_openapi::payload::Json;
use poem_openapi::{ApiResponse, Object};

use super::shape::{Client, ClientPage};

/// A client that was registered.
#[derive(Object)]
pub struct RegisteredClient {
    /// The client.
    #[oai(flatten)]
    pub client: Client,
    /// The secret of a confidential client, shown this once; what is kept is its digest.
    #[oai(skip_serializing_if_is_none)]
    pub client_secret: Option<String>,
}

#[derive(ApiResponse)]
pub enum ListAnswer {
    /// A page of clients.
    #[oai(status = 200)]
    Ok(Json<ClientPage>),
}

#[derive(ApiResponse)]
pub enum CreateAnswer {
    /// The new client, and its secret.
    #[oai(status = 201)]
    Created(
        Json<RegisteredClient>,
        /// Where the client is found.
        #[oai(header = "Location")]
        String,
        /// Names this state of the client.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
pub enum ClientAnswer {
    /// The client.
    #[oai(status = 200)]
    Ok(
        Json<Client>,
        /// Names this state of the client.
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
pub enum DeleteAnswer {
    /// The client is deleted, and its sessions are over.
    #[oai(status = 204)]
    Deleted,
}
