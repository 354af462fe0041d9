//! Rules for passwords that users choose: NIST SP 800-63B-4 §3.1.1.2.
//!
//! "Verifiers and CSPs SHALL NOT impose other composition rules (e.g., requiring mixtures of different
//! character types) for passwords", "SHALL NOT require subscribers to change passwords periodically"
//! and keep no hint. So there are no such rules here.

use url::Url;
use zxcvbn::zxcvbn;

use super::plain::Password;
use crate::config;
use crate::username::Username;

/// Maximum length in characters: four times the 64 that must be permitted, and short enough for a
/// request to /token in any encoding.
const LENGTH_MAX: usize = 256;
/// The product name, which passwords for this server often contain.
const PRODUCT: &str = "jeton";
/// Characters that the estimator examines: more characters do not make a password easier to guess.
const ESTIMATED_LENGTH: usize = 64;
/// Minimum length of a part of a name: shorter ones occur in many words by chance.
const PART_MIN: usize = 3;

/// The rules for chosen passwords. They do not apply to imported hashes.
#[derive(Clone, Debug)]
pub struct Rules {
    min_length: usize,
    min_score: u8,
    /// The host in the issuer's URL.
    host: String,
}

impl Rules {
    /// The configured rules of the server at the URL `issuer`.
    pub fn new(settings: &config::PasswordSettings, issuer: &str) -> Self {
        let url = Url::parse(issuer).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        Self {
            min_length: settings.min_length,
            min_score: settings.min_score,
            host: host.to_lowercase(),
        }
    }

    /// Checks a new password of `username`. It takes milliseconds, so it runs on the hashing threads.
    pub(super) fn check(&self, password: &Password, username: &Username) -> Result<(), Weakness> {
        let text = password.text();
        // "Each Unicode code point SHALL be counted as a single character when evaluating password
        // length."
        let length = text.chars().count();
        if length < self.min_length {
            return Err(Weakness::TooShort {
                least: self.min_length,
            });
        }
        if length > LENGTH_MAX {
            return Err(Weakness::TooLong);
        }
        // "Context-specific words, such as the name of the service, the username, and derivatives
        // thereof."
        let is_username = Username::parse(text).is_ok_and(|name| name == *username);
        if is_username || [PRODUCT, &self.host].contains(&&*text.to_lowercase()) {
            return Err(Weakness::Name);
        }
        self.estimate(text, username)
    }

    /// "Verifiers SHALL compare the prospective secret against a blocklist that contains known commonly
    /// used, expected, or compromised passwords": the estimator contains the 30,000 most common ones, common
    /// words and names, and recognizes them with capitals, digits and substitutions.
    fn estimate(&self, text: &str, username: &Username) -> Result<(), Weakness> {
        let username = username.as_str();
        let mailbox = username.split('@').next().unwrap_or_default();
        let names = [PRODUCT, username, mailbox, &self.host];
        let parts = names
            .iter()
            .flat_map(|name| name.split(|letter: char| !letter.is_alphanumeric()))
            .filter(|part| part.chars().count() >= PART_MIN);
        let context: Vec<&str> = names.iter().copied().chain(parts).collect();
        let estimate = zxcvbn(&estimator_input(text), &context);
        if u8::from(estimate.score()) >= self.min_score {
            return Ok(());
        }
        let feedback = estimate.feedback();
        let warning = feedback.and_then(zxcvbn::feedback::Feedback::warning);
        let suggestions = feedback.map_or(&[][..], |feedback| feedback.suggestions());
        let mut advice: Vec<String> = warning.iter().map(ToString::to_string).collect();
        advice.extend(suggestions.iter().map(ToString::to_string));
        if advice.is_empty() {
            advice.push("Add another word or two.".to_owned());
        }
        Err(Weakness::Guessable {
            advice: advice.join(" "),
        })
    }
}

/// The estimator's input. Its work grows with the square of the length, and by a factor for each sign that
/// may replace a letter: a second for a hundred characters with all of them. So signs that replace the same
/// letter are mapped to one.
fn estimator_input(text: &str) -> String {
    let one_of_alike = |sign| match sign {
        '{' | '[' | '<' => '(',
        '|' => '!',
        other => other,
    };
    text.chars()
        .take(ESTIMATED_LENGTH)
        .map(one_of_alike)
        .collect()
}

