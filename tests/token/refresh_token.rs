//! The refresh token: its bits, its contents, and its absence from the disk.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jeton::clock::Clock;
use jeton::token::refresh_token::RefreshToken;

use crate::support::file::DataDir;
use crate::support::{ALICE, Jeton, ROOT_SECRET, SECRET, START, basic_raw, claims};

/// row 32: "The probability of an attacker guessing generated tokens [...] MUST be less than or
/// equal to 2^(-128) and SHOULD be less than or equal to 2^(-160)", RFC 6749 §10.10. All 216 bits of
/// the MAC are checked, and all that it covers.
#[tokio::test]
async fn a_refresh_token_with_any_bit_changed_is_refused() {
    let jeton = Jeton::start().await;
    let tokens = jeton.sign_in().await;
    let row = jeton.session(&tokens).await;
    let valid = tokens.refresh_token.strip_prefix("jrt_").unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(valid).unwrap();
    assert_eq!(bytes.len(), 48);
    for bit in 0..8 * bytes.len() {
        let mut other = bytes.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        let text = format!("jrt_{}", URL_SAFE_NO_PAD.encode(other));
        assert_eq!(text.len(), tokens.refresh_token.len());
        let answer = jeton.refresh(&text).await;
        assert_eq!(answer.status, 400, "bit {bit}: {}", answer.body);
    }
    for shorter in 21..48 {
        let text = format!("jrt_{}", URL_SAFE_NO_PAD.encode(&bytes[..shorter]));
        assert_eq!(jeton.refresh(&text).await.status, 400, "{shorter} bytes");
    }
    assert_eq!(jeton.session(&tokens).await, row);
    jeton.refresh(&tokens.refresh_token).await.tokens();
}

/// row 32: the token consists of version, session, generation and MAC.
#[tokio::test]
async fn a_refresh_token_contains_its_session_and_generation() {
    let jeton = Jeton::start().await;
    let first = jeton.sign_in().await;
    let second = jeton.refresh(&first.refresh_token).await.tokens();
    for (generation, tokens) in [(0, &first), (1, &second)] {
        let session = tokens.session();
        let decoded = RefreshToken::decode(&tokens.refresh_token, &jeton.server.root_secrets);
        assert_eq!(
            decoded,
            Ok(RefreshToken {
                session,
                generation
            })
        );
    }
}

/// row 32: no token can be made from stored rows, because no part of a token is on disk in any encoding.
#[tokio::test]
async fn no_part_of_a_token_a_password_or_a_client_secret_is_on_disk() {
    let data = DataDir::of_file();
    let clock = Clock::standing_at(START);
    let jeton = Jeton::on(data.open().await, clock, ROOT_SECRET, |_| {}).await;
    jeton.add_client("first-party", None, |_| {}).await;
    jeton.add_client("confidential", Some(SECRET), |_| {}).await;
    jeton.add_user(ALICE.0, ALICE.1).await;
    let parameters = [
        ("grant_type", "password"),
        ("username", ALICE.0),
        ("password", ALICE.1),
    ];
    let authorization = basic_raw("confidential", SECRET);
    let answer = jeton.token_as(&authorization, &parameters).await;
    let mut seen = vec![answer.tokens(), jeton.sign_in().await];
    for _ in 0..3 {
        let newest = seen.last().unwrap().refresh_token.clone();
        seen.push(jeton.refresh(&newest).await.tokens());
        seen.push(jeton.refresh(&newest).await.tokens());
    }
    let disk = data.bytes();
    let contains = |needle: &[u8]| disk.windows(needle.len()).any(|window| window == needle);
    // The search finds what is on disk.
    assert!(contains(seen[0].session().as_bytes()));
    assert!(contains(ALICE.0.as_bytes()));
    let mut secrets = vec![ALICE.1.as_bytes().to_vec(), SECRET.as_bytes().to_vec()];
    secrets.push(URL_SAFE_NO_PAD.decode(ROOT_SECRET).unwrap());
    for tokens in &seen {
        let encoded = tokens.refresh_token.strip_prefix("jrt_").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(encoded).unwrap();
        let mac = &bytes[21..];
        let hex = mac.iter().map(|byte| format!("{byte:02x}"));
        let hex = hex.collect::<Vec<_>>().concat();
        let signature = tokens.access_token.rsplit('.').next().unwrap();
        let id = claims(&tokens.access_token)["jti"]
            .as_str()
            .unwrap()
            .to_owned();
        secrets.extend([
            encoded.as_bytes()[28..].to_vec(),
            mac[..8].to_vec(),
            hex.as_bytes()[..16].to_vec(),
            hex.to_uppercase().as_bytes()[..16].to_vec(),
            signature.as_bytes()[..24].to_vec(),
            id.into_bytes(),
        ]);
    }
    for secret in secrets {
        assert!(!contains(&secret), "{:?}", String::from_utf8_lossy(&secret));
    }
}
