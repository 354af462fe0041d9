//! Email addresses of users.

/// Maximum length in bytes, by erratum 1690 of RFC 3696.
const MAX_LENGTH: usize = 254;
/// Maximum length of the part before the `@`, RFC 5321 §4.5.3.1.1.
const MAX_LOCAL_LENGTH: usize = 64;
/// Maximum length of a label of a domain, RFC 1035 §2.3.4.
const MAX_LABEL_LENGTH: usize = 63;

/// Checks the syntax of an email address: that of HTML's `<input type=email>`, a part of the "addr-spec" of RFC 5322,
/// which the claim `email` has by OpenID Connect Core §5.1. Whether it receives mail is unknown.
pub fn check(address: &str) -> Result<(), InvalidEmail> {
    let (local, domain) = address.split_once('@').ok_or(InvalidEmail)?;
    let is_short = address.len() <= MAX_LENGTH && local.len() <= MAX_LOCAL_LENGTH;
    if is_short && is_local(local) && domain.split('.').all(is_label) {
        Ok(())
    } else {
        Err(InvalidEmail)
    }
}

fn is_local(text: &str) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte);
    !text.is_empty() && text.bytes().all(is_allowed)
}

fn is_label(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let is_hyphen_inside = !text.starts_with('-') && !text.ends_with('-');
    (1..=MAX_LABEL_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed) && is_hyphen_inside
}

/// The text is no email address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be an email address such as alice@example.com, at most {MAX_LENGTH} characters of ASCII"
)]
pub struct InvalidEmail;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_at_sign_and_a_domain() {
        let long = |local: usize, label: usize| {
            format!("{}@{}.test", "a".repeat(local), "b".repeat(label))
        };
        for address in [
            "alice@example.com",
            "Alice.Smith+tag@mail.example.co.uk",
            "o'neil_1-2@localhost",
            "a@xn--bcher-kva.example",
            &long(64, 63),
        ] {
            assert_eq!(check(address), Ok(()), "{address}");
        }
        let label = "b".repeat(62);
        for address in [
            "",
            "alice",
            "@example.com",
            "alice@",
            "a@b@c",
            "alice@example..com",
            "alice@.com",
            "alice@-x.com",
            "alice@x-.com",
            "al ice@example.com",
            "alice@exa mple.com",
            "alice@example.com\r\nBcc: x",
            "Alice <alice@example.com>",
            "\u{202e}alice@example.com",
            "élo@example.com",
            "a,b@example.com",
            &long(65, 1),
            &long(1, 64),
            &format!("a@{label}.{label}.{label}.{label}.test"),
        ] {
            assert_eq!(check(address), Err(InvalidEmail), "{address:?}");
        }
    }
}
