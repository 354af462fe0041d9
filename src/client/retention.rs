//! The rule that an ended session is kept for as long as its access tokens may be valid. `/revoked-sessions` lists it
//! until then.

use std::time::Duration;

use super::{ClientSettings, InvalidSetting};
use crate::config::{LONGEST_ACCESS_TOKEN, Span};

/// Checks the access token lifetime of a client against the setting `session.retention`.
pub fn check_retention(settings: &ClientSettings, retention: Duration) -> Option<InvalidSetting> {
    let lifetime = settings.access_token_lifetime?;
    // Another rule refuses a longer one.
    let refused = retention.as_secs().saturating_add(1)..=LONGEST_ACCESS_TOKEN.as_secs();
    let is_longer = u64::try_from(lifetime).is_ok_and(|lifetime| refused.contains(&lifetime));
    is_longer.then(|| {
        let message = format!(
            "must be at most {}, for which the server keeps ended sessions; session.retention is its setting",
            Span(retention)
        );
        InvalidSetting::new("access_token_lifetime", message)
    })
}
