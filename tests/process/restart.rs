//! A restart by a service manager that keeps the listening socket, while clients send requests.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use super::http::Connection;
use super::{PASSWORD, PATIENCE, Place, Process, eventually};
use crate::support::certificate::certificate;

const CLIENTS: usize = 8;
const RESTARTS: usize = 3;
/// The pause of a client with an open connection, much shorter than `server.drain_time`.
const PAUSE: Duration = Duration::from_millis(100);

/// The drain ends when the clients have closed their connections.
fn with_long_drain() -> Place {
    Place::furnished()
        .set("JETON_SERVER__DRAIN_TIME", "1h")
        .set("JETON_SERVER__SHUTDOWN_TIMEOUT", "1h")
}

/// Starts the server as systemd does: with its listening socket as file descriptor 3.
fn start(place: &Place, socket: impl Into<OwnedFd>, address: SocketAddr) -> Process {
    spawn(place, socket, address, "1").ready().unwrap()
}

fn spawn(place: &Place, socket: impl Into<OwnedFd>, address: SocketAddr, number: &str) -> Process {
    let jeton = place.command(&[]);
    let settings = jeton.get_envs();
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            "exec 3<&0 0</dev/null; LISTEN_PID=$$ exec \"$0\" serve",
        ])
        .arg(env!("CARGO_BIN_EXE_jeton"))
        .current_dir(place.path(""))
        .env_clear()
        .envs(settings.filter_map(|(name, value)| Some((name, value?))))
        .env("LISTEN_FDS", number)
        .env("LISTEN_FDNAMES", "jeton.socket")
        // Used for the issuer only.
        .env("JETON_SERVER__LISTEN", address.to_string())
        .stdin(Stdio::from(socket.into()))
        .stdout(File::create(place.path("stdout")).unwrap())
        .stderr(File::create(place.path("stderr")).unwrap());
    place.process(shell.spawn().unwrap(), address)
}

/// What the clients of a run have in common.
struct Load<'a> {
    server: &'a Place,
    address: SocketAddr,
    has_ended: AtomicBool,
    answered: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

impl Load<'_> {
    /// Sends refreshes one after the other. A client with `keeps` sends them on one connection until a response says
    /// that the server closes it.
    fn refresh(&self, mut token: String, keeps: bool) {
        let mut open = None;
        while !self.has_ended.load(Ordering::Relaxed) {
            let outcome = match open.take() {
                Some(connection) => Ok(connection),
                None => self.connect(),
            };
            let outcome = outcome.and_then(|mut connection: Connection| {
                let answer = connection.refresh(&token)?;
                Ok((connection, answer))
            });
            match outcome {
                Ok((connection, answer)) if answer.status == 200 => {
                    token = answer.refresh_token();
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    let closes = answer.head.to_lowercase().contains("connection: close");
                    open = (keeps && !closes).then_some(connection);
                }
                Ok((_, answer)) => self.fail(format!("{answer:?}")),
                Err(error) => self.fail(error.to_string()),
            }
            if keeps {
                sleep(PAUSE);
            }
        }
    }

    fn connect(&self) -> std::io::Result<Connection> {
        match &self.server.tls {
            Some(tls) => Connection::open_tls(self.address, tls),
            None => Connection::open(self.address),
        }
    }

    fn fail(&self, what: String) {
        self.failures.lock().unwrap().push(what);
        sleep(PAUSE);
    }

    /// Waits until each client has got several responses.
    fn proceed(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        eventually("requests are answered", || {
            self.answered.load(Ordering::Relaxed) >= before + 10 * CLIENTS
                || !self.failures.lock().unwrap().is_empty()
        });
    }
}

fn is_restarted_without_a_failed_request(place: &Place) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let start = || start(place, socket.try_clone().unwrap(), address);
    let mut server = start();
    let tokens: Vec<String> = (0..CLIENTS)
        .map(|_| server.sign_in("admin", PASSWORD).refresh_token())
        .collect();
    let load = Load {
        server: place,
        address,
        has_ended: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
        failures: Mutex::default(),
    };
    scope(|scope| {
        for (number, token) in tokens.into_iter().enumerate() {
            let load = &load;
            scope.spawn(move || load.refresh(token, number.is_multiple_of(2)));
        }
        for _ in 0..RESTARTS {
            load.proceed();
            server.signal("TERM");
            let status = server.wait();
            if status.code() != Some(0) {
                load.fail(format!("{status}: {}", server.log()));
            }
            server = start();
        }
        load.proceed();
        load.has_ended.store(true, Ordering::Relaxed);
    });
    let failures = load.failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn no_request_fails_while_the_server_restarts() {
    is_restarted_without_a_failed_request(&with_long_drain());
}

#[test]
fn no_request_fails_while_the_server_restarts_with_tls() {
    is_restarted_without_a_failed_request(&with_long_drain().with_tls(&certificate()));
}

