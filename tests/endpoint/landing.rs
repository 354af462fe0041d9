use crate::support::Jeton;

#[tokio::test]
async fn the_landing_page_has_no_script_and_no_link_to_another_host() {
    let jeton = Jeton::start().await;
    let answer = jeton.get("/").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    let policy = answer.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert!(!answer.body.contains("<script"));
    assert!(!answer.body.contains("://"));
}

#[tokio::test]
async fn every_link_of_the_landing_page_is_200() {
    let jeton = Jeton::start().await;
    let page = jeton.get("/").await.body;
    let links: Vec<_> = page
        .split("href=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .filter(|link| *link != "data:,")
        .collect();
    assert!(links.contains(&"docs"));
    for link in links {
        // Relative, so that it works behind a path prefix too.
        assert!(!link.starts_with('/'), "{link}");
        assert_eq!(jeton.get(&format!("/{link}")).await.status, 200, "{link}");
    }
}

#[tokio::test]
async fn the_landing_page_has_the_name_of_the_setting() {
    let jeton = Jeton::with(|settings| settings.page.name = "R&D <Accounts>".into()).await;
    let page = jeton.get("/").await.body;
    assert!(
        page.contains("<title>R&#38;D &#60;Accounts&#62;</title>"),
        "{page}"
    );
}
