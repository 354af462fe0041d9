//! `jeton config`: the settings in force.

use super::{CommandError, output};
use crate::config::SettingSources;

/// Prints each setting with its value and its source.
pub fn print(sources: &SettingSources) -> Result<(), CommandError> {
    let rows = sources.iter().map(|(name, source)| {
        vec![
            name.to_owned(),
            format!("{:?}", source.value),
            source.from.clone(),
        ]
    });
    output::table(&["SETTING", "VALUE", "FROM"], rows)
}
