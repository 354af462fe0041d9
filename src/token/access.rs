//! The access that a token gives: a scope and an audience.

use crate::client::MAX_OPAQUE_AUDIENCES;
use crate::scope::{OPENID, OWN_SCOPES, Scope};
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
        Self::most(client.own_scope(), client, issuer)
    }

    /// The most that a client is registered for, for its users.
    pub fn registered(client: &Client, issuer: &str) -> Self {
        Self::most(client.scope(), client, issuer)
    }

    /// The scope, and the audiences that a request may name: those that are registered, and the issuer if a scope is of
    /// use there.
    fn most(scope: Scope, client: &Client, issuer: &str) -> Self {
        let mut audience = client.audience(issuer);
        let is_own = OWN_SCOPES.iter().any(|own| scope.contains(own.name));
        let has_use = is_own || scope.contains(OPENID);
        let has_room = !client.has_opaque_tokens() || audience.len() < MAX_OPAQUE_AUDIENCES;
        if has_use && has_room && !contains(&audience, issuer) {
            audience.push(issuer.to_owned());
        }
        Self { scope, audience }
    }

    /// The access of one token. An issuer that is not registered is in its audience only if the token has `openid`, for
    /// `/userinfo`, or is for the issuer alone, because the request named it: no other token is of use there.
    #[must_use]
    pub fn of_token(&self, client: &Client, issuer: &str) -> Self {
        let mut access = self.clone();
        let is_whole = access.audience.len() == 1 || access.scope.contains(OPENID);
        if !is_whole && !contains(&client.audience(issuer), issuer) {
            access.audience.retain(|one| one != issuer);
        }
        access
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
        let stored = session.audience(issuer);
        let audience: Vec<String> = stored
            .iter()
            .filter(|one| registered.audience.contains(one))
            .cloned()
            .collect();
        // An issuer that is not registered was granted beside the others, not instead of them.
        let has_audience = if stored.len() > 1 && audience == [issuer] {
            client.registered_audience().contains(&issuer)
        } else {
            !audience.is_empty()
        };
        let is_left = has_audience && (granted.is_empty() || !scope.is_empty());
        is_left.then_some(Self { scope, audience })
    }
}

fn contains(audience: &[String], issuer: &str) -> bool {
    audience.iter().any(|one| one == issuer)
}
