//! The decision on an authorization request: a page to show, an error, or the grant.

use std::time::Duration;

use super::browser_session::BrowserSession;
use super::redirect::RedirectError;
use super::request::AuthorizationRequest;
use crate::clock::Timestamp;
use crate::scope::Scope;

/// What follows from an authorization request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The user must authenticate.
    SignIn,
    /// The user must choose to continue as the signed-in user, or as another.
    ContinueAs,
    /// The user must consent.
    Consent,
    /// The client gets an error.
    Refuse(RedirectError),
    /// The client gets a code.
    Grant,
}

/// What the user has done for this very request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interaction {
    /// The user has authenticated.
    pub signed_in: bool,
    /// The user has chosen to continue.
    pub continued: bool,
    /// The user has consented.
    pub consented: bool,
}

/// What the decision depends on, beside the request.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The user who is signed in in the browser.
    pub signed_in: Option<&'a BrowserSession>,
    /// What the user has allowed the client before.
    pub consented: Option<&'a Scope>,
    /// What the user has done for this request.
    pub done: Interaction,
    /// The longest session of the client, from the authentication.
    pub session_lifetime: Duration,
    /// The time.
    pub now: Timestamp,
}

/// Decides on a request.
pub fn decide(request: &AuthorizationRequest, circumstances: Circumstances<'_>) -> Decision {
    let decision = match decide_if_pages_may_be_shown(request, circumstances) {
        Ok(decision) => decision,
        Err(error) => return Decision::Refuse(error),
    };
    let (code, description) = match decision {
        Decision::SignIn => ("login_required", "The user is not signed in as requested."),
        Decision::Consent => ("consent_required", "The user has not consented."),
        Decision::ContinueAs => ("interaction_required", "The user must choose to continue."),
        other => return other,
    };
    // "none: The Authorization Server MUST NOT display any authentication or consent user interface pages", OpenID
    // Connect Core §3.1.2.1.
    if request.prompt.none {
        return Decision::Refuse(RedirectError::new(code, description));
    }
    decision
}

/// The decision without regard to `prompt=none`.
fn decide_if_pages_may_be_shown(
    request: &AuthorizationRequest,
    circumstances: Circumstances<'_>,
) -> Result<Decision, RedirectError> {
    let Circumstances {
        signed_in, done, ..
    } = circumstances;
    let Some(signed_in) = signed_in else {
        return Ok(Decision::SignIn);
    };
    let hint = request.hint.as_ref();
    let is_other_user = hint.is_some_and(|hint| hint.sub != signed_in.user.id);
    if is_other_user && done.signed_in {
        // "if the End-User identified by the ID Token is [...] not logged in by the request, the Authorization Server
        // MUST return an error, such as login_required", §3.1.2.1.
        let description = "Another user than the one of id_token_hint has signed in.";
        return Err(RedirectError::new("login_required", description));
    }
    let must_authenticate =
        request.prompt.login || is_too_old(request, signed_in, circumstances.now);
    // The client's session counts from the same time, and would have ended.
    let session_ends_at = signed_in
        .session
        .authenticated_at
        .plus(circumstances.session_lifetime);
    let has_ended = session_ends_at <= circumstances.now;
    if is_other_user || has_ended || (must_authenticate && !done.signed_in) {
        return Ok(Decision::SignIn);
    }
    // The consent page names the user and offers another, too.
    if request.prompt.select_account && done == Interaction::default() {
        return Ok(Decision::ContinueAs);
    }
    let has_consented = circumstances
        .consented
        .is_some_and(|scope| scope.covers(&request.access.scope));
    let must_consent = request.client.requires_consent()
        && (!has_consented || (request.prompt.consent && !done.consented));
    if must_consent {
        return Ok(Decision::Consent);
    }
    if may_be_received_by_others(request) && done == Interaction::default() {
        return Ok(Decision::ContinueAs);
    }
    Ok(Decision::Grant)
}

/// "If the elapsed time is greater than this value, the OP MUST attempt to actively re-authenticate the End-User", §3.1.2.1;
/// `max_age=0` is the same as `prompt=login`.
fn is_too_old(request: &AuthorizationRequest, signed_in: &BrowserSession, now: Timestamp) -> bool {
    request.max_age.is_some_and(|max_age| {
        let authenticated_at = signed_in.session.authenticated_at;
        max_age == 0 || now.as_seconds() - authenticated_at.as_seconds() > max_age
    })
}

/// "the authorization server [...] SHOULD NOT process authorization requests automatically without user consent or
/// interaction, except when the identity of the client can be assured", RFC 8252 §8.6: any program of the device can
/// listen there.
fn may_be_received_by_others(request: &AuthorizationRequest) -> bool {
    !request.client.confidential && request.address.redirect_uri.is_loopback_or_private_use()
}
