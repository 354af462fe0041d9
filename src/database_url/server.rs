//! The URL of a database on a server.

use std::fmt;

use url::Url;

use crate::secret::Secret;

/// The database engine of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB: both have the same protocol.
    MySql,
}

/// The accepted query parameters of an engine. Others are refused: the drivers ignore them, and the driver for
/// PostgreSQL logs them with their values.
struct Parameters {
    names: &'static [&'static str],
    /// The parameter for TLS and its values.
    tls: (&'static str, &'static [&'static str]),
}

const OF_POSTGRES: Parameters = Parameters {
    names: &[
        "application_name",
        "host",
        "port",
        "sslcert",
        "sslkey",
        "sslmode",
        "sslrootcert",
    ],
    tls: (
        "sslmode",
        &[
            "disable",
            "allow",
            "prefer",
            "require",
            "verify-ca",
            "verify-full",
        ],
    ),
};

const OF_MYSQL: Parameters = Parameters {
    names: &["socket", "ssl-ca", "ssl-cert", "ssl-key", "ssl-mode"],
    tls: (
        "ssl-mode",
        &[
            "disabled",
            "preferred",
            "required",
            "verify_ca",
            "verify_identity",
        ],
    ),
};

impl Engine {
    /// The engine of a URL scheme.
    pub fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme {
            "postgres" | "postgresql" => Some(Self::Postgres),
            "mysql" | "mariadb" => Some(Self::MySql),
            _ => None,
        }
    }

    const fn example(self) -> &'static str {
        match self {
            Self::Postgres => "postgres://USER:PASSWORD@HOST:PORT/DATABASE",
            Self::MySql => "mysql://USER:PASSWORD@HOST:PORT/DATABASE",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::MySql => 3306,
        }
    }

    const fn parameters(self) -> &'static Parameters {
        match self {
            Self::Postgres => &OF_POSTGRES,
            Self::MySql => &OF_MYSQL,
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MariaDB or MySQL",
        })
    }
}

/// The URL of a database on a server. `Display` and `Debug` print only the location.
#[derive(Clone)]
pub struct ServerUrl {
    engine: Engine,
    whole: Secret,
    location: String,
}

impl ServerUrl {
    pub(super) fn parse(engine: Engine, text: &str) -> Result<Self, String> {
        let example = engine.example();
        let url = Url::parse(text).map_err(|error| {
            format!(
                "is not a URL ({error}): {example}, with special characters of the password \
                 percent-encoded"
            )
        })?;
        // The rest of a password after a # is parsed as a fragment, which the drivers ignore.
        if url.fragment().is_some() {
            return Err(format!(
                "has a #: {example}, with special characters of the password percent-encoded"
            ));
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(format!("must name a database: {example}"));
        }
        // The rest of a password after a slash is parsed as a path, and a path is printed.
        if url.path().contains('@') {
            return Err(format!(
                "has an @ after the name of a host: {example}, with special characters of the password \
                 percent-encoded"
            ));
        }
        check_parameters(engine, &url)?;
        Ok(Self {
            engine,
            whole: Secret::new(text.to_owned()),
            location: location(engine, &url),
        })
    }

    /// The database engine.
    pub const fn engine(&self) -> Engine {
        self.engine
    }

    /// The whole URL with its password.
    pub fn expose(&self) -> &str {
        self.whole.expose()
    }
}

fn check_parameters(engine: Engine, url: &Url) -> Result<(), String> {
    let Parameters {
        names,
        tls: (tls, modes),
    } = engine.parameters();
    for (name, value) in url.query_pairs() {
        if !names.contains(&name.as_ref()) {
            return Err(format!(
                "has a parameter that is not one of {}",
                names.join(", ")
            ));
        }
        if name == *tls && !modes.contains(&value.as_ref()) {
            let modes = modes.join(", ");
            return Err(format!("has an {tls} that is not one of {modes}"));
        }
        if name == "port" && value.parse::<u16>().is_err() {
            return Err("has a port that is not a number up to 65535".to_owned());
        }
    }
    Ok(())
}

