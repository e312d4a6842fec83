//! `vrrp_notify_fifo`, `notify_fifo`, `lvs_notify_fifo` and their scripts.

use serde::{Deserialize, Serialize};

use super::diagnostic::{Code, Finding, Findings};
use super::keyword::{Arguments, ScriptText, Spanned};
use super::scripts::{Scripts, UserText};
use crate::types::{ScriptCommand, UserId};

/// A FIFO that state changes are written to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NotifyFifo {
    /// Made where it is missing.
    pub path: String,
    /// Owner of one that is made; `None`: the daemon.
    pub user: Option<UserId>,
    /// Started with the path as its last argument.
    pub script: Option<ScriptCommand>,
}

/// The same as it is written.
#[derive(Debug, Default)]
pub(crate) struct FifoDraft {
    fifo: Option<Spanned<FifoText>>,
    script: Option<ScriptText>,
}

#[derive(Debug)]
struct FifoText {
    path: String,
    user: Option<UserText>,
}

impl FifoDraft {
    /// `PATH [USER [GROUP]]`; keepalived: the first one counts.
    pub(crate) fn read_fifo(&mut self, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
        let span = arguments.span();
        let path = arguments.text()?.value;
        let user = arguments.next_word().map(|user| user.text.to_owned());
        let group = arguments.next_word().map(|group| group.text.to_owned());
        if self.fifo.is_some() {
            return Err(already(arguments));
        }
        let user = user.map(|user| UserText { user, group });
        self.fifo = Some(Spanned {
            value: FifoText { path, user },
            span,
        });
        Ok(())
    }

    pub(crate) fn read_script(&mut self, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
        let script = arguments.script()?;
        if self.script.is_some() {
            return Err(already(arguments));
        }
        self.script = Some(script);
        Ok(())
    }

    /// `name`: the keyword of the FIFO.
    pub(crate) fn resolve(
        &self,
        name: &str,
        scripts: &mut Scripts<'_>,
        findings: &mut Findings,
    ) -> Option<NotifyFifo> {
        let script = self
            .script
            .as_ref()
            .and_then(|text| scripts.resolve(text, None, findings));
        let Some(fifo) = &self.fifo else {
            if let Some(text) = &self.script {
                let message = format!("there is no '{name}' for '{name}_script'");
                findings.push(Finding::new(Code::NothingToDo, text.span, message));
            }
            return None;
        };
        let user = fifo.value.user.as_ref().map(|user| scripts.user(user));
        let user = match user.transpose() {
            Ok(user) => user,
            Err(why) => {
                let message = format!("{why}; '{name}' is not used");
                findings.push(Finding::new(Code::InvalidValue, fifo.span, message));
                return None;
            }
        };
        Some(NotifyFifo {
            path: fifo.value.path.clone(),
            user,
            script,
        })
    }
}

fn already(arguments: &Arguments<'_>) -> Finding {
    let message = format!(
        "'{}' is set already; this one is not used",
        arguments.keyword().value
    );
    Finding::new(Code::DuplicateEntry, arguments.span(), message)
}
