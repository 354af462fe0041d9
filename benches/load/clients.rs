//! The clients of the load, with the users, sessions and clients that they need.

use std::io;

use serde::Deserialize;
use serde_json::json;

use crate::{
    drive::Client,
    http::Connection,
    options::Options,
    requests::{Gets, Introspections, Refreshes, Requests as _, SignIns, TokenResponse},
    server::Server,
    store::{ISSUER, PASSWORD, Store, USERNAME},
    stored_sessions,
};

/// The output of `jeton client add`.
#[derive(Deserialize)]
struct AddedClient {
    client_id: String,
    client_secret: String,
}

/// Creates clients of one server.
pub struct Clients<'a> {
    pub server: &'a Server,
    pub store: &'a Store,
    pub options: &'a Options,
}

impl Clients<'_> {
    /// Clients that refresh, with the sessions distributed over them. Each has at least one.
    pub fn refresh(&self, count: usize) -> io::Result<Vec<Client>> {
        let tokens = self.refresh_tokens(count)?;
        let mut requests: Vec<Refreshes> = (0..count.min(tokens.len()))
            .map(|_| Refreshes::default())
            .collect();
        for (index, token) in (0..requests.len()).cycle().zip(tokens) {
            if let Some(requests) = requests.get_mut(index) {
                requests.add(token);
            }
        }
        requests
            .into_iter()
            .map(|requests| Ok(Client::new(self.server.connect()?, requests)))
            .collect()
    }

    /// Refreshes of one new session.
    pub fn session(&self) -> io::Result<Refreshes> {
        let mut requests = Refreshes::default();
        requests.add(sign_in(&mut self.server.connect()?)?.refresh);
        Ok(requests)
    }

    fn refresh_tokens(&self, least: usize) -> io::Result<Vec<String>> {
        let sessions = self.options.sessions;
        if self.options.stored
            && let Some(root_secret) = self.store.root_secret()
        {
            return stored_sessions::refresh_tokens(self.store.database(), root_secret, sessions);
        }
        let mut connection = self.server.connect()?;
        let sessions = usize::try_from(sessions).unwrap_or(usize::MAX).max(least);
        (0..sessions)
            .map(|_| Ok(sign_in(&mut connection)?.refresh))
            .collect()
    }

    /// Clients that sign in, each with a user of its own.
    pub fn password(&self, count: usize) -> io::Result<Vec<Client>> {
        let mut connection = self.server.connect()?;
        (0..count)
            .map(|number| {
                let username = format!("load-{number}");
                register(&mut connection, &username)?;
                let requests = SignIns::new(&username, PASSWORD);
                Ok(Client::new(self.server.connect()?, requests))
            })
            .collect()
    }

    /// Clients that request a document, which must have `member` now and be the same in all responses.
    pub fn get(&self, path: &'static str, member: &str, count: usize) -> io::Result<Vec<Client>> {
        let mut connection = self.server.connect()?;
        connection.get(path)?;
        let body = connection.receive()?.body;
        let document: serde_json::Value = serde_json::from_slice(&body)?;
        if document.get(member).is_none() {
            return Err(io::Error::other(format!("{path} has no {member}")));
        }
        (0..count)
            .map(|_| {
                Ok(Client::new(
                    self.server.connect()?,
                    Gets::new(path, body.clone()),
                ))
            })
            .collect()
    }

    /// Clients that introspect an access token, as one confidential client.
    pub fn introspect(&self, count: usize) -> io::Result<Vec<Client>> {
        let access_token = sign_in(&mut self.server.connect()?)?.access;
        let added = self.add_client()?;
        (0..count)
            .map(|_| {
                let requests =
                    Introspections::new(&added.client_id, &added.client_secret, &access_token);
                Ok(Client::new(self.server.connect()?, requests))
            })
            .collect()
    }

    /// Registers a confidential client under a name that no earlier run has used.
    fn add_client(&self) -> io::Result<AddedClient> {
        let port = self.server.address().port();
        let name = format!("load-{}-{port}", std::process::id());
        let output = self
            .store
            .command()
            .args(["client", "add", &name, "--confidential", "--json"])
            .args(["--audience", ISSUER])
            .output()?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(io::Error::other(reason));
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// The tokens of a new session.
struct Tokens {
    access: String,
    refresh: String,
}

fn sign_in(connection: &mut Connection) -> io::Result<Tokens> {
    SignIns::new(USERNAME, PASSWORD).send(connection)?;
    let response = connection.receive()?;
    let tokens = TokenResponse::parse(&response)?;
    Ok(Tokens {
        access: tokens.access_token.to_owned(),
        refresh: tokens.refresh_token.to_owned(),
    })
}

/// Creates a user, unless an earlier run has.
fn register(connection: &mut Connection, username: &str) -> io::Result<()> {
    let account = json!({"username": username, "password": PASSWORD});
    connection.post_json("/account", &account.to_string())?;
    let response = connection.receive()?;
    match response.status {
        201 | 409 => Ok(()),
        status => {
            let body = String::from_utf8_lossy(&response.body);
            Err(io::Error::other(format!(
                "registration: status {status}: {body}"
            )))
        }
    }
}
