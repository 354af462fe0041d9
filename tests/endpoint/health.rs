use crate::support::Jeton;

#[tokio::test]
async fn a_running_server_is_healthy_and_ready() {
    let jeton = Jeton::start().await;
    for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = jeton.get(path).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, body));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test]
async fn a_server_without_its_store_is_healthy_and_not_ready() {
    let jeton = Jeton::start().await;
    jeton.server.store.clone().close().await.unwrap();
    assert_eq!(jeton.get("/healthz").await.status, 200);
    assert_eq!(jeton.get("/readyz").await.status, 503);
}

#[tokio::test]
async fn a_server_without_a_signing_key_is_healthy_and_not_ready() {
    let jeton = Jeton::start().await;
    jeton.server.keys.replace(jeton::key::KeyRing::default());
    assert_eq!(jeton.get("/healthz").await.status, 200);
    assert_eq!(jeton.get("/readyz").await.status, 503);
}
