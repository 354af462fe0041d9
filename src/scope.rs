//! Scope: what an access token allows, RFC 6749 §3.3.

use std::fmt;

/// Allows people to see and change their own account.
pub const ACCOUNT: &str = "account";
/// Allows administrators to administer this server.
pub const ADMIN: &str = "admin";
/// What this server's own doors ask for. Whoever holds a token with one of these acts here for the person,
/// or for the operator, and no API in between says no: only for clients of the operator's own.
pub const OWN_DOORS: [&str; 2] = [ACCOUNT, ADMIN];

/// A set of scope tokens, in the order in which they were named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(Vec<String>);

impl Scope {
    /// Reads `scope-token *( SP scope-token )`; a token named twice counts once.
    ///
    /// # Errors
    ///
    /// [`MalformedScope`] when the text does not follow that grammar.
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

    /// A set that the store or the settings hold: split at white space, nothing refused.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self(text.split_whitespace().map(str::to_owned).collect())
    }

    /// Whether every token of `other` is among these.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|token| self.0.contains(token))
    }

    /// What is in both, in the order of this one.
    #[must_use]
    pub fn common_with(&self, other: &Self) -> Self {
        let common = self.0.iter().filter(|token| other.0.contains(token));
        Self(common.cloned().collect())
    }

    /// All tokens but these.
    #[must_use]
    pub fn without(&self, tokens: &[&str]) -> Self {
        let rest = self.0.iter().filter(|own| !tokens.contains(&own.as_str()));
        Self(rest.cloned().collect())
    }

    /// Whether there is no token in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens.
    #[must_use]
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
#[derive(Debug, PartialEq, Eq)]
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
    fn a_token_named_twice_counts_once() {
        assert_eq!(Scope::parse("b a b").unwrap().to_string(), "b a");
    }

    #[test]
    fn a_scope_covers_its_parts_and_not_more() {
        let all = Scope::parse("read write").unwrap();
        assert!(all.covers(&Scope::parse("write").unwrap()));
        assert!(!all.covers(&Scope::parse("write admin").unwrap()));
    }
}
