//! Checks the SDK of progenitor against the servers at `SDK_ISSUER` and `SDK_API`.

use std::env;
use std::hash::{BuildHasher as _, RandomState};

use jeton_client::ClientInfo as _;
use jeton_client::types::{
    AccessTokenType, ClientCreation, GrantType, PasswordChange, PasswordChangeCurrentPassword,
    PasswordChangeNewPassword, RevocationRequest, TokenAnswer, TokenEndpointAuthMethod, UserCreation,
    UserCreationPassword, UserCreationRolesItem,
};
// README
use jeton_client::types::TokenRequest;
use jeton_client::{Client, Error};
use reqwest::header::{AUTHORIZATION, HeaderMap};
// end

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let issuer = env::var("SDK_ISSUER")?;
    let username = env::var("SDK_USERNAME")?;
    let password = env::var("SDK_PASSWORD")?;
    let issuer = issuer.as_str();
    // README

    let server = Client::new(issuer);
    let client_id = "first-party".to_owned();
    let sign_in =
        TokenRequest::builder().grant_type("password").client_id(client_id.clone()).username(username.clone());
    let token = server.request_token().body(sign_in.clone().password(password.clone())).send().await?;
    // end
    assert!(token.token_type == "Bearer" && token.expires_in > 0);
    passed("sign-in");

    // README

    let bearer = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {}", token.access_token).parse()?)]);
    let http = reqwest::Client::builder().default_headers(bearer).build()?;
    let account = Client::new_with_client(issuer, http).fetch_account().send().await?;
    println!("Signed in as {}", account.username);
    // end
    assert_eq!(account.username, username);
    passed("account");

    // A token for this API. Jeton's own API accepts no token for another one beside it.
    let at_my_info = sign_in.clone().client_id("my-info".to_owned()).password(password.clone());
    let its_token = server.request_token().body(at_my_info).send().await?;
    let bearer = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {}", its_token.access_token).parse()?)]);
    let http = reqwest::Client::builder().default_headers(bearer).build()?;
    let api = my_info_client::Client::new_with_client(&env::var("SDK_API")?, http);
    assert_eq!(api.fetch_my_info().send().await?.sub, account.sub.to_string());
    passed("my-info");

    let old = token.refresh_token.clone();
    // README

    let refresh = TokenRequest::builder().grant_type("refresh_token").client_id(client_id.clone());
    let newest = token.refresh_token.clone();
    let token = server.request_token().body(refresh.clone().refresh_token(newest)).send().await?;
    // end
    assert!(token.refresh_token.is_some() && token.refresh_token != old);
    let signed_in = authenticated(issuer, &token.access_token)?;
    assert_eq!(signed_in.fetch_account().send().await?.sid, account.sid);
    passed("refresh");

    // README

    let wrong = sign_in.clone().password("a wrong password".to_owned());
    match server.request_token().body(wrong).send().await {
        Err(Error::ErrorResponse(refused)) => {
            println!("{} {} {}", refused.status(), refused.error, refused.error_description);
            // end
            assert!(refused.status() == 400 && refused.error == "invalid_grant");
            passed("error");
            // README
        }
        other => panic!("{other:?}"),
    }
    // end

    let answer = signed_in.list_account_sessions().send().await?;
    let current: Vec<_> = answer.sessions.iter().filter(|session| session.current).collect();
    assert!(current.len() == 1 && current[0].client_id == "first-party");
    passed("sessions");

    let newest = token.refresh_token.clone().ok_or("no refresh token")?;
    let sign_out = RevocationRequest::builder().token(newest.clone()).client_id(client_id);
    server.revoke_token().body(sign_out).send().await?;
    let ended = server.request_token().body(refresh.refresh_token(newest)).send().await;
    let Err(Error::ErrorResponse(refused)) = ended else { panic!("{ended:?}") };
    assert_eq!(refused.error, "invalid_grant");
    passed("sign-out");

    let operator = sign_in.client_id(None).scope("admin".to_owned()).password(password);
    let token = server.request_token().body(operator).send().await?;
    administrate(&server, &authenticated(issuer, &token.access_token)?).await
}

async fn administrate(server: &Client, admin: &Client) -> Outcome<()> {
    let phrase = unique("passphrase");
    let new_user = UserCreation::builder()
        .username(unique("user"))
        .password(UserCreationPassword::try_from(phrase.clone())?)
        .roles([UserCreationRolesItem::try_from("reader")?]);
    let user = admin.create_user().body(new_user.clone()).send().await?;
    assert_eq!(admin.fetch_user().id(user.id).send().await?.roles, ["reader"]);
    let sign_in = TokenRequest::builder().grant_type("password").username(user.username.clone());
    let theirs = server.request_token().body(sign_in.password(phrase.clone())).send().await?;
    let twice = admin.create_user().body(new_user).send().await;
    let Err(Error::ErrorResponse(problem)) = twice else { panic!("{twice:?}") };
    assert_eq!(problem.status, 409);
    passed("user");
    change_password(server, &theirs, phrase).await?;

    let new_client = ClientCreation::builder()
        .client_id(unique("client"))
        .token_endpoint_auth_method(TokenEndpointAuthMethod::ClientSecretBasic)
        .grant_types(vec![GrantType::ClientCredentials])
        .access_token_type(AccessTokenType::Jwt);
    let client = admin.create_client().body(new_client).send().await?;
    assert_eq!(client.access_token_type, Some(AccessTokenType::Jwt));
    let own = TokenRequest::builder().grant_type("client_credentials").client_id(client.client_id.clone());
    let own = server.request_token().body(own.client_secret(client.client_secret.clone())).send().await?;
    assert_eq!(own.refresh_token, None);
    passed("client");
    Ok(())
}

async fn change_password(server: &Client, token: &TokenAnswer, phrase: String) -> Outcome<()> {
    let change = PasswordChange::builder()
        .current_password(PasswordChangeCurrentPassword::try_from(phrase)?)
        .new_password(PasswordChangeNewPassword::try_from(unique("passphrase"))?);
    let signed_in = authenticated(server.baseurl(), &token.access_token)?;
    let changed = signed_in.change_account_password().body(change).send().await?;
    authenticated(server.baseurl(), &changed.access_token)?.fetch_account().send().await?;
    let refresh = TokenRequest::builder().grant_type("refresh_token");
    let replaced = refresh.clone().refresh_token(token.refresh_token.clone());
    let ended = server.request_token().body(replaced).send().await;
    let Err(Error::ErrorResponse(refused)) = ended else { panic!("{ended:?}") };
    assert_eq!(refused.error, "invalid_grant");
    let newest = changed.refresh_token.clone();
    let renewed = server.request_token().body(refresh.refresh_token(newest.clone())).send().await?;
    assert!(renewed.refresh_token.is_some() && renewed.refresh_token != newest);
    passed("password");
    Ok(())
}

fn authenticated(issuer: &str, access_token: &str) -> Outcome<Client> {
    let bearer = HeaderMap::from_iter([(AUTHORIZATION, format!("Bearer {access_token}").parse()?)]);
    Ok(Client::new_with_client(issuer, reqwest::Client::builder().default_headers(bearer).build()?))
}

/// A unique name.
fn unique(word: &str) -> String {
    format!("{word}-{:x}", RandomState::new().hash_one(word))
}

fn passed(step: &str) {
    println!("ok {step}");
}
