//! Scripts that the parent runs around the life of its children.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Draft;
use crate::config::diagnostic::Findings;
use crate::config::keyword::{Keyword, ScriptText, Shape};
use crate::config::scripts::Scripts;
use crate::types::ScriptCommand;

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ParentScripts {
    /// Before the children start.
    pub startup_script: Option<ScriptCommand>,
    /// Default 10 s.
    pub startup_script_timeout: Duration,
    /// After they have ended.
    pub shutdown_script: Option<ScriptCommand>,
    /// Default 10 s.
    pub shutdown_script_timeout: Duration,
}

impl Default for ParentScripts {
    fn default() -> Self {
        Self {
            startup_script: None,
            startup_script_timeout: Duration::from_secs(10),
            shutdown_script: None,
            shutdown_script_timeout: Duration::from_secs(10),
        }
    }
}

/// The scripts as they are written.
#[derive(Debug, Default)]
pub(crate) struct ParentScriptsDraft {
    startup_script: Option<ScriptText>,
    shutdown_script: Option<ScriptText>,
}

impl ParentScriptsDraft {
    pub(crate) fn resolve(
        &self,
        into: &mut ParentScripts,
        scripts: &mut Scripts<'_>,
        findings: &mut Findings,
    ) {
        let mut resolve = |text: &Option<ScriptText>| {
            let text = text.as_ref()?;
            scripts.resolve(text, None, findings)
        };
        into.startup_script = resolve(&self.startup_script);
        into.shutdown_script = resolve(&self.shutdown_script);
    }
}

const TIMEOUT: Shape = Shape::number(1, 1000);

pub(super) const ROWS: &[Keyword<Draft>] = &[
    Keyword::new("startup_script", Shape::Script, "", |draft, arguments| {
        arguments.fill(&mut draft.parent_scripts.startup_script)
    }),
    Keyword::new("shutdown_script", Shape::Script, "", |draft, arguments| {
        arguments.fill(&mut draft.parent_scripts.shutdown_script)
    }),
    Keyword::new(
        "startup_script_timeout",
        TIMEOUT,
        "10",
        |draft: &mut Draft, arguments| {
            arguments.fill(&mut draft.defs.parent_scripts.startup_script_timeout)
        },
    )
    .unit("s"),
    Keyword::new(
        "shutdown_script_timeout",
        TIMEOUT,
        "10",
        |draft: &mut Draft, arguments| {
            arguments.fill(&mut draft.defs.parent_scripts.shutdown_script_timeout)
        },
    )
    .unit("s"),
];
