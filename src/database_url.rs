//! Where the store is: the setting `database.url`.

use std::fmt;
use std::path::PathBuf;

use url::Url;

use crate::secret::Secret;

/// What a URL of PostgreSQL may say after its `?`. Others are refused: the driver would pass over them with
/// a line in the log that shows them whole.
const PARAMETERS: [&str; 7] = [
    "application_name",
    "host",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
];
const SSL_MODES: [&str; 6] = [
    "disable",
    "allow",
    "prefer",
    "require",
    "verify-ca",
    "verify-full",
];

/// A place for the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite:PATH`: a file.
    Sqlite(PathBuf),
    /// `postgres://…`: a database on a server.
    Postgres(PostgresUrl),
}

/// The URL of a database on a PostgreSQL server. What is shown of it is the place alone.
#[derive(Clone)]
pub struct PostgresUrl {
    whole: Secret,
    place: String,
}

impl DatabaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    ///
    /// What a URL must be; nothing of the text, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return Ok(Self::Sqlite(PathBuf::from(path)));
        }
        let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
        match scheme {
            "postgres" | "postgresql" => PostgresUrl::parse(text).map(Self::Postgres),
            "mysql" | "mariadb" => Err(
                "names an engine that this version does not speak yet; it speaks SQLite and \
                 PostgreSQL"
                    .to_owned(),
            ),
            _ => Err(
                "must be empty, or begin with sqlite: or postgres://; a password is written with \
                 its special characters percent-encoded"
                    .to_owned(),
            ),
        }
    }
}

impl PostgresUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| {
            format!(
                "is not a URL ({error}): postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special \
                 characters of the password percent-encoded"
            )
        })?;
        if url.path().trim_matches('/').is_empty() {
            return Err(
                "must name a database: postgres://USER:PASSWORD@HOST:PORT/DATABASE".to_owned(),
            );
        }
        let host = url.host_str().unwrap_or("localhost");
        let mut host = host.replace("%2F", "/");
        let mut port = url.port().unwrap_or(5432).to_string();
        for (name, value) in url.query_pairs() {
            if !PARAMETERS.contains(&name.as_ref()) {
                return Err(format!(
                    "has a parameter that is not one of {}",
                    PARAMETERS.join(", ")
                ));
            }
            match name.as_ref() {
                "sslmode" if !SSL_MODES.contains(&value.as_ref()) => {
                    return Err(format!(
                        "has an sslmode that is not one of {}",
                        SSL_MODES.join(", ")
                    ));
                }
                "host" => host = value.into_owned(),
                "port" if value.parse::<u16>().is_err() => {
                    return Err("has a port that is not a number up to 65535".to_owned());
                }
                "port" => port = value.into_owned(),
                _ => {}
            }
        }
        Ok(Self {
            whole: Secret::new(text.to_owned()),
            place: format!("{host}:{port}{}", url.path()),
        })
    }

    /// The whole URL, its password included.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.whole.expose()
    }
}

/// Host, port and database.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({})", self.place)
    }
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for PostgresUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_shows_its_place_and_never_its_password() {
        for (text, place) in [
            ("postgres://me:pa55@db/jeton", "db:5432/jeton"),
            (
                "postgresql://me:pa55@db:6432/jeton?sslmode=require",
                "db:6432/jeton",
            ),
            ("postgres://me:pa55@%2Frun%2Fpg/jeton", "/run/pg:5432/jeton"),
            ("postgres:///jeton?host=/run/pg", "/run/pg:5432/jeton"),
        ] {
            let Ok(DatabaseUrl::Postgres(url)) = DatabaseUrl::parse(text) else {
                panic!("{text}");
            };
            assert_eq!(url.to_string(), place);
            assert_eq!(url.expose(), text);
            assert!(!format!("{url:?}").contains("pa55"));
        }
        for text in [
            "pa55",
            "mysql://me:pa55@db/jeton",
            "postgres://me:pa55@db",
            "postgres://me:pa55@db:port/jeton",
            "postgres://me:pa55@db/jeton?password=pa55",
            "postgres://me:pa55@db/jeton?sslmode=pa55",
            "postgres://me:pa55@db/jeton?port=pa55",
        ] {
            let wrong = DatabaseUrl::parse(text).unwrap_err();
            assert!(!wrong.contains("pa55"), "{wrong}");
        }
    }
}
