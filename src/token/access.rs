//! The access that a token gives: a scope and an audience.

use crate::scope::Scope;
use crate::store::client::Model as Client;
use crate::store::session::Model as Session;

/// What the tokens of a session are made of.
#[derive(Clone, Copy, Debug)]
pub struct SessionAccess<'a> {
    /// The session.
    pub session: &'a Session,
    /// The user's roles, separated by spaces.
    pub roles: &'a str,
    /// The access of the access token.
    pub access: &'a Access,
    /// The `nonce` of the authorization request, which the ID token repeats. A refresh has none.
    pub nonce: Option<&'a str>,
}

/// The scope and the audience of an access token.
#[derive(Clone, Debug)]
pub struct Access {
    /// The scope.
    pub scope: Scope,
    /// The APIs that the token is for; never empty.
    pub audience: Vec<String>,
}

impl Access {
    /// The most that a client is registered for, for itself.
    pub fn of_client(client: &Client, issuer: &str) -> Self {
        Self {
            scope: client.own_scope(),
            audience: client.audience(issuer),
        }
    }

    /// The most that a client is registered for, for its users.
    pub fn registered(client: &Client, issuer: &str) -> Self {
        Self {
            scope: client.scope(),
            audience: client.audience(issuer),
        }
    }

    /// The audience as the column of a session. It stays empty for a client that is registered for none,
    /// and then means the issuer, even after the issuer changes.
    pub fn stored_audience(&self, client: &Client) -> String {
        if client.registered_audience().is_empty() {
            String::new()
        } else {
            self.audience.join(" ")
        }
    }

    /// The access that a session was granted and that its client is still registered for. `None` if no
    /// audience or no scope is left; a session that was granted no scope keeps none.
    ///
    /// So a change of the client's registration takes effect at the next refresh.
    pub fn still_granted(session: &Session, client: &Client, issuer: &str) -> Option<Self> {
        let granted = Scope::from_stored(&session.scope);
        let registered = Self::registered(client, issuer);
        let scope = granted.common_with(&registered.scope);
        let mut audience = session.audience(issuer);
        audience.retain(|one| registered.audience.contains(one));
        let is_left = !audience.is_empty() && (granted.is_empty() || !scope.is_empty());
        is_left.then_some(Self { scope, audience })
    }
}
