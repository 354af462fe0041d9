//! Refresh tokens, opaque access tokens and authorization codes: proofs by a MAC under a root secret.

use super::{CommandError, Finding, session, times};
use crate::server::AuthorizationServer;
use crate::store;
use crate::token::code::{self, AuthorizationCode, InvalidCode};
use crate::token::opaque::{self, OpaqueToken};
use crate::token::proof::InvalidProof;
use crate::token::refresh_token::RefreshToken;
use crate::token::rotation::{Judgement, Position, RequestTime, judge};
use crate::token::sender::Sender;

const FORM: &str = "form";
const MAC: &str = "mac";
const OTHER_SECRET: &str = "no root secret of this server makes its MAC: it is damaged or of another server, or its \
                            root secret was removed";

/// Checks a token by its prefix.
pub async fn inspect(
    text: &str,
    client: Option<&str>,
    server: &AuthorizationServer,
) -> Result<Vec<Finding>, CommandError> {
    if text.starts_with("jrt_") {
        inspect_refresh_token(text, server).await
    } else if text.starts_with(opaque::PREFIX) {
        inspect_opaque(text, server).await
    } else if text.starts_with("jac_") {
        inspect_code(text, client, server).await
    } else {
        let remedy = "the server's access and ID tokens are JWTs, which begin with ey; opaque access tokens begin \
                      with jat_, refresh tokens with jrt_, authorization codes with jac_";
        let text = "it is no token of Jeton";
        Ok(vec![Finding::failure(FORM, text, remedy)])
    }
}

async fn inspect_refresh_token(
    text: &str,
    server: &AuthorizationServer,
) -> Result<Vec<Finding>, CommandError> {
    let token = match RefreshToken::decode(text, &server.root_secrets) {
        Ok(token) => token,
        Err(error) => return Ok(refused("a refresh token", error)),
    };
    let mut findings = accepted("a refresh token");
    let (of_session, active) = session::check(token.session, server).await?;
    findings.extend(of_session);
    if let Some(active) = active {
        findings.push(check_generation(token.generation, &active, server).await?);
    }
    Ok(findings)
}

/// What a refresh with the token would do now, from the device that holds it.
async fn check_generation(
    presented: u32,
    session: &store::session::Model,
    server: &AuthorizationServer,
) -> Result<Finding, CommandError> {
    const CHECK: &str = "rotation";
    let Some(client) = store::client::find(&server.store, &session.client_id).await? else {
        return Ok(Finding::failed(CHECK, "its client was deleted"));
    };
    let policy = client.policy(&server.settings);
    let position = Position::from(session);
    let time = RequestTime::without_wait(server.clock.now());
    let place = format!(
        "it is of refresh {presented} of the session, which is at {}",
        position.generation
    );
    Ok(
        match judge(presented, position, &policy, time, Sender::SameDevice) {
            Judgement::Rotate => Finding::ok(CHECK, format!("{place}: it is the newest one")),
            Judgement::SameAnswer { .. } => Finding::ok(
                CHECK,
                format!("{place}: within the retry window it gets the same response"),
            ),
            Judgement::LateRetry { .. } | Judgement::WaitedTooLong => Finding::warning(
                CHECK,
                format!("{place}: a newer one was issued"),
                "it is accepted once more, as a late retry by the same device; store the newest token",
            ),
            Judgement::Replay { distance } => Finding::failure(
                CHECK,
                format!(
                    "{place}: {distance} newer ones were issued, so to send it is a replay, which revokes the session"
                ),
                "store the refresh token of each response, and let only one place refresh",
            ),
        },
    )
}

async fn inspect_opaque(
    text: &str,
    server: &AuthorizationServer,
) -> Result<Vec<Finding>, CommandError> {
    let token = match OpaqueToken::decode(text, &server.root_secrets) {
        Ok(token) => token,
        Err(error) => return Ok(refused("an opaque access token", error)),
    };
    let mut findings = accepted("an opaque access token, which an API checks at /introspect");
    let validity = token.validity();
    findings.push(times::check(
        Some(validity.issued_at),
        validity.expires_at,
        server,
    ));
    findings.extend(session::check(token.session, server).await?.0);
    Ok(findings)
}

async fn inspect_code(
    text: &str,
    client: Option<&str>,
    server: &AuthorizationServer,
) -> Result<Vec<Finding>, CommandError> {
    let what = "an authorization code";
    let decoded = AuthorizationCode::decode(text, client.unwrap_or_default(), &server.root_secrets);
    let code = match (decoded, client) {
        (Ok(code), _) => code,
        (Err(InvalidCode::Malformed), _) => return Ok(refused(what, InvalidProof::Malformed)),
        (Err(InvalidCode::Forged), _) => return Ok(refused(what, InvalidProof::Mac)),
        (Err(InvalidCode::OtherClient), None) => {
            let mut findings = accepted(what);
            let text = "its content is sealed for its client";
            let remedy = "add --client CLIENT_ID to check it";
            findings.push(Finding::warning("client", text, remedy));
            return Ok(findings);
        }
        (Err(InvalidCode::OtherClient), Some(client)) => {
            let mut findings = accepted(what);
            let text = format!("it was not issued to the client {client}");
            findings.push(Finding::failed("client", text));
            return Ok(findings);
        }
    };
    let mut findings = accepted(what);
    let issued_at = code.content.issued_at();
    let expires_at = issued_at.plus(code::LIFETIME);
    findings.push(times::check(Some(issued_at), expires_at, server));
    findings.push(check_redemption(&code, server).await?);
    Ok(findings)
}

async fn check_redemption(
    code: &AuthorizationCode,
    server: &AuthorizationServer,
) -> Result<Finding, CommandError> {
    const CHECK: &str = "redemption";
    let found = store::session::find(&server.store, code.session).await?;
    Ok(match found {
        None => Finding::ok(
            CHECK,
            "it was not redeemed yet; /token also checks code_verifier and redirect_uri",
        ),
        Some(record) => Finding::failure(
            CHECK,
            format!("it was redeemed: session {} began by it", record.session.id),
            "a code can be used once; begin a new authorization request",
        ),
    })
}

fn accepted(what: &str) -> Vec<Finding> {
    vec![
        Finding::ok(FORM, format!("it is {what} of Jeton")),
        Finding::ok(MAC, "a root secret of this server makes its MAC"),
    ]
}

fn refused(what: &str, error: InvalidProof) -> Vec<Finding> {
    match error {
        InvalidProof::Mac => vec![
            Finding::ok(FORM, format!("it is {what} of Jeton")),
            Finding::failed(MAC, OTHER_SECRET),
        ],
        InvalidProof::Prefix | InvalidProof::Malformed => vec![Finding::failure(
            FORM,
            format!("it begins like {what}, but is malformed"),
            "it may have been cut, or changed by an encoding: compare its length with that of the response",
        )],
    }
}
