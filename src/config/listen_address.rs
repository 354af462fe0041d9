//! The address of a listener: a host name or an IP address, and a port.

use std::fmt;
use std::net::SocketAddr;

use url::Host;

/// Where a listener listens. A host name may have several addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    host: ListenHost,
    /// The port; 0: a free one.
    pub port: u16,
}

/// The host of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenHost {
    /// A host name in lower case.
    Name(String),
    /// An address, with the scope that an IPv6 address may have. Its port has no meaning.
    Address(SocketAddr),
}

impl ListenAddress {
    /// Parses `localhost:8080`, `127.0.0.1:8080` or `[::1]:8080`.
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<SocketAddr>() {
            return Some(Self {
                port: address.port(),
                host: ListenHost::Address(address),
            });
        }
        let (name, port) = text.rsplit_once(':')?;
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| is_number)?;
        let name = name.to_ascii_lowercase();
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        // The system would read 127.1 as an address, and browsers too.
        let is_name = name.bytes().all(is_allowed)
            && matches!(Host::parse(&name), Ok(Host::Domain(found)) if found == name);
        is_name.then_some(Self {
            host: ListenHost::Name(name),
            port,
        })
    }

    /// The host.
    pub const fn host(&self) -> &ListenHost {
        &self.host
    }

    /// Whether this is every address of the machine, which no client can send requests to.
    pub const fn is_unspecified(&self) -> bool {
        matches!(&self.host, ListenHost::Address(address) if address.ip().is_unspecified())
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            ListenHost::Name(name) => write!(f, "{name}:{}", self.port),
            ListenHost::Address(address) => at_port(*address, self.port).fmt(f),
        }
    }
}

/// The same address with another port.
pub const fn at_port(mut address: SocketAddr, port: u16) -> SocketAddr {
    address.set_port(port);
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_or_an_address_and_a_port_are_read() {
        for (text, shown) in [
            ("localhost:8080", "localhost:8080"),
            ("LocalHost:0", "localhost:0"),
            ("auth_1.internal:65535", "auth_1.internal:65535"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("[::1]:8080", "[::1]:8080"),
            ("[0:0::1]:8080", "[::1]:8080"),
            ("[fe80::1%2]:8080", "[fe80::1%2]:8080"),
        ] {
            let address = ListenAddress::parse(text).unwrap();
            assert_eq!(address.to_string(), shown);
            assert!(!address.is_unspecified());
        }
        for text in ["0.0.0.0:8080", "[::]:8080"] {
            assert!(ListenAddress::parse(text).unwrap().is_unspecified());
        }
        for text in [
            "",
            "localhost",
            ":8080",
            "localhost:",
            "localhost:x",
            "localhost:+80",
            "localhost:65536",
            "localhost: 8080",
            "local host:8080",
            "http://localhost:8080",
            "localhost:80:80",
            "::1:8080",
            "[::1:8080",
            "127.1:8080",
            "0x7f000001:8080",
            "b\u{fc}cher.example:8080",
            "a%62.example:8080",
            "*:8080",
        ] {
            assert_eq!(ListenAddress::parse(text), None, "{text}");
        }
    }
}
