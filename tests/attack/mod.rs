//! Attacks that once succeeded.

mod admin;
mod process;
mod rotation;
mod server;
mod sign_in;

use std::net::SocketAddr;
use std::sync::Arc;

use jeton::{app::app, listener};
use tokio::net::TcpListener;

use crate::support::Jeton;

/// Serves the node on a socket until the test ends.
async fn listen(jeton: &Jeton) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Arc::clone(&jeton.server);
    tokio::spawn(async move {
        let settings = server.settings.server.clone();
        let app = app(server);
        let never = std::future::pending();
        listener::serve(listener, app, &settings, never)
            .await
            .unwrap();
    });
    address
}
