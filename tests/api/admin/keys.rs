use std::time::Duration;

use serde_json::{Value, json};

use super::{Admin, assert_problem};

const PATH: &str = "/admin/keys";

fn kids(json: &Value) -> Vec<&str> {
    let keys = json["keys"].as_array().unwrap();
    keys.iter()
        .map(|key| key["kid"].as_str().unwrap())
        .collect()
}

/// row 44: "published before it signs, for longer than caches live".
#[tokio::test]
async fn a_new_key_is_published_at_once_and_signs_later() {
    let admin = Admin::start().await;
    admin.jeton.advance(Duration::from_secs(1));
    let answer = admin.post(PATH, json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let new = answer.json();
    assert!(new["activates_at"].as_i64().unwrap() > admin.jeton.now().as_seconds());
    let list = admin.get(PATH).await.json();
    assert_eq!(kids(&list)[0], new["kid"]);
    let states: Vec<_> = list["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| &key["state"])
        .collect();
    assert_eq!(states, ["next", "active"]);
    let published = admin.jeton.get("/.well-known/jwks.json").await.json();
    let of_old = published["keys"][0]["kid"].as_str().unwrap().to_owned();
    assert_eq!(of_old, kids(&list)[1], "the signing key stands first");
    assert_eq!(published["keys"][1]["kid"], new["kid"]);
    // It says when the next step is safe.
    let again = admin.post(PATH, json!({"emergency": false})).await;
    assert_problem(&again, 409, &[]);
    assert!(
        again.body.contains(new["kid"].as_str().unwrap()),
        "{}",
        again.body
    );
    let earlier = admin.post(PATH, json!({"soon": true})).await;
    assert_eq!(earlier.status, 200, "{}", earlier.body);
    let earlier = earlier.json();
    assert_eq!(earlier["kid"], new["kid"]);
    assert_eq!(earlier["created_at"], new["created_at"]);
    assert!(earlier["activates_at"].as_i64() < new["activates_at"].as_i64());
}

#[tokio::test]
async fn in_an_emergency_the_next_key_signs_unless_it_is_dropped_too() {
    let admin = Admin::start().await;
    admin.jeton.advance(Duration::from_secs(1));
    let next = admin.post(PATH, json!({})).await.json();
    let answer = admin.post(PATH, json!({"emergency": true})).await.json();
    assert_eq!(answer["kid"], next["kid"]);
    assert_eq!(answer["keys_dropped"], 1);
    let admin = Admin::start().await;
    admin.jeton.advance(Duration::from_secs(1));
    let next = admin.post(PATH, json!({})).await.json();
    let both = json!({"emergency": true, "drop_next": true});
    let answer = admin.post(PATH, both).await.json();
    assert_ne!(answer["kid"], next["kid"]);
    assert_eq!(answer["keys_dropped"], 2);
}

#[tokio::test]
async fn in_an_emergency_every_access_token_is_over() {
    let admin = Admin::start().await;
    let tokens = admin.jeton.sign_in().await;
    let before = admin.get(PATH).await.json();
    let answer = admin.post(PATH, json!({"emergency": true})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["keys_dropped"], 1);
    let published = admin.jeton.get("/.well-known/jwks.json").await.json();
    assert_eq!(kids(&published), [answer.json()["kid"].as_str().unwrap()]);
    assert!(!published.to_string().contains(kids(&before)[0]));
    assert_problem(&admin.get(PATH).await, 401, &[]);
    assert_eq!(
        admin
            .jeton
            .get_with("/account", &tokens.access_token)
            .await
            .status,
        401
    );
    let tokens = admin.jeton.refresh(&tokens.refresh_token).await.tokens();
    assert_eq!(
        admin
            .jeton
            .get_with("/account", &tokens.access_token)
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_rotation_that_is_misspelt_is_none() {
    let admin = Admin::start().await;
    for (body, field) in [
        (json!({"emergncy": true}), "emergncy"),
        (json!({"emergency": "true"}), "emergency"),
        (json!({"emergency": true, "soon": true}), "soon"),
        (json!({"drop_next": true}), "drop_next"),
    ] {
        assert_problem(&admin.post(PATH, body).await, 422, &[field]);
    }
    assert_eq!(kids(&admin.get(PATH).await.json()).len(), 1);
}
