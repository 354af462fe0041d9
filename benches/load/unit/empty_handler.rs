//! A server of the same framework whose only handler does nothing.

use std::{
    env, io,
    net::SocketAddr,
    process::{Command, Stdio},
    time::Duration,
};

use poem::{Route, get, handler, listener::TcpListener};

use crate::{
    drive::{self, Client},
    options::Options,
    requests::Gets,
    server::{Server, free_address},
};

const PATH: &str = "/";

/// The running server and its clients.
pub struct EmptyHandler {
    _server: Server,
    groups: [Vec<Client>; 1],
    time: Duration,
}

impl EmptyHandler {
    /// Starts this program again, as that server.
    pub fn start(options: &Options) -> io::Result<Self> {
        let address = free_address()?;
        let mut command = Command::new(env::current_exe()?);
        command
            .args(["--serve-empty-handler", &address.to_string()])
            .stdin(Stdio::null());
        let mut server = Server::of_command(&mut command, address)?;
        server.wait_for(Duration::from_millis(20), |connection| {
            connection.get(PATH)?;
            connection.receive()
        })?;
        let clients = (0..options.connections())
            .map(|_| Ok(Client::new(server.connect()?, Gets::new(PATH, Vec::new()))));
        Ok(Self {
            groups: [clients.collect::<io::Result<_>>()?],
            _server: server,
            time: options.time() / 2,
        })
    }

    /// Requests per second under the same load as the server, for half as long.
    pub fn rate(&mut self) -> io::Result<f64> {
        let run = drive::run(&mut self.groups, self.time);
        let requests: usize = run
            .outcomes
            .iter()
            .map(|outcome| outcome.latencies.len())
            .sum();
        let errors = run.outcomes.iter().flat_map(|outcome| &outcome.errors);
        if let Some(error) = errors.into_iter().next() {
            return Err(io::Error::other(format!("empty handler: {error}")));
        }
        let requests = u32::try_from(requests).unwrap_or(u32::MAX);
        Ok(f64::from(requests) / run.elapsed.as_secs_f64())
    }
}

/// Serves the handler until the process is killed.
pub fn serve(address: SocketAddr) -> io::Result<()> {
    #[handler]
    fn nothing() {}

    let runtime = tokio::runtime::Runtime::new()?;
    let server = poem::Server::new(TcpListener::bind(address));
    runtime.block_on(server.run(Route::new().at(PATH, get(nothing))))
}
