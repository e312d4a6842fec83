//! Runs notification scripts without making anybody wait.

use std::collections::HashMap;
use std::time::Duration;

use tokio::process::Child;
use tokio::task::JoinSet;
use tracing::warn;

use super::{Pending, Queue};
use crate::sys::script;
use crate::types::ScriptCommand;

/// Starts scripts and keeps those of one subject in order. Poll [`Notifier::ended`] in the loop that owns it.
#[derive(Debug, Default)]
pub struct Notifier {
    queues: HashMap<String, Queue>,
    running: JoinSet<String>,
}

impl Notifier {
    /// Runs `command` with `arguments` appended, after the subject's earlier ones.
    pub fn notify(&mut self, subject: &str, command: ScriptCommand, arguments: Vec<String>) {
        let queue = self.queues.entry(subject.to_owned()).or_default();
        if let Some(next) = queue.push(Pending { command, arguments }) {
            self.start(subject.to_owned(), next);
        }
    }

    fn start(&mut self, subject: String, mut script: Pending) {
        loop {
            match spawn(&script) {
                Ok(child) => {
                    self.running
                        .spawn(wait(subject, script.command.to_string(), child));
                    return;
                }
                Err(error) => {
                    warn!(
                        "Unable to run script {} for {subject}: {error}",
                        script.command
                    );
                }
            }
            let Some(next) = self.queues.get_mut(&subject).and_then(Queue::ended) else {
                return;
            };
            script = next;
        }
    }

    /// Waits until a script ends and starts the subject's next one. Never returns while nothing runs; safe to
    /// drop at any time.
    pub async fn ended(&mut self) {
        match self.running.join_next().await {
            Some(Ok(subject)) => self.next_of(subject),
            Some(Err(error)) => warn!("A notification script was lost: {error}"),
            None => std::future::pending().await,
        }
    }

    fn next_of(&mut self, subject: String) {
        let next = self.queues.get_mut(&subject).and_then(Queue::ended);
        if let Some(next) = next {
            self.start(subject, next);
        } else {
            self.queues.remove(&subject);
        }
    }

    /// Lets all scripts, waiting ones too, run to their end, for at most `limit` (keepalived: stop scripts get one
    /// second).
    pub async fn finish(mut self, limit: Duration) {
        let all = async {
            while let Some(result) = self.running.join_next().await {
                if let Ok(subject) = result {
                    self.next_of(subject);
                }
            }
        };
        let _ = tokio::time::timeout(limit, all).await;
    }
}

fn spawn(script: &Pending) -> std::io::Result<Child> {
    let user = script.command.user.map(|user| (user.uid, user.gid));
    script::spawn(&script.command.argv, &script.arguments, user)
}

async fn wait(subject: String, name: String, mut child: Child) -> String {
    if let Err(error) = child.wait().await {
        warn!("Unable to wait for script {name} of {subject}: {error}");
    }
    subject
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> ScriptCommand {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        ScriptCommand { argv, user: None }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_slow_first_script_does_not_let_the_second_overtake() {
        let dir = tempfile::tempdir().expect("directory");
        let log = dir.path().join("log");
        let mut notifier = Notifier::default();
        for word in ["MASTER", "BACKUP", "FAULT"] {
            let line = format!("sleep 0.05; echo {word} >>{}", log.display());
            notifier.notify("VI_1", shell(&line), Vec::new());
        }
        notifier.finish(Duration::from_secs(10)).await;
        let written = std::fs::read_to_string(&log).expect("log");
        assert_eq!(written, "MASTER\nBACKUP\nFAULT\n");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_script_that_does_not_exist_does_not_stop_the_next() {
        let dir = tempfile::tempdir().expect("directory");
        let mark = dir.path().join("mark");
        let missing = ScriptCommand {
            argv: vec!["/nonexistent/script".to_owned()],
            user: None,
        };
        let mut notifier = Notifier::default();
        notifier.notify("VI_1", missing, Vec::new());
        notifier.notify(
            "VI_1",
            shell(&format!("touch {}", mark.display())),
            Vec::new(),
        );
        notifier.finish(Duration::from_secs(10)).await;
        assert!(mark.exists());
    }
}
