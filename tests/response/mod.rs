/// The caller's address behind proxies.
mod caller;
/// Cross-origin requests.
mod cors;
/// Error codes and descriptions.
mod oauth_error;