/// The reason why a password is refused, as text for the user, without the password.
///
/// "If the chosen password is found on the blocklist, the CSP or verifier SHALL require the subscriber
/// to choose a different secret and SHALL provide the reason for rejection."
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// Fewer characters than required.
    #[error("a password has {least} characters or more; a few words do")]
    TooShort {
        /// Required characters.
        least: usize,
    },
    /// More than 256 characters.
    #[error("a password has {max} characters at most", max = LENGTH_MAX)]
    TooLong,
    /// The name of the user or of the server.
    #[error("a password is not the name of its user or of this server")]
    Name,
    /// An attacker who tries likely passwords would find it soon.
    #[error("the password is too easy to guess. {advice}")]
    Guessable {
        /// Advice for a better one.
        advice: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(min_length: usize, min_score: u8) -> Rules {
        Rules {
            min_length,
            min_score,
            host: "auth.example.com".to_owned(),
        }
    }

    fn check(rules: &Rules, text: &str) -> Result<(), String> {
        let alice = Username::parse("alice.liddell@wonderland.example").unwrap();
        let outcome = rules.check(&Password::new(text), &alice);
        outcome.map_err(|weakness| weakness.to_string())
    }

    #[track_caller]
    fn assert_refused(rules: &Rules, text: &str, why: &str) {
        let refusal = check(rules, text).unwrap_err();
        assert!(refusal.contains(why), "{text}: {refusal}");
    }

    /// "Each Unicode code point SHALL be counted as a single character when evaluating password
    /// length", NIST SP 800-63B-4 §3.1.1.2; in the normalized form.
    #[test]
    fn length_is_counted_in_characters_of_the_normalized_form() {
        let rules = rules(15, 0);
        assert_refused(&rules, "14 characters.", "15 characters or more");
        assert_eq!(check(&rules, "15 characters.."), Ok(()));
        assert_eq!(check(&rules, &"日".repeat(15)), Ok(()));
        assert_eq!(check(&rules, &"é".repeat(256)), Ok(()));
        assert_eq!(check(&rules, &"e\u{301}".repeat(15)), Ok(()));
        assert_refused(&rules, &"e\u{301}".repeat(14), "15 characters or more");
        assert_refused(&rules, &"é".repeat(257), "256 characters at most");
        assert_refused(&rules, "", "15 characters or more");
    }

    /// "SHALL NOT impose other composition rules"; "SHOULD accept all printing ASCII characters and the
    /// space character", NIST SP 800-63B-4 §3.1.1.2.
    #[test]
    fn any_characters_are_accepted_and_no_mixture_is_required() {
        let rules = rules(15, 3);
        for text in [
            "orbit velvet cactus mumble",
            "ORBIT VELVET CACTUS MUMBLE",
            "orbitvelvetcactusmumble",
            "739205518264093715",
            "!)*&^%$@(+=_-{}:;?",
            "馬鹿野郎とりかえしのつかない夜明け",
            "  orbit  velvet  cactus  ",
            "correct horse battery staple",
            "🦀🐙🦑🦐🦞🐡🐠🐟🐬🐳🐋🦈🐊🐅🐆",
        ] {
            assert_eq!(check(&rules, text), Ok(()), "{text}");
        }
    }

    /// "A blocklist that contains known commonly used, expected, or compromised passwords", NIST SP
    /// 800-63B-4 §3.1.1.2.
    #[test]
    fn a_common_password_is_refused_with_the_reason() {
        let rules = rules(8, 3);
        assert_refused(&rules, "password", "This is a top-10 common password.");
        assert_refused(&rules, "P@ssw0rd", "similar to a commonly used password");
        assert_refused(&rules, "passwordpassword", "Avoid repeated words");
        assert_refused(&rules, "qwertyuiopasdfghjkl", "similar to a commonly used");
        assert_refused(&rules, "abcdefghijklmnopqrst", "Sequences like abc");
        assert_refused(&rules, "aaaaaaaaaaaaaaaaaaaa", "Repeats like");
        assert_refused(&rules, "12345678901234567890", "too easy to guess");
    }

    /// "Context-specific words, such as the name of the service, the username, and derivatives thereof",
    /// NIST SP 800-63B-4 §3.1.1.2.
    #[test]
    fn the_names_of_the_user_and_of_the_server_are_refused_in_any_spelling() {
        let name = "a password is not the name";
        // Refused at any score.
        let lax = rules(5, 0);
        assert_refused(&lax, "alice.liddell@wonderland.example", name);
        assert_refused(&lax, "Alice.LIDDELL@wonderland.example", name);
        assert_refused(&lax, "ａlice.liddell@wonderland.example", name);
        assert_refused(&lax, "AUTH.example.com", name);
        assert_refused(&lax, "Jeton", name);
        let rules = rules(8, 3);
        for text in [
            "alice.liddell@wonderland.example1",
            "alice.liddell1",
            "wonderlandalice",
            "liddell2026",
            "auth.example.com1",
            "jetonjetonjeton",
        ] {
            assert_refused(&rules, text, "too easy to guess");
        }
    }

    #[test]
    fn there_is_advice_when_the_estimator_has_none() {
        let strict = rules(8, 4);
        assert_refused(&strict, "orbit velvet", "Add another word or two.");
    }

    #[test]
    fn the_reason_does_not_contain_the_password() {
        for (min_length, min_score) in [(64, 0), (8, 4)] {
            let refusal = check(&rules(min_length, min_score), "zebrazebrazebra").unwrap_err();
            assert!(!refusal.contains("zebra"), "{refusal}");
        }
    }

    #[test]
    fn the_estimate_of_the_longest_password_takes_less_than_half_a_second() {
        let signs = "4@8({[<369!10|$57+%2";
        let text: String = signs.chars().cycle().take(LENGTH_MAX).collect();
        assert_eq!(
            estimator_input(&text),
            "4@8((((369!10!$57+%2".repeat(4)[..64]
        );
        assert_eq!(estimator_input("orbit velvet"), "orbit velvet");
        let _ = check(&rules(8, 3), "the first use builds the tables");
        let begun = std::time::Instant::now();
        assert_eq!(check(&rules(8, 3), &text), Ok(()));
        let taken = begun.elapsed();
        assert!(taken < std::time::Duration::from_millis(400), "{taken:?}");
    }
}
