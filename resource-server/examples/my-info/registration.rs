//! Does the authorization server know the page? If not, the command that introduces it is printed.

use std::time::Duration;

use jeton_resource_server::Verifier;
use reqwest::header;

use super::Site;

const PAUSE: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(5);

/// What the authorization server makes of the page.
enum Standing {
    Known,
    UnknownClient,
    UnknownOrigin,
}

/// Waits for the authorization server, asks it once, and logs what the operator should know.
pub async fn watch(verifier: Verifier, site: Site) {
    let Site {
        issuer,
        client_id,
        resource,
        ..
    } = &site;
    let mut told = false;
    let token_endpoint = loop {
        if let Some(endpoint) = verifier.token_endpoint() {
            break endpoint;
        }
        let mut issuers = verifier.status().issuers.into_iter();
        let error = issuers.find_map(|issuer| issuer.last_error);
        if let (false, Some(error)) = (told, error) {
            tracing::warn!(
                error,
                "{issuer} gives no keys yet; start it (`cargo run`), and this API notices by itself"
            );
            told = true;
        }
        tokio::time::sleep(PAUSE).await;
    };
    match ask(&token_endpoint, &site).await {
        Ok(Standing::Known) => {
            tracing::info!("{issuer} knows the client {client_id} and this page");
        }
        Ok(Standing::UnknownClient) => tracing::warn!(
            "{issuer} does not know the client {client_id}; introduce it: jeton client add \
             {client_id} --first-party --grant password --scope my-info:read --scope my-info:write \
             --scope account --audience {resource} --audience {issuer} --origin {resource}"
        ),
        Ok(Standing::UnknownOrigin) => tracing::warn!(
            "{issuer} refuses pages from {resource} for the client {client_id}; let it in: \
             jeton client origins {client_id} --add {resource}"
        ),
        Err(error) => {
            tracing::warn!(%error, "{issuer} could not be asked whether it knows this page");
        }
    }
}

/// A refresh with a token that is none: a known client is told `invalid_grant`, an unknown one
/// `invalid_client` (RFC 6749 §5.2).
async fn ask(token_endpoint: &str, site: &Site) -> Result<Standing, reqwest::Error> {
    let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
    let answer = client
        .post(token_endpoint)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::ORIGIN, &site.resource)
        .body(form(&site.client_id))
        .send()
        .await?;
    let let_in = answer
        .headers()
        .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    let text = answer.text().await?;
    Ok(if text.contains("invalid_client") {
        Standing::UnknownClient
    } else if let_in {
        Standing::Known
    } else {
        Standing::UnknownOrigin
    })
}

fn form(client_id: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("refresh_token", "none")
        .append_pair("client_id", client_id)
        .finish()
}
