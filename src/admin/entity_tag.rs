//! Against lost updates: an `ETag` names the state that somebody saw, and `If-Match` says that only
//! this state is to be changed, RFC 9110 §13.1.1.

use crate::problem::Problem;

/// The tag of a state, by how often it was changed.
pub fn of(revision: i64) -> String {
    format!("\"{revision}\"")
}

/// Lets a change pass when there is no `If-Match`, or when it names the state.
///
/// # Errors
///
/// [`Problem::PreconditionFailed`] when it names others.
pub fn check(if_match: Option<&str>, revision: i64) -> Result<(), Problem> {
    let Some(named) = if_match else { return Ok(()) };
    // "An origin server MUST use the strong comparison function": a weak tag matches nothing.
    let own = of(revision);
    let matches = named
        .split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag == own);
    if matches {
        Ok(())
    } else {
        Err(Problem::PreconditionFailed)
    }
}
