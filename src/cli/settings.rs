//! `jeton config`: the settings in force.

use super::{Failure, output};
use crate::config::Origins;

/// Prints each setting with its value and where it came from.
pub fn print(origins: &Origins) -> Result<(), Failure> {
    let rows = origins.iter().map(|(name, origin)| {
        vec![
            name.to_owned(),
            format!("{:?}", origin.value),
            origin.from.clone(),
        ]
    });
    output::table(&["SETTING", "VALUE", "FROM"], rows)
}
