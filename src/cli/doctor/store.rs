//! The database: whether it can be reached and written, and its schema.

use super::finding::Finding;
use crate::bootstrap;
use crate::config::Settings;
use crate::database_url::DatabaseUrl;
use crate::store::{Store, schema_steps};

const CHECK: &str = "store";

/// Opens the store if that does not change its schema.
pub async fn check(settings: &Settings) -> (Finding, Option<Store>) {
    if let Some(problem) = look_before_opening(settings).await {
        return (problem, None);
    }
    let store = match bootstrap::open_store(settings).await {
        Ok(store) => store,
        Err(error) => return (Finding::failed(CHECK, error.to_string()), None),
    };
    match store.check_ready().await {
        Ok(()) => {
            let finding = Finding::ok(
                CHECK,
                "the database can be written and has the current schema",
            );
            (finding, Some(store))
        }
        Err(why) => {
            let remedy = "free space on its disk, or look for a program that has locked it";
            let text = format!("the database cannot be written: {why}");
            (Finding::failure(CHECK, text, remedy), Some(store))
        }
    }
}

async fn look_before_opening(settings: &Settings) -> Option<Finding> {
    let absent = |place: String| {
        Finding::failure(
            CHECK,
            format!("there is no store at {place}"),
            "correct data_dir, database.url or --config, or run `jeton serve` once to create it",
        )
    };
    match settings.database() {
        DatabaseUrl::Sqlite(path) if !path.exists() => Some(absent(path.display().to_string())),
        DatabaseUrl::Sqlite(path) => match schema_steps::missing(&path).await {
            Ok(missing) => behind(missing),
            Err(error) => Some(Finding::failed(CHECK, error.to_string())),
        },
        DatabaseUrl::Server(url) => {
            match Store::missing_steps(&url, bootstrap::limits(&settings.database)).await {
                Ok(Some(missing)) => behind(missing),
                Ok(None) => Some(absent(url.to_string())),
                Err(error) => Some(Finding::failed(CHECK, error.to_string())),
            }
        }
    }
}

fn behind(missing: u64) -> Option<Finding> {
    (missing > 0).then(|| {
        Finding::warning(
            CHECK,
            format!("the schema is of an older version: {missing} steps are missing"),
            "make a backup; the next start of this version adds them",
        )
    })
}