/// Host, port and database, or the path of a socket and the database.
fn location(engine: Engine, url: &Url) -> String {
    let host = url.host_str().unwrap_or("localhost");
    let mut host = host.replace("%2F", "/");
    let mut port = url.port().unwrap_or(engine.port()).to_string();
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "host" => host = value.into_owned(),
            "port" => port = value.into_owned(),
            "socket" => return format!("{value}{}", url.path()),
            _ => {}
        }
    }
    format!("{host}:{port}{}", url.path())
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.location)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerUrl({})", self.location)
    }
}

impl PartialEq for ServerUrl {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for ServerUrl {}

#[cfg(test)]
mod tests {
    use crate::database_url::DatabaseUrl;

    #[test]
    fn a_url_prints_its_location_without_its_password() {
        for (text, location) in [
            ("postgres://me:pa55@db/jeton", "db:5432/jeton"),
            (
                "postgresql://me:pa55@db:6432/jeton?sslmode=require",
                "db:6432/jeton",
            ),
            ("postgres://me:pa55@%2Frun%2Fpg/jeton", "/run/pg:5432/jeton"),
            ("postgres:///jeton?host=/run/pg", "/run/pg:5432/jeton"),
            ("mysql://me:pa55@db/jeton", "db:3306/jeton"),
            (
                "mariadb://me:pa55@db:3307/jeton?ssl-mode=verify_identity&ssl-ca=/ca.pem",
                "db:3307/jeton",
            ),
            (
                "mysql://me:pa55@localhost/jeton?socket=/run/mysqld.sock",
                "/run/mysqld.sock/jeton",
            ),
        ] {
            let Ok(DatabaseUrl::Server(url)) = DatabaseUrl::parse(text) else {
                panic!("{text}");
            };
            assert_eq!(url.to_string(), location);
            assert_eq!(url.expose(), text);
            assert!(!format!("{url:?}").contains("pa55"));
        }
    }

    #[test]
    fn the_error_for_a_url_does_not_contain_its_password() {
        for (text, expected) in [
            ("pa55", "begin with"),
            ("oracle://me:pa55@db/jeton", "begin with"),
            ("postgres://me:pa55@db", "must name a database: postgres://"),
            ("mysql://me:pa55@db/", "must name a database: mysql://"),
            ("postgres://me:pa55@db:port/jeton", "is not a URL"),
            ("postgres://me:pa55@db/jeton?password=pa55", "a parameter"),
            ("mysql://me:pa55@db/jeton?sslmode=required", "a parameter"),
            ("mysql://me:pa55@db/jeton?charset=latin1", "a parameter"),
            ("postgres://me:pa55@db/jeton?sslmode=pa55", "an sslmode"),
            ("mysql://me:pa55@db/jeton?ssl-mode=verify-ca", "an ssl-mode"),
            ("postgres://me:pa55@db/jeton?port=pa55", "a port"),
            ("postgres://me:1/pa55@db/jeton", "percent-encoded"),
            ("postgres://me:p@ss/pa55#1@127.0.0.1/jeton", "has a #"),
            ("mysql://me:1#pa55@db/jeton", "has a #"),
            ("postgres://me:1@db/jeton#pa55", "has a #"),
            ("postgres://me:1@db/jeton#", "has a #"),
            ("u:pa55@db/jeton", "begin with"),
            ("postgres://me:pa55@db/je ton", "white space"),
            ("postgres://me:pa55\n@db/jeton", "a line ending"),
            ("sqlite:pa55\n.db", "a line ending"),
            ("postgres://me:1/x?pa55@db/jeton", "a parameter"),
            ("postgres:me:pa55@db/jeton", "begin with"),
            (
                "mysql://me:1/pa55@db/jeton?socket=/run/s",
                "percent-encoded",
            ),
        ] {
            let wrong = DatabaseUrl::parse(text).unwrap_err();
            assert!(wrong.contains(expected), "{text}: {wrong}");
            assert!(!wrong.contains("pa55"), "{wrong}");
        }
    }
}
