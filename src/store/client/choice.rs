//! Settings of a client that are one of a few words.

/// What a client's access tokens look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessTokenFormat {
    /// A JWT by RFC 9068, which any API verifies by itself.
    #[default]
    Jwt,
    /// A reference: it says nothing to whoever reads it, and an API asks us about it (RFC 7662).
    Opaque,
}

/// The `typ` in the header of a client's JWTs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessTokenType {
    /// `at+jwt`, by RFC 9068 §2.1.
    #[default]
    AtJwt,
    /// `JWT`, for APIs that cannot be told to accept the other.
    Jwt,
}

/// Whether a refresh replaces the refresh token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshTokenRotation {
    /// By a new one, each time.
    #[default]
    Always,
    /// It stays the same for the whole session: for clients that prove themselves by a secret.
    Never,
}

impl AccessTokenFormat {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Jwt, Self::Opaque];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Opaque => "opaque",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

impl AccessTokenType {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::AtJwt, Self::Jwt];

    /// The word for it, as it stands in the header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AtJwt => "at+jwt",
            Self::Jwt => "JWT",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

impl RefreshTokenRotation {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Always, Self::Never];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Never => "never",
        }
    }

    /// The one with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}
