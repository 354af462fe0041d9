//! The server under load.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    ops::Deref,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use crate::{
    http::{Connection, Response},
    process::Process,
    store::Store,
};

const STARTUP_TIMEOUT: Duration = Duration::from_secs(30);

/// A running server.
pub struct Server {
    process: Process,
    address: SocketAddr,
}

impl Server {
    /// Starts Jeton and waits until it is ready.
    pub fn start(store: &Store) -> io::Result<Self> {
        let mut server = Self::spawn(store)?;
        server
            .wait_for(Duration::from_millis(20), |connection| {
                connection.get("/readyz")?;
                connection.receive()
            })
            .map_err(|error| io::Error::other(format!("{error}; its log:\n{}", store.log())))?;
        Ok(server)
    }

    /// Starts Jeton without waiting.
    pub fn spawn(store: &Store) -> io::Result<Self> {
        let address = free_address()?;
        let mut command = store.command();
        command
            .arg("serve")
            .env("JETON_SERVER__LISTEN", address.to_string());
        let log = store.create_log()?;
        command.stdout(log.try_clone()?).stderr(log);
        Self::of_command(&mut command, address)
    }

    /// Starts another server, which listens on `address`.
    pub fn of_command(command: &mut Command, address: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            process: Process::spawn(command)?,
            address,
        })
    }

    /// Repeats a request on new connections, with this pause, until its status is 200. Returns that response.
    pub fn wait_for(
        &mut self,
        pause: Duration,
        request: impl Fn(&mut Connection) -> io::Result<Response>,
    ) -> io::Result<Response> {
        let deadline = Instant::now() + STARTUP_TIMEOUT;
        while Instant::now() < deadline {
            let response =
                Connection::open(self.address).and_then(|mut connection| request(&mut connection));
            match response {
                Ok(response) if response.status == 200 => return Ok(response),
                _ => thread::sleep(pause),
            }
            if let Some(status) = self.process.status()? {
                return Err(io::Error::other(format!("the server stopped ({status})")));
            }
        }
        Err(io::Error::other("the server was not ready in time"))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn connect(&self) -> io::Result<Connection> {
        Connection::open(self.address)
    }

    pub fn stop(self) -> io::Result<()> {
        self.process.stop()
    }
}

impl Deref for Server {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
