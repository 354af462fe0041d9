//! The result of one check.

use serde::Serialize;

use crate::cli::{CommandError, output};

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Ok,
    /// The server works, but not as it should in production.
    Warning,
    /// The server or its clients do not work.
    Failure,
}

/// One line of the report.
#[derive(Debug, Serialize)]
pub struct Finding {
    check: &'static str,
    state: State,
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Finding {
    pub fn ok(check: &'static str, text: impl Into<String>) -> Self {
        Self {
            check,
            state: State::Ok,
            text: text.into(),
            remedy: None,
        }
    }

    pub fn warning(
        check: &'static str,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let remedy = Some(remedy.into());
        Self {
            state: State::Warning,
            remedy,
            ..Self::ok(check, text)
        }
    }

    pub fn failure(
        check: &'static str,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Failure,
            ..Self::warning(check, text, remedy)
        }
    }

    /// A failure whose text says what to do.
    pub fn failed(check: &'static str, text: impl Into<String>) -> Self {
        Self {
            state: State::Failure,
            ..Self::ok(check, text)
        }
    }

    pub fn is_failure(&self) -> bool {
        self.state == State::Failure
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = match self.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failure => "failure",
        };
        write!(f, "{state:<8} {:<12} {}", self.check, self.text)?;
        self.remedy
            .iter()
            .try_for_each(|remedy| write!(f, "; {remedy}"))
    }
}

/// Prints findings. Fails if one of them is a failure.
pub fn report(findings: &[Finding], as_json: bool) -> Result<(), CommandError> {
    if as_json {
        let objects = findings.iter().map(serde_json::to_value);
        output::json(objects.filter_map(Result::ok))?;
    } else {
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        output::line(&lines.join("\n"))?;
    }
    match findings
        .iter()
        .filter(|finding| finding.is_failure())
        .count()
    {
        0 => Ok(()),
        count => Err(CommandError::new(format!("failures found: {count}"))),
    }
}
