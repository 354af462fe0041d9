//! The file of the root secrets, or what to do without one that can be written.

use super::CommandError;
use crate::config::Settings;
use crate::root_secret::{EditableFile, NotReplaced, RootSecretError};

/// The file of the settings, to be changed. `step` is what the command does to it.
pub fn open(settings: &Settings, step: &str) -> Result<EditableFile, CommandError> {
    if !settings.root_secret.value.0.expose().is_empty() {
        return Err(CommandError::new(format!(
            "the root secrets are not in a file but in the environment, JETON_ROOT_SECRET__VALUE, which Jeton cannot \
             change. {}",
            by_hand(step)
        )));
    }
    let path = &settings.root_secret.file;
    EditableFile::read(path)?.ok_or_else(|| {
        let path = path.display();
        CommandError::new(format!(
            "there is no root secret at {path}; put the file back, or correct root_secret.file \
                 (JETON_ROOT_SECRET__FILE)"
        ))
    })
}

/// Writes the file.
pub fn replace(file: &EditableFile, settings: &Settings, step: &str) -> Result<(), CommandError> {
    file.write().map_err(|error| {
        let path = settings.root_secret.file.display();
        let advice = match &error {
            NotReplaced::Changed => String::new(),
            NotReplaced::Io(_) => format!(
                ". Run the command as the user that owns it. If another system writes it, such as Kubernetes, systemd \
                 (run the command with the file in /etc/credstore) or a vault: {}",
                by_hand(step)
            ),
        };
        CommandError::new(format!("{path} {error}{advice}"))
    })
}

fn by_hand(step: &str) -> String {
    format!(
        "Do this step there, in the source of the value: {step}. There is one root secret per line (`openssl rand \
         -base64 32` makes one). Then restart every node. `jeton secret list` says which step is next"
    )
}

impl From<RootSecretError> for CommandError {
    fn from(error: RootSecretError) -> Self {
        Self::new(error.to_string())
    }
}
