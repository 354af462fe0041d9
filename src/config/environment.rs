//! Environment variables of the settings, without those that others set.

use std::collections::HashMap;

/// Variables that images and shells set for a program of this name.
const OF_IMAGES: [&str; 2] = ["JETON_VERSION", "JETON_HOME"];

/// The variables of this process, without foreign ones.
pub(super) fn variables() -> HashMap<String, String> {
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        (!is_foreign(&name)).then(|| (name, value.to_string_lossy().into_owned()))
    });
    variables.collect()
}

fn is_foreign(name: &str) -> bool {
    OF_IMAGES.contains(&name) || is_service_link(name)
}

/// Whether Kubernetes may have set this variable. In each container it sets such ones for all services of the namespace
/// whose names begin with `jeton`.
///
/// Of two underscores between section and setting, as in `JETON_SERVER__PORT`, the shortest form may be a typing error.
fn is_service_link(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("JETON") else {
        return false;
    };
    let is_typed = rest.contains("__");
    rest.starts_with('_')
        && (rest.ends_with("_SERVICE_HOST")
            || rest.ends_with("_SERVICE_PORT")
            || rest.contains("_SERVICE_PORT_")
            || (rest.ends_with("_PORT") && !is_typed)
            || rest.match_indices("_PORT_").any(|(at, link)| {
                let end = rest.get(at + link.len()..).unwrap_or_default();
                is_end_of_port(end)
            }))
}

/// `N_TCP`, `N_TCP_PROTO`, `N_TCP_PORT` or `N_TCP_ADDR`, also with UDP and SCTP.
fn is_end_of_port(text: &str) -> bool {
    let Some((number, rest)) = text.split_once('_') else {
        return false;
    };
    let (protocol, what) = rest.split_once('_').unwrap_or((rest, "PORT"));
    number.parse::<u16>().is_ok()
        && ["TCP", "UDP", "SCTP"].contains(&protocol)
        && ["PROTO", "PORT", "ADDR"].contains(&what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{SettingSources, Settings};

    #[test]
    fn variables_of_kubernetes_and_images_are_ignored() {
        for name in [
            "JETON_SERVICE_HOST",
            "JETON_SERVICE_PORT",
            "JETON_SERVICE_PORT_HTTP",
            "JETON_PORT",
            "JETON_PORT_8080_TCP",
            "JETON_PORT_8080_TCP_PROTO",
            "JETON_PORT_8080_TCP_PORT",
            "JETON_PORT_8080_TCP_ADDR",
            "JETON_POSTGRESQL_SERVICE_HOST",
            "JETON_POSTGRESQL_SERVICE_PORT_TCP_POSTGRESQL",
            "JETON_SERVER_PORT",
            "JETON_METRICS_PORT_9464_TCP",
            "JETON_DNS_PORT_53_UDP_ADDR",
            "JETON_A__B_SERVICE_HOST",
            "JETON_VERSION",
            "JETON_HOME",
        ] {
            assert!(is_foreign(name), "{name}");
        }
    }

    #[test]
    fn other_unknown_variables_are_not_ignored() {
        for name in [
            "JETON_SERVER__PORT",
            "JETON_SERVER_HOST",
            "JETON_PORTS",
            "JETON_PORT_X_TCP",
            "JETON_PORT_80_HTTP",
            "JETON_PORT_80_TCP_NAME",
            "JETON_PORT_80",
            "JETON_VERSIONS",
            "JETON_HOME_DIR",
            "JETON_SERVICE",
            "JETON_SERVICE_NAME",
            "JETONS_PORT",
        ] {
            assert!(!is_foreign(name), "{name}");
        }
    }

    #[test]
    fn no_setting_is_ignored() {
        let nothing = config::Environment::default().source(Some(HashMap::new()));
        let (_, sources): (_, SettingSources) = Settings::load_from(None, nothing).unwrap();
        for (name, _) in sources.iter() {
            let variable = format!("JETON_{}", name.to_uppercase().replace('.', "__"));
            assert!(!is_foreign(&variable), "{variable}");
        }
    }
}
