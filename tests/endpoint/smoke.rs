use crate::support::Jeton;

#[tokio::test]
async fn signs_in_and_refreshes() {
    let jeton = Jeton::start().await;
    let first = jeton.sign_in().await;
    let second = jeton.refresh(&first.refresh_token).await.tokens();
    let again = jeton.refresh(&first.refresh_token).await.tokens();
    assert_eq!(second, again);
    assert_eq!(
        jeton
            .get_with("/account", &second.access_token)
            .await
            .status,
        200
    );
    assert_eq!(jeton.get("/").await.status, 200);
}
