//! The rules of the registration of redirect URIs, for the operator.

use super::MAX_LENGTH;

/// The reason why a redirect URI cannot be registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// There is no scheme.
    #[error("must be an absolute URI, such as https://app.example.com/callback")]
    Relative,
    /// The scheme is followed by no valid host and port.
    #[error("must be a URI with a valid host and port, such as https://app.example.com/callback")]
    Malformed,
    /// The scheme is not allowed.
    #[error(
        "must have the scheme https, http with a loopback host, or a private-use scheme with a period in its \
         name, such as com.example.app:/callback (RFC 8252, 7.1)"
    )]
    Scheme,
    /// http with a host that is not a loopback host.
    #[error("must be https: http is only for the hosts 127.0.0.1, [::1] and localhost")]
    Plain,
    /// There is a fragment.
    #[error("must not have a fragment (RFC 6749, 3.1.2)")]
    Fragment,
    /// There is user information before the host.
    #[error("must not have user information before the host")]
    UserInfo,
    /// A pattern.
    #[error("must not be a pattern: redirect URIs are compared as a whole; name each URI")]
    Pattern,
    /// A character that a URI does not have.
    #[error("must have only the characters of a URI (RFC 3986): percent-encode all others")]
    Character,
    /// Scheme or host are not as clients send them.
    #[error(
        "must have scheme and host in their usual form, because redirect URIs are compared as text: lower case, \
         xn-- for other letters, an IP address without abbreviation"
    )]
    NotNormal,
    /// The URI is too long.
    #[error("must be at most {MAX_LENGTH} bytes")]
    TooLong,
}
