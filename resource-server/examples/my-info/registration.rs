//! Checks at start that the page is registered at the authorization server; logs the command otherwise.

use std::time::Duration;

use jeton_resource_server::Verifier;
use reqwest::header;

use super::Site;

const INTERVAL: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(5);

/// The registration of the page.
enum Registration {
    Registered,
    UnknownClient,
    UnknownOrigin,
}

/// Waits for the authorization server and logs the result.
pub async fn check(verifier: Verifier, site: Site) {
    let Site {
        issuer,
        client_id,
        resource,
        ..
    } = &site;
    let mut logged = false;
    let token_endpoint = loop {
        if let Some(endpoint) = verifier.token_endpoint() {
            break endpoint;
        }
        let mut issuers = verifier.status().issuers.into_iter();
        let error = issuers.find_map(|issuer| issuer.last_error);
        if let (false, Some(error)) = (logged, error) {
            tracing::warn!(
                error,
                "cannot fetch the keys of {issuer}; start it (`cargo run`). This API retries"
            );
            logged = true;
        }
        tokio::time::sleep(INTERVAL).await;
    };
    match find_registration(&token_endpoint, &site).await {
        Ok(Registration::Registered) => {
            tracing::info!("{issuer} has the client {client_id} with the origin of this page");
        }
        Ok(Registration::UnknownClient) => tracing::warn!(
            "{issuer} has no client {client_id}; add it: jeton client add \
             {client_id} --first-party --grant authorization_code --grant password --scope my-info:read \
             --scope my-info:write --scope account --scope openid --audience {resource} --audience {issuer} \
             --origin {resource} --redirect-uri {resource}/ --redirect-uri {resource}/docs/oauth2-redirect.html"
        ),
        Ok(Registration::UnknownOrigin) => tracing::warn!(
            "the client {client_id} at {issuer} lacks the origin {resource}; add it: \
             jeton client origins {client_id} --add {resource}"
        ),
        Err(error) => {
            tracing::warn!(%error, "cannot check the registration of this page at {issuer}");
        }
    }
}

/// Sends an invalid refresh token: a known client gets `invalid_grant`, an unknown one `invalid_client`
/// (RFC 6749 §5.2).
async fn find_registration(
    token_endpoint: &str,
    site: &Site,
) -> Result<Registration, reqwest::Error> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
    let response = client
        .post(token_endpoint)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, &site.resource)
        .body(form(&site.client_id))
        .send()
        .await?;
    let allowed = response
        .headers()
        .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    let text = response.text().await?;
    Ok(if text.contains("invalid_client") {
        Registration::UnknownClient
    } else if allowed {
        Registration::Registered
    } else {
        Registration::UnknownOrigin
    })
}

fn form(client_id: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", "none")
        .append_pair("client_id", client_id)
        .finish()
}
