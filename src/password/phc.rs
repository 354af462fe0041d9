//! The PHC string format: `$id$v=19$name=value,…$salt$hash`, salt and hash in unpadded Base64.

use password_hash::phc::PasswordHash;

use super::stored::{Recipe, Stored};

/// A hash in PHC string format, of any algorithm.
pub(super) struct Phc(PasswordHash);

impl Phc {
    /// Refuses a parameter that is not in `names` or is repeated: it may have changed the hash.
    pub fn parse(text: &str, names: &[&str]) -> Result<Self, String> {
        let hash = PasswordHash::new(text).map_err(|error| error.to_string())?;
        let mut names = names.to_vec();
        for (name, _) in hash.params.iter() {
            let place = names.iter().position(|known| *known == name.as_str());
            names.swap_remove(place.ok_or("a parameter is unknown or repeated")?);
        }
        Ok(Self(hash))
    }

    pub fn version(&self) -> Option<u32> {
        self.0.version
    }

    pub fn refuse_version(&self) -> Result<(), String> {
        match self.version() {
            None => Ok(()),
            Some(_) => Err("this algorithm has no versions".to_owned()),
        }
    }

    pub fn decimal(&self, name: &str) -> Result<u32, String> {
        let value = self.0.params.get_decimal(name);
        value.ok_or_else(|| format!("parameter {name} is missing or not a number"))
    }

    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.params.get_str(name)
    }

    /// The stored hash, with a salt of 8 to 48 bytes and a digest of 10 to 64 bytes.
    pub fn stored(&self, recipe: Recipe) -> Result<Stored, String> {
        let salt = self.0.salt.as_ref().ok_or("the salt is missing")?;
        let digest = self
            .0
            .hash
            .as_ref()
            .ok_or("the hash after the salt is missing")?;
        Ok(Stored {
            recipe,
            salt: salt.to_vec(),
            digest: digest.as_ref().to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: Recipe = Recipe::Pbkdf2Sha256 { rounds: 1 };

    fn stored(text: &str) -> Result<Stored, String> {
        Phc::parse(text, &["m", "t"])?.stored(RECIPE)
    }

    #[test]
    fn all_fields_are_read() {
        let phc = Phc::parse("$x$v=19$m=64,t=1$AAECAwQFBgc$AAECAwQFBgcICQ", &["m", "t"]).unwrap();
        assert_eq!(phc.version(), Some(19));
        assert_eq!((phc.decimal("m"), phc.optional("t")), (Ok(64), Some("1")));
        let stored = phc.stored(RECIPE).unwrap();
        assert_eq!(stored.salt, [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(stored.digest, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn a_number_has_digits_only_and_no_leading_zero() {
        for value in [
            "064",
            "+64",
            "-64",
            "6.4",
            "x",
            "4294967296",
            "99999999999999999999",
        ] {
            let phc = Phc::parse(&format!("$x$m={value}$AAECAwQFBgc"), &["m"]).unwrap();
            assert!(phc.decimal("m").is_err(), "{value}");
        }
    }

    #[test]
    fn unknown_and_repeated_parameters_are_refused() {
        for parameters in [
            "m=64,t=1,data=AAAA",
            "m=64,m=64",
            "t=1,m=64,t=1",
            "keyid=AA",
        ] {
            let text = format!("$x${parameters}$AAECAwQFBgc$AAECAwQFBgcICQ");
            assert!(stored(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn salt_and_hash_are_required_and_limited_in_length() {
        let letters = "A".repeat(90);
        for (salt, hash, accepted) in [
            (11, 14, true),
            (64, 86, true),
            (10, 43, false),
            (66, 43, false),
            (22, 12, false),
            (22, 87, false),
        ] {
            let text = format!("$x$m=64,t=1${}${}", &letters[..salt], &letters[..hash]);
            assert_eq!(stored(&text).is_ok(), accepted, "{text}");
        }
        assert!(stored("$x$m=64,t=1$AAECAwQFBgc").is_err());
        assert!(stored("$x$m=64,t=1").is_err());
        assert!(stored("$x$m=64,t=1$AAECAwQFBgc$AAECAwQFBgcICQ$").is_err());
        assert!(stored("$x$m=64,t=1$AAECAwQFBgc=$AAECAwQFBgcICQ==").is_err());
    }
}
