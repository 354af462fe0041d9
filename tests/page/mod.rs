//! HTML pages: escaping, labels, buttons.

mod response;
mod sample;

use std::collections::BTreeSet;

use self::sample::{PLAIN, Words, pages};

/// Texts that end an attribute or an element, an expression of a template, and characters that change the direction
/// of the text after them.
const HOSTILE: [&str; 5] = [
    "\"><script>alert(1)</script>",
    "' onfocus='alert(1)",
    "</title></style><img src=x onerror=alert(1)>",
    "{{ site.name }}{% include \"x\" %}&lt;b&gt;",
    "\u{202e}\u{2066}elpmaxe",
];

/// The elements of a page, each as its tag with its attributes.
fn tags(html: &str) -> Vec<&str> {
    let tags = html.split('<').skip(1);
    tags.map(|rest| rest.split('>').next().unwrap()).collect()
}

/// The value of an attribute of a tag.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    rest.split('"').next()
}

fn unescaped(text: &str) -> String {
    let mut text = text.to_owned();
    for (entity, character) in [
        ("&#60;", "<"),
        ("&#62;", ">"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#38;", "&"),
    ] {
        text = text.replace(entity, character);
    }
    text
}

/// No text of a client, user or request adds or changes an element: XSS, RFC 9700 §4.16 and 2.1 §7.
#[test]
fn no_text_changes_the_markup() {
    let plain = pages(&PLAIN);
    for hostile in HOSTILE {
        let words = Words::all(hostile);
        for ((name, html), (_, plain)) in pages(&words).iter().zip(&plain) {
            let names = |html: &str| -> Vec<String> {
                let tags = tags(html);
                let names = tags.iter().map(|tag| {
                    let parts = tag.split('"').step_by(2);
                    parts.collect::<String>()
                });
                names.collect()
            };
            assert_eq!(names(html), names(plain), "{name}: {hostile}");
            assert!(unescaped(html).contains(hostile), "{name}: {hostile}");
        }
    }
}

/// A name is in an element of its own direction, and in no title together with other text but the operator's name.
#[test]
fn the_direction_of_a_name_does_not_change_the_text_around_it() {
    for (name, html) in pages(&PLAIN) {
        for word in [
            PLAIN.client,
            PLAIN.username,
            PLAIN.site,
            "grafana.example.com",
        ] {
            for (at, _) in html.match_indices(word) {
                let before = &html[..at];
                let is_isolated = before.ends_with("<bdi>") || before.ends_with("value=\"");
                let is_in_title = word == PLAIN.site && !before.contains("</title>");
                assert!(is_isolated || is_in_title, "{name}: {word}");
            }
        }
    }
}

#[test]
fn every_page_has_a_title_a_heading_a_language_and_no_request_elsewhere() {
    let mut titles = BTreeSet::new();
    for (name, html) in pages(&PLAIN) {
        assert!(
            html.starts_with("<!doctype html>\n<html lang=\"en\">"),
            "{name}"
        );
        assert!(html.contains("name=\"viewport\""), "{name}");
        assert_eq!(html.matches("<h1>").count(), 1, "{name}");
        assert_eq!(html.matches("<main").count(), 1, "{name}");
        assert!(
            html.contains("<link rel=\"icon\" href=\"data:,\">"),
            "{name}"
        );
        for forbidden in ["://", "<script", "style=\"", "@import", "url("] {
            assert!(!html.contains(forbidden), "{name}: {forbidden}");
        }
        let (_, title) = html.split_once("<title>").unwrap();
        let title = title.split("</title>").next().unwrap();
        assert!(title.ends_with(PLAIN.site), "{name}: {title}");
        titles.insert(title.to_owned());
    }
    // The texts of the sign-in page's problems differ, not their titles.
    assert_eq!(titles.len(), 13, "{titles:?}");
}

/// row 104: "`autocomplete` is `username`, `current-password`"; every field has a label, every form its token.
#[test]
fn every_form_has_its_token_and_labels_and_buttons() {
    let forms = [
        ("sign_in", &["sign_in", "cancel"][..]),
        ("continue_as", &["continue", "other_account", "cancel"]),
        ("consent", &["allow", "deny", "other_account"]),
        ("confirm_sign_out", &["sign_out", "cancel"]),
    ];
    let pages = pages(&PLAIN);
    for (name, html) in &pages {
        let tags = tags(html);
        let expected = forms.iter().find(|(form, _)| form == name);
        let buttons = tags.iter().filter(|tag| tag.starts_with("button"));
        let actions = buttons.map(|tag| {
            assert_eq!(attribute(tag, "name"), Some("action"));
            attribute(tag, "value").unwrap()
        });
        let actions: Vec<_> = actions.collect();
        let is_form = expected.is_some() || name.starts_with("sign_in");
        assert_eq!(html.contains("<form"), is_form, "{name}");
        if let Some((_, expected)) = expected {
            assert_eq!(actions, *expected, "{name}");
        }
        if is_form {
            let form = tags.iter().find(|tag| tag.starts_with("form")).unwrap();
            assert_eq!(attribute(form, "method"), Some("post"));
            assert_eq!(
                attribute(form, "action"),
                Some("?client_id=grafana&#38;a=b")
            );
            assert!(
                html.contains("name=\"form_token\" value=\"form-token\""),
                "{name}"
            );
        }
        for field in tags.iter().filter(|tag| tag.contains(" id=\"username\"")) {
            assert_eq!(attribute(field, "autocomplete"), Some("username"));
            assert_eq!(attribute(field, "spellcheck"), Some("false"));
            assert!(html.contains("<label for=\"username\">"), "{name}");
            assert!(html.contains("<label for=\"password\">"), "{name}");
            assert!(html.contains("autocomplete=\"current-password\""), "{name}");
        }
    }
}

#[test]
fn the_first_empty_field_has_the_focus_and_a_problem_describes_the_fields() {
    for (name, html) in pages(&PLAIN) {
        let tags = tags(&html);
        let focused: Vec<_> = tags
            .iter()
            .filter(|tag| tag.contains(" autofocus"))
            .collect();
        if !name.starts_with("sign_in") {
            assert!(focused.is_empty(), "{name}");
            continue;
        }
        let field = if name == "sign_in" {
            "password"
        } else {
            "username"
        };
        assert_eq!(focused.len(), 1, "{name}");
        assert_eq!(attribute(focused[0], "id"), Some(field), "{name}");
        let described = tags
            .iter()
            .filter(|tag| attribute(tag, "aria-describedby") == Some("problem"));
        let is_problem = name != "sign_in";
        assert_eq!(described.count(), if is_problem { 2 } else { 0 }, "{name}");
        assert_eq!(
            html.contains("id=\"problem\" role=\"alert\""),
            is_problem,
            "{name}"
        );
    }
}

/// row 106: "names the client before anything is typed; for third-party clients also the host".
#[test]
fn a_page_names_the_client_and_the_return_host_of_a_third_party_client() {
    for (name, html) in pages(&PLAIN) {
        if ["sign_in", "continue_as", "consent"].contains(&name.as_str()) {
            assert!(html.contains("<bdi>Grafana</bdi>"), "{name}");
            assert!(html.contains("<bdi>grafana.example.com</bdi>"), "{name}");
        }
    }
    let own = Words {
        return_host: None,
        ..PLAIN
    };
    for (name, html) in pages(&own) {
        assert!(!html.contains("returns to"), "{name}");
    }
}

#[test]
fn known_scopes_are_described_and_others_are_shown_as_they_are() {
    let pages = pages(&PLAIN);
    let (_, html) = pages.iter().find(|(name, _)| name == "consent").unwrap();
    assert!(html.contains("<li>Your email address</li>"));
    assert!(html.contains("<li><code>orders:read</code></li>"));
}

#[test]
fn a_wait_has_seconds_or_minutes() {
    let wait = jeton::page::Site::new("Jeton")
        .texts
        .sign_in
        .too_many_attempts;
    assert!(wait(1).contains(" 1 second,"));
    assert!(wait(30).contains(" 30 seconds,"));
    assert!(wait(121).contains(" 3 minutes,"));
}
