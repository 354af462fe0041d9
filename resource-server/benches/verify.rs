//! CPU time to verify an access token, compared with jsonwebtoken's `decode` in the same run.
//!
//! `cargo bench -p jeton-resource-server --bench verify -- --at-most 1.2` fails above that ratio.

use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use jeton_resource_server::{AccessToken, Verifier};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example";
const ROUNDS: usize = 10;
const ROUND: Duration = Duration::from_millis(500);
const BATCH: u32 = 256;
/// Nanoseconds of CPU that this thread has used; the first number of the line.
const SCHEDULED: &str = "/proc/thread-self/schedstat";

/// The claims of a token issued by Jeton.
#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    client_id: String,
    scope: String,
    iat: u64,
    exp: u64,
    auth_time: u64,
    jti: String,
    sid: String,
    roles: Vec<String>,
}

type Failure = Box<dyn Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let (key, jwk) = key()?;
    let token = token(&key, &jwk)?;
    let verifier = Verifier::builder(ISSUER, AUDIENCE)
        .fixed_jwks(serde_json::json!({ "keys": [jwk] }).to_string())
        .build()
        .await?;
    let decoding_key = DecodingKey::from_jwk(&jwk)?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[AUDIENCE]);
    validation.leeway = 0;

    let (mut verifier_cost, mut decode_cost) = (Cost::default(), Cost::default());
    // Alternating, so that other load on the machine affects both alike.
    for _ in 0..ROUNDS {
        let round = Round::begin()?;
        while round.is_running() {
            for _ in 0..BATCH {
                let token: AccessToken = verifier.verify(black_box(&token)).await?;
                black_box(token);
            }
            verifier_cost.tokens += u64::from(BATCH);
        }
        verifier_cost.cpu += round.end()?;

        let round = Round::begin()?;
        while round.is_running() {
            for _ in 0..BATCH {
                let token = black_box(token.as_bytes());
                black_box(jsonwebtoken::decode::<Claims>(
                    token,
                    &decoding_key,
                    &validation,
                )?);
            }
            decode_cost.tokens += u64::from(BATCH);
        }
        decode_cost.cpu += round.end()?;
    }
    report(verifier_cost.each(), decode_cost.each())
}

#[expect(clippy::print_stdout, reason = "the result of the benchmark")]
fn report(verifier_cost: f64, decode_cost: f64) -> Result<(), Failure> {
    let ratio = verifier_cost / decode_cost;
    println!("CPU to verify one RS256 access token (2048 bits), with all claims");
    println!("  jeton-resource-server   {verifier_cost:6.1} us");
    println!("  jsonwebtoken's decode   {decode_cost:6.1} us");
    println!("  ratio                   {ratio:6.2}");
    let arguments: Vec<String> = std::env::args().collect();
    let limit = arguments
        .iter()
        .position(|argument| argument == "--at-most")
        .and_then(|at| arguments.get(at + 1));
    match limit.map(|limit| limit.parse::<f64>()).transpose()? {
        Some(limit) if ratio > limit => Err(format!("the ratio exceeds {limit}").into()),
        _ => Ok(()),
    }
}

fn key() -> Result<(EncodingKey, Jwk), Failure> {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    let pair = KeyPair::generate(KeySize::Rsa2048)?;
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der()?;
    // jsonwebtoken reads PKCS#1, which PKCS#8 wraps in 26 bytes.
    let pkcs1 = der.as_ref().get(26..).ok_or("no key")?;
    let key = EncodingKey::from_rsa_der(pkcs1);
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::RS256)?;
    jwk.common.key_id = Some(jwk.thumbprint(jsonwebtoken::jwk::ThumbprintHash::SHA256)?);
    Ok((key, jwk))
}

fn token(key: &EncodingKey, jwk: &Jwk) -> Result<String, Failure> {
    let now = jsonwebtoken::get_current_timestamp();
    let claims = Claims {
        iss: ISSUER.to_owned(),
        sub: "0195e7b6-8f3c-7bbb-9c57-0f6a1a2b3c4d".to_owned(),
        aud: AUDIENCE.to_owned(),
        client_id: "first-party".to_owned(),
        scope: "account info:read info:write".to_owned(),
        iat: now,
        exp: now + 3600,
        auth_time: now,
        jti: "T8zTq0cbPpQ1HZT2uWcWbg".to_owned(),
        sid: "0195e7b6-8f3c-7bbb-9c57-000000000001".to_owned(),
        roles: vec!["admin".to_owned()],
    };
    let mut header = Header::new(Algorithm::RS256);
    header.typ = Some("at+jwt".to_owned());
    header.kid.clone_from(&jwk.common.key_id);
    Ok(jsonwebtoken::encode(&header, &claims, key)?)
}

#[derive(Default)]
struct Cost {
    cpu: Duration,
    tokens: u64,
}

impl Cost {
    /// Microseconds per token.
    #[expect(clippy::cast_precision_loss, reason = "the count is far below 2^52")]
    fn each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.tokens as f64
    }
}

struct Round {
    start: Instant,
    cpu: Duration,
}

impl Round {
    fn begin() -> Result<Self, Failure> {
        Ok(Self {
            start: Instant::now(),
            cpu: cpu()?,
        })
    }

    fn is_running(&self) -> bool {
        self.start.elapsed() < ROUND
    }

    fn end(self) -> Result<Duration, Failure> {
        Ok(cpu()?.saturating_sub(self.cpu))
    }
}

fn cpu() -> Result<Duration, Failure> {
    let text = std::fs::read_to_string(SCHEDULED)?;
    let nanoseconds = text.split(' ').next().unwrap_or_default();
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}