/// A connection that has sent nothing, one between two requests, and one with half a head.
#[test]
fn a_request_that_arrives_during_the_shutdown_is_answered_on_its_connection() {
    let place = with_long_drain().set("JETON_SERVER__HEADER_READ_TIMEOUT", "1h");
    let mut server = place.start();
    let new = server.connect();
    let mut used = server.connect();
    used.get("/healthz").unwrap();
    let mut half = server.connect();
    half.send("GET /healthz HTTP/1.1\r\nHost: jeton\r\n")
        .unwrap();
    let mut probe = server.connect();
    assert_eq!(probe.get("/readyz").unwrap().status, 200);

    server.signal("TERM");
    server.log_with("waiting for open connections");
    let answer = probe.get("/readyz").unwrap();
    assert_eq!((answer.status, &*answer.body), (503, "the server stops\n"));
    half.send("\r\n").unwrap();
    for mut connection in [new, used, server.connect()] {
        connection
            .send("GET /healthz HTTP/1.1\r\nHost: jeton\r\n\r\n")
            .unwrap();
        let answer = connection.receive().unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.head.to_lowercase().contains("connection: close"));
        connection.wait_for_end().unwrap();
    }
    assert_eq!(half.receive().unwrap().status, 200);
    drop(half);
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
}

/// Idle connections do not delay the end by more than `server.drain_time`.
#[test]
fn idle_connections_are_closed_at_the_end_of_the_drain_time() {
    let place = Place::furnished()
        .set("JETON_SERVER__DRAIN_TIME", "100ms")
        .set("JETON_SERVER__SHUTDOWN_TIMEOUT", "1h");
    let mut server = place.start();
    let mut idle = vec![server.connect(), server.connect()];
    idle[0].get("/healthz").unwrap();
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    for mut connection in idle {
        connection.wait_for_end().unwrap();
    }
}

#[test]
fn a_unix_socket_of_the_service_manager_is_used_and_kept() {
    let place = Place::furnished();
    let path = place.path("passed.sock");
    let socket = UnixListener::bind(&path).unwrap();
    let server = spawn(&place, socket, ([127, 0, 0, 1], 1).into(), "1");
    server.log_with("started");
    assert_eq!(over(&path).get("/readyz").unwrap().status, 200);
    server.stop("TERM");
    assert!(path.exists());
}

fn over(path: &std::path::Path) -> Connection {
    let stream = std::os::unix::net::UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    Connection::over(stream)
}

#[test]
fn what_is_not_a_listening_socket_is_refused() {
    let place = Place::furnished();
    let address = ([127, 0, 0, 1], 1).into();
    let refusal = |descriptor: OwnedFd, number: &str| {
        let mut server = spawn(&place, descriptor, address, number);
        assert_eq!(server.wait().code(), Some(1), "{}", server.log());
        server.log()
    };
    let file = || File::open(place.path("data/jeton.db")).unwrap().into();
    let said = refusal(file(), "1");
    let expected = "cannot listen on file descriptor 3 \"jeton.socket\" of LISTEN_FDS: ";
    assert!(said.contains(expected), "{said}");
    assert!(said.contains("ListenStream= and Accept=no"), "{said}");
    // The connection that Accept=yes passes.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let said = refusal(connected.into(), "1");
    assert!(said.contains("it does not listen"), "{said}");
    let said = refusal(listener.into(), "2");
    assert!(said.contains("file descriptor 4 \"\""), "{said}");
    let said = refusal(file(), "many");
    assert!(
        said.contains("LISTEN_FDS is not a number of sockets"),
        "{said}"
    );
}

/// A program that was started with sockets may start the server.
#[test]
fn the_sockets_of_another_process_are_not_taken() {
    let place = Place::furnished()
        .set("LISTEN_PID", "1")
        .set("LISTEN_FDS", "1");
    place.start().stop("TERM");
}

/// With `Type=notify`, systemd considers the server started or stopping only when it says so.
#[test]
fn the_service_manager_is_notified() {
    let place = Place::furnished();
    let path = place.path("notify.sock");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let received = || {
        let mut message = [0; 200];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8_lossy(&message[..length]).into_owned()
    };
    let place = place
        .set("NOTIFY_SOCKET", path.to_str().unwrap())
        .set("JETON_SERVER__SHUTDOWN_TIMEOUT", "90s");
    let server = place.start();
    assert_eq!(received(), "READY=1\n");
    server.stop("TERM");
    assert_eq!(received(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=105000000\n");
}

#[cfg(target_os = "linux")]
#[test]
fn the_service_manager_is_notified_at_an_abstract_socket() {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::net::SocketAddr;

    let name = format!("jeton-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = UnixDatagram::bind_addr(&address).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let place = Place::furnished().set("NOTIFY_SOCKET", format!("@{name}"));
    let server = place.start();
    let mut message = [0; 200];
    let length = manager.recv(&mut message).unwrap();
    assert_eq!(&message[..length], b"READY=1\n");
    server.stop("TERM");
}
