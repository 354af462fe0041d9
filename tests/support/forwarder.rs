//! A TCP forwarder to the database server that a test can silence.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A TCP forwarder between a node and its database server that can stop forwarding.
pub struct Forwarder {
    address: SocketAddr,
    /// While it is true, nothing is forwarded.
    pub silent: watch::Sender<bool>,
}

impl Forwarder {
    /// The forwarder to the server of this URL, and the URL through it.
    pub async fn before(url: &str) -> (Self, String) {
        let mut url = url::Url::parse(url).unwrap();
        let server = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap());
        let forwarder = Self::to(server).await;
        url.set_host(Some("127.0.0.1")).unwrap();
        url.set_port(Some(forwarder.address.port())).unwrap();
        (forwarder, url.into())
    }

    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (silent, state) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((node, _)) = listener.accept().await {
                let (server, state) = (server.clone(), state.clone());
                tokio::spawn(async move { forward(node, &server, state).await });
            }
        });
        Self { address, silent }
    }
}

/// A connection that was silent stays silent: its data is lost.
async fn forward(mut node: TcpStream, server: &str, mut state: watch::Receiver<bool>) {
    let mut server = TcpStream::connect(server).await.unwrap();
    tokio::select! {
        _ = copy_bidirectional(&mut node, &mut server) => return,
        _ = state.wait_for(|silent| *silent) => {}
    }
    let mut discarded = [0; 1024];
    while node.read(&mut discarded).await.is_ok_and(|read| read > 0) {}
}
