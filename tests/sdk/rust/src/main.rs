//! Checks the SDK of openapi-generator (rust) against the servers at `SDK_ISSUER` and `SDK_API`.

use std::env;
use std::fmt::Debug;
use std::hash::{BuildHasher as _, RandomState};

use jeton_client::apis::account_api::{change_account_password, list_account_sessions};
use jeton_client::apis::admin_api::{CreateUserError, create_client, create_user, fetch_user};
use jeton_client::apis::token_api::revoke_token;
use jeton_client::models::{
    AccessTokenType, ClientCreation, GrantType, PasswordChange, TokenAnswer, TokenEndpointAuthMethod, UserCreation,
};
use my_info_client::apis::info_api::fetch_my_info;
// README
use jeton_client::apis::Error;
use jeton_client::apis::account_api::fetch_account;
use jeton_client::apis::configuration::Configuration;
use jeton_client::apis::token_api::{RequestTokenError, request_token};
// end

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let issuer = env::var("SDK_ISSUER")?;
    let username = env::var("SDK_USERNAME")?;
    let password = env::var("SDK_PASSWORD")?;
    let (username, password) = (username.as_str(), password.as_str());
    // README

    let server = Configuration { base_path: issuer, ..Configuration::default() };
    let (user, client) = (Some(username), Some("first-party"));
    let token =
        request_token(&server, "password", None, None, None, user, Some(password), None, None, None, client, None)
            .await?;
    // end
    assert!(token.token_type == "Bearer" && token.expires_in > 0);
    assert!(token.refresh_token.is_some());
    passed("sign-in");

    // README

    let signed_in = Configuration { oauth_access_token: Some(token.access_token.clone()), ..server.clone() };
    println!("Signed in as {}", fetch_account(&signed_in).await?.username);
    // end
    let account = fetch_account(&signed_in).await?;
    assert_eq!(account.username, username);
    passed("account");

    // A token for this API. Jeton's own API accepts no token for another one beside it.
    let my_info = Some("my-info");
    let its =
        request_token(&server, "password", None, None, None, user, Some(password), None, None, None, my_info, None)
            .await?;
    let api = my_info_client::apis::configuration::Configuration {
        base_path: env::var("SDK_API")?,
        oauth_access_token: Some(its.access_token),
        ..Default::default()
    };
    assert_eq!(fetch_my_info(&api).await?.sub, account.sub.to_string());
    passed("my-info");

    let old = token.refresh_token.clone();
    // README

    let newest = token.refresh_token.as_deref();
    let token =
        request_token(&server, "refresh_token", None, None, None, None, None, newest, None, None, client, None).await?;
    // end
    let Some(refresh_token) = token.refresh_token else { panic!("no refresh token") };
    assert_ne!(Some(&refresh_token), old.as_ref());
    let signed_in = Configuration { oauth_access_token: Some(token.access_token), ..server.clone() };
    assert_eq!(fetch_account(&signed_in).await?, account);
    passed("refresh");

    // README

    let wrong = Some("a wrong password");
    match request_token(&server, "password", None, None, None, user, wrong, None, None, None, client, None).await {
        Err(Error::ResponseError(refused)) => {
            if let Some(RequestTokenError::Status400(refusal)) = refused.entity {
                println!("{} {} {}", refused.status, refusal.error, refusal.error_description);
                // end
                assert!(refused.status == 400 && refusal.error == "invalid_grant");
                passed("error");
                // README
            }
        }
        other => panic!("{other:?}"),
    }
    // end

    let sessions = list_account_sessions(&signed_in, None, None).await?.sessions;
    let current: Vec<_> = sessions.iter().filter(|session| session.current).collect();
    assert!(current.len() == 1 && current[0].client_id == "first-party");
    passed("sessions");

    revoke_token(&server, &refresh_token, None, client, None).await?;
    let newest = Some(refresh_token.as_str());
    let ended =
        request_token(&server, "refresh_token", None, None, None, None, None, newest, None, None, client, None).await;
    let RequestTokenError::Status400(refusal) = refusal(ended) else { panic!("not 400") };
    assert_eq!(refusal.error, "invalid_grant");
    passed("sign-out");

    let scope = Some("admin");
    let token =
        request_token(&server, "password", None, None, None, user, Some(password), None, scope, None, None, None)
            .await?;
    administrate(&Configuration { oauth_access_token: Some(token.access_token), ..server }).await
}

async fn administrate(admin: &Configuration) -> Outcome<()> {
    let anonymous = Configuration { oauth_access_token: None, ..admin.clone() };
    let phrase = unique("passphrase");
    let new_user = UserCreation {
        password: Some(phrase.clone()),
        roles: Some(vec!["reader".to_owned()]),
        ..UserCreation::new(unique("user"))
    };
    let user = create_user(admin, new_user.clone()).await?;
    assert_eq!(fetch_user(admin, &user.id.to_string()).await?.roles, ["reader"]);
    let (name, given) = (Some(user.username.as_str()), Some(phrase.as_str()));
    let theirs =
        request_token(&anonymous, "password", None, None, None, name, given, None, None, None, None, None).await?;
    let twice = match refusal(create_user(admin, new_user).await) {
        CreateUserError::Status400(problem) | CreateUserError::Status409(problem) => problem.status,
        other => panic!("{other:?}"),
    };
    assert_eq!(twice, 409);
    passed("user");
    change_password(&anonymous, theirs, phrase).await?;

    let registered = create_client(
        admin,
        ClientCreation {
            token_endpoint_auth_method: Some(TokenEndpointAuthMethod::ClientSecretBasic),
            grant_types: Some(Some(vec![GrantType::ClientCredentials])),
            access_token_type: Some(Some(AccessTokenType::Jwt)),
            ..ClientCreation::new(unique("client"))
        },
    )
    .await?;
    assert_eq!(registered.access_token_type, Some(AccessTokenType::Jwt));
    let (id, secret) = (Some(registered.client_id.as_str()), registered.client_secret.as_deref());
    let own =
        request_token(&anonymous, "client_credentials", None, None, None, None, None, None, None, None, id, secret)
            .await?;
    assert_eq!(own.refresh_token, None);
    passed("client");
    Ok(())
}

async fn change_password(server: &Configuration, token: TokenAnswer, phrase: String) -> Outcome<()> {
    let authorized = |token| Configuration { oauth_access_token: Some(token), ..server.clone() };
    let change = PasswordChange::new(phrase, unique("passphrase"));
    let changed = change_account_password(&authorized(token.access_token), change).await?;
    fetch_account(&authorized(changed.access_token)).await?;
    let former = token.refresh_token.as_deref();
    let ended =
        request_token(server, "refresh_token", None, None, None, None, None, former, None, None, None, None).await;
    let RequestTokenError::Status400(refusal) = refusal(ended) else { panic!("not 400") };
    assert_eq!(refusal.error, "invalid_grant");
    let newest = changed.refresh_token.as_deref();
    let renewed =
        request_token(server, "refresh_token", None, None, None, None, None, newest, None, None, None, None).await?;
    assert!(renewed.refresh_token.is_some() && renewed.refresh_token != changed.refresh_token);
    passed("password");
    Ok(())
}

fn refusal<T: Debug, E>(answer: Result<T, Error<E>>) -> E {
    let Err(Error::ResponseError(refused)) = answer else { panic!("the request was not refused") };
    refused.entity.expect("an error of a known type")
}

/// A unique name.
fn unique(word: &str) -> String {
    format!("{word}-{:x}", RandomState::new().hash_one(word))
}

fn passed(step: &str) {
    println!("ok {step}");
}
