//! `server.listen`: one address or several.

use std::fmt;
use std::path::PathBuf;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::listen_address::ListenAddress;

/// What begins the path of a Unix socket.
const UNIX: &str = "unix:";
const RULE: &str = "must be a host name or an IP address, and a port, such as localhost:8080, 127.0.0.1:8080 or \
                    [::1]:8080, or a Unix socket, such as unix:/run/jeton/jeton.sock; several are separated by \
                    commas, and each is named once";

/// The sockets to listen on, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    first: ListenSocket,
    others: Vec<ListenSocket>,
}

/// A socket to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenSocket {
    /// A host and a port.
    Address(ListenAddress),
    /// The absolute path of a Unix socket.
    File(PathBuf),
}

impl Listen {
    /// Parses addresses that are separated by commas.
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(text.split(','))
    }

    fn of<'a>(texts: impl Iterator<Item = &'a str>) -> Option<Self> {
        let mut sockets = Vec::new();
        for text in texts {
            let socket = ListenSocket::parse(text.trim())?;
            // Port 0 is another free port each time.
            let is_port_0 = matches!(&socket, ListenSocket::Address(address) if address.port == 0);
            if !is_port_0 && sockets.contains(&socket) {
                return None;
            }
            sockets.push(socket);
        }
        let mut sockets = sockets.into_iter();
        Some(Self {
            first: sockets.next()?,
            others: sockets.collect(),
        })
    }

    /// The first socket.
    pub const fn first(&self) -> &ListenSocket {
        &self.first
    }

    /// All sockets in the order of the setting.
    pub fn iter(&self) -> impl Iterator<Item = &ListenSocket> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// The first host and port; `None` if there are only Unix sockets.
    pub fn address(&self) -> Option<&ListenAddress> {
        self.iter().find_map(|socket| match socket {
            ListenSocket::Address(address) => Some(address),
            ListenSocket::File(_) => None,
        })
    }

    /// Whether there is a Unix socket.
    pub fn has_file(&self) -> bool {
        self.iter()
            .any(|socket| matches!(socket, ListenSocket::File(_)))
    }

    /// Sets the port of the first host.
    pub(super) fn set_port(&mut self, port: u16) {
        let mut sockets = std::iter::once(&mut self.first).chain(&mut self.others);
        let address = sockets.find_map(|socket| match socket {
            ListenSocket::Address(address) => Some(address),
            ListenSocket::File(_) => None,
        });
        if let Some(address) = address {
            address.port = port;
        }
    }
}

impl ListenSocket {
    fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix(UNIX) {
            Some(path) if path.starts_with('/') && !path.ends_with('/') => {
                Some(Self::File(path.into()))
            }
            Some(_) => None,
            None => ListenAddress::parse(text).map(Self::Address),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, socket) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match socket {
                ListenSocket::Address(address) => write!(f, "{address}")?,
                ListenSocket::File(path) => write!(f, "{UNIX}{}", path.display())?,
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = || D::Error::custom(RULE);
        let listen = match TextOrList::deserialize(deserializer).map_err(|_| refused())? {
            TextOrList::Text(text) => Self::parse(&text),
            TextOrList::List(texts) => Self::of(texts.iter().map(String::as_str)),
        };
        listen.ok_or_else(refused)
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrList {
    Text(String),
    List(Vec<String>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_unix_sockets_are_read() {
        for (text, shown) in [
            ("localhost:8080", "localhost:8080"),
            ("127.0.0.1:80,[::1]:80", "127.0.0.1:80, [::1]:80"),
            (
                " unix:/run/a b.sock , LOCALHOST:1",
                "unix:/run/a b.sock, localhost:1",
            ),
            ("127.0.0.1:0,127.0.0.1:0", "127.0.0.1:0, 127.0.0.1:0"),
        ] {
            assert_eq!(Listen::parse(text).unwrap().to_string(), shown);
        }
        for text in [
            "",
            ",",
            "localhost:8080,",
            "unix:",
            "unix:jeton.sock",
            "unix:/run/",
            "/run/jeton.sock",
            "localhost:1,LOCALHOST:1",
            "unix:/a,unix:/a",
        ] {
            assert_eq!(Listen::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_comma_in_a_path_needs_a_list() {
        let listen = Listen::of(["unix:/run/a,b"].into_iter()).unwrap();
        assert_eq!(listen.to_string(), "unix:/run/a,b");
        assert_eq!(Listen::parse("unix:/run/a,b"), None);
    }

    #[test]
    fn the_port_of_the_first_host_is_set() {
        let mut listen = Listen::parse("unix:/a,localhost:0,[::1]:0").unwrap();
        assert!(listen.has_file());
        listen.set_port(7);
        assert_eq!(listen.address().unwrap().port, 7);
        assert_eq!(listen.to_string(), "unix:/a, localhost:7, [::1]:0");
        assert_eq!(Listen::parse("unix:/a").unwrap().address(), None);
    }
}
