//! The scope of an access token, RFC 6749 §3.3.

use std::fmt;

/// A scope of this server's own APIs. A token with one of them acts for the user or the operator at this server, so only
/// first-party clients have them in users' tokens.
#[derive(Clone, Copy, Debug)]
pub struct OwnScope {
    /// The scope.
    pub name: &'static str,
    /// The effect, for the document.
    pub description: &'static str,
    /// Whether a user needs the role of administrators to use it. No request gets such a scope by default.
    pub requires_role: bool,
    /// Whether any confidential client may be registered for it, for its own tokens.
    pub is_for_services: bool,
}

/// Scope of the account API: users read and change their own account.
pub const ACCOUNT: OwnScope = OwnScope {
    name: "account",
    description: "See and change your own account.",
    requires_role: false,
    is_for_services: false,
};
/// Scope of the admin API.
pub const ADMIN: OwnScope = OwnScope {
    name: "admin",
    description: "Administer users, clients, sessions and keys.",
    requires_role: true,
    is_for_services: false,
};
/// Scope by which a token opens introspection and the list of revoked sessions, for all tokens and sessions.
pub const INTROSPECT: OwnScope = OwnScope {
    name: "introspect",
    description: "Introspect tokens and list revoked sessions.",
    requires_role: true,
    is_for_services: true,
};
/// All scopes of this server's own APIs.
pub const OWN_SCOPES: [OwnScope; 3] = [ACCOUNT, ADMIN, INTROSPECT];

/// The scope of OpenID Connect that grants an ID token and `/userinfo`.
pub const OPENID: &str = "openid";
/// The scope of OpenID Connect for the username and the name.
pub const PROFILE: &str = "profile";
/// The scope of OpenID Connect for the email address.
pub const EMAIL: &str = "email";
/// Scopes of OpenID Connect Core §3.1.2.1, §5.4 and §11. A request gets them only if it names them: an ID token costs a
/// signature.
pub const OPENID_SCOPES: [&str; 4] = [OPENID, PROFILE, EMAIL, OFFLINE_ACCESS];
/// The scope of a session that outlives the sign-out of the browser, OpenID Connect Core §11.
pub const OFFLINE_ACCESS: &str = "offline_access";

/// A set of scope tokens in the order of the request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(Vec<String>);

impl Scope {
    /// Parses `scope-token *( SP scope-token )`; a repeated token counts once.
    pub fn parse(text: &str) -> Result<Self, MalformedScope> {
        let mut tokens: Vec<String> = Vec::new();
        for token in text.split(' ') {
            // scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
            let well_formed = !token.is_empty()
                && token
                    .bytes()
                    .all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
            if !well_formed {
                return Err(MalformedScope);
            }
            if !tokens.iter().any(|known| known == token) {
                tokens.push(token.to_owned());
            }
        }
        Ok(Self(tokens))
    }

    /// A scope from the store or the settings, split at white space without a check.
    pub fn from_stored(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_owned).collect())
    }

    /// Whether this scope contains every token of `other`.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|token| self.contains(token))
    }

    /// Whether this scope contains the token.
    pub fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|own| own == token)
    }

    /// The tokens of both, in the order of this scope.
    #[must_use]
    pub fn common_with(&self, other: &Self) -> Self {
        let common = self.0.iter().filter(|token| other.0.contains(token));
        Self(common.cloned().collect())
    }

    /// The tokens of either, those of this scope first.
    #[must_use]
    pub fn joined_with(&self, other: &Self) -> Self {
        let further = other.0.iter().filter(|token| !self.0.contains(token));
        Self(self.0.iter().chain(further).cloned().collect())
    }

    /// This scope without these tokens.
    #[must_use]
    pub fn without(&self, tokens: &[&str]) -> Self {
        let rest = self.0.iter().filter(|own| !tokens.contains(&own.as_str()));
        Self(rest.cloned().collect())
    }

    /// This scope without the scopes of OpenID Connect that `granted` does not have.
    #[must_use]
    pub fn without_openid_beyond(&self, granted: &Self) -> Self {
        let beyond = OPENID_SCOPES
            .into_iter()
            .filter(|name| !granted.contains(name));
        let ignored: Vec<&str> = beyond.collect();
        self.without(&ignored)
    }

    /// This scope without the scopes of this server's own APIs that `removes` selects.
    #[must_use]
    pub fn without_own(&self, removes: impl Fn(&OwnScope) -> bool) -> Self {
        let own = OWN_SCOPES.iter().filter(|own| removes(own));
        self.without(&own.map(|own| own.name).collect::<Vec<_>>())
    }

    /// Whether there are no tokens.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens.
    pub fn tokens(&self) -> &[String] {
        &self.0
    }
}

/// Space-separated, as on the wire.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// A scope that does not follow the grammar of RFC 6749 §3.3.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the scope is malformed")]
pub struct MalformedScope;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_backslashes_and_double_spaces_are_malformed() {
        for text in ["", " a", "a ", "a  b", "a\"", "a\\", "a\tb", "é"] {
            assert_eq!(Scope::parse(text), Err(MalformedScope), "{text:?}");
        }
    }

    #[test]
    fn a_repeated_token_counts_once() {
        assert_eq!(Scope::parse("b a b").unwrap().to_string(), "b a");
    }

    #[test]
    fn a_scope_covers_only_its_parts() {
        let all = Scope::parse("read write").unwrap();
        assert!(all.covers(&Scope::parse("write").unwrap()));
        assert!(!all.covers(&Scope::parse("write admin").unwrap()));
    }
}
