//! Runs track scripts, one run of each at a time, and tells how they ended.

use std::collections::HashMap;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use tokio::process::Child;
use tokio::task::JoinSet;
use tracing::warn;

use crate::notify::driver::spawn;
use crate::sys::script;
use crate::types::ScriptCommand;
use crate::vrrp::{Input, ScriptOutcome};

#[derive(Debug, Default)]
pub(super) struct Scripts {
    running: HashMap<String, Run>,
    waiting: JoinSet<(String, ScriptOutcome)>,
}

#[derive(Debug)]
struct Run {
    /// Its own, and that of its process group.
    pid: u32,
    was_signalled: bool,
}

impl Scripts {
    /// Starts a run. One that cannot be started ends at once; either way [`Scripts::ended`] tells.
    pub(super) fn run(&mut self, script: String, command: &ScriptCommand) {
        match spawn(command, &[]) {
            Ok(child) => {
                if let Some(pid) = child.id() {
                    let was_signalled = false;
                    self.running
                        .insert(script.clone(), Run { pid, was_signalled });
                }
                self.waiting.spawn(wait(script, child));
            }
            Err(error) => {
                let outcome = ScriptOutcome::NotStarted(error.raw_os_error().unwrap_or(libc::EIO));
                self.waiting.spawn(async move { (script, outcome) });
            }
        }
    }

    /// Signals the whole process group of the script's run, if there is one.
    pub(super) fn kill(&mut self, script: &str, force: bool) {
        if let Some(run) = self.running.get_mut(script) {
            run.was_signalled = true;
            signal(script, run.pid, force);
        }
    }

    /// Ends every run with all its processes.
    pub(super) fn kill_all(&mut self) {
        for (script, run) in self.running.drain() {
            signal(&script, run.pid, true);
        }
        self.waiting.abort_all();
    }

    /// Waits until a run ends. Never returns while there is none; safe to drop at any time.
    pub(super) async fn ended(&mut self) -> Input<'static> {
        loop {
            match self.waiting.join_next().await {
                Some(Ok((script, outcome))) => {
                    self.forget(&script);
                    return Input::ScriptExited { script, outcome };
                }
                Some(Err(error)) => warn!("A track script was lost: {error}"),
                None => std::future::pending().await,
            }
        }
    }

    /// What a script that had to be stopped has left in its group goes with it.
    fn forget(&mut self, script: &str) {
        if let Some(run) = self.running.remove(script).filter(|it| it.was_signalled) {
            signal(script, run.pid, true);
        }
    }
}

fn signal(script: &str, pid: u32, force: bool) {
    if let Err(error) = script::kill_group(pid, force) {
        warn!("Unable to signal script {script} (process group {pid}): {error}");
    }
}

async fn wait(script: String, mut child: Child) -> (String, ScriptOutcome) {
    let outcome = match child.wait().await {
        Ok(status) => outcome(status),
        Err(error) => ScriptOutcome::NotStarted(error.raw_os_error().unwrap_or(libc::EIO)),
    };
    (script, outcome)
}

fn outcome(status: ExitStatus) -> ScriptOutcome {
    match (status.code(), status.signal()) {
        (Some(code), _) => ScriptOutcome::Exited(code),
        (None, Some(signal)) => ScriptOutcome::Signaled(signal),
        (None, None) => ScriptOutcome::NotStarted(libc::EIO),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn shell(script: &str) -> ScriptCommand {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        ScriptCommand {
            argv,
            user: None,
            ..ScriptCommand::default()
        }
    }

    async fn ended(scripts: &mut Scripts) -> (String, ScriptOutcome) {
        let ended = tokio::time::timeout(Duration::from_secs(10), scripts.ended());
        match ended.await.expect("in time") {
            Input::ScriptExited { script, outcome } => (script, outcome),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn exit_status_signal_and_failure_to_start_are_told_apart() {
        let mut scripts = Scripts::default();
        scripts.run("status".to_owned(), &shell("exit 3"));
        let status = ("status".to_owned(), ScriptOutcome::Exited(3));
        assert_eq!(ended(&mut scripts).await, status);
        scripts.run("signal".to_owned(), &shell("kill -USR1 $$"));
        let signal = ("signal".to_owned(), ScriptOutcome::Signaled(libc::SIGUSR1));
        assert_eq!(ended(&mut scripts).await, signal);
        let missing = ScriptCommand {
            argv: vec!["/nonexistent/script".to_owned()],
            user: None,
            ..ScriptCommand::default()
        };
        scripts.run("missing".to_owned(), &missing);
        let not_started = ScriptOutcome::NotStarted(libc::ENOENT);
        let missing = ("missing".to_owned(), not_started);
        assert_eq!(ended(&mut scripts).await, missing);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_script_that_ignores_sigterm_is_killed_with_its_grandchild() {
        let dir = tempfile::tempdir().expect("directory");
        let pid_file = dir.path().join("grandchild");
        let line = format!(
            "trap '' TERM; sleep 1000 & echo $! >{0}.new; mv {0}.new {0}; wait; wait",
            pid_file.display()
        );
        let mut scripts = Scripts::default();
        scripts.run("stubborn".to_owned(), &shell(&line));
        let grandchild = until(|| std::fs::read_to_string(&pid_file).ok()).await;
        scripts.kill("stubborn", false);
        scripts.kill("stubborn", true);
        let killed = ScriptOutcome::Signaled(libc::SIGKILL);
        assert_eq!(ended(&mut scripts).await.1, killed);
        let status = format!("/proc/{}/status", grandchild.trim());
        until(|| match std::fs::read_to_string(&status) {
            Ok(text) if !text.contains("State:\tZ") => None,
            _ => Some(()),
        })
        .await;
    }

    async fn until<T>(mut condition: impl FnMut() -> Option<T>) -> T {
        for _ in 0..1000 {
            if let Some(value) = condition() {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not within ten seconds");
    }
}
