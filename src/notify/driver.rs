//! Runs notification scripts, writes to FIFOs and sends mail without making anybody wait.

mod fifo;
mod smtp;

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::select_all;
use tokio::process::Child;
use tokio::task::JoinSet;
use tracing::{info, warn};

use self::fifo::Fifo;
pub use self::fifo::RunsScript;
use super::mail::{Mail, Outbox};
use super::{Pending, Queue};
use crate::config::{NotifyFifo, Smtp};
use crate::sys::script;
use crate::types::ScriptCommand;

/// Starts scripts and keeps those of one subject in order; keeps FIFOs and mails in order too. Poll
/// [`Notifier::ended`] in the loop that owns it.
#[derive(Debug, Default)]
pub struct Notifier {
    queues: HashMap<String, Queue>,
    running: JoinSet<String>,
    fifos: Vec<Fifo>,
    /// How to send mail, and the name of this router.
    smtp: Option<(Smtp, String)>,
    outbox: Outbox,
    /// At most one mail is on its way.
    mailing: JoinSet<()>,
}

impl Notifier {
    /// The FIFOs and the mail of a configuration, at the start and at each reload. FIFOs that stay the same stay open; a
    /// script of theirs that has ended is started again.
    pub fn configure(
        &mut self,
        fifos: impl IntoIterator<Item = (NotifyFifo, RunsScript)>,
        smtp: Option<(Smtp, String)>,
    ) {
        let mut earlier = std::mem::take(&mut self.fifos);
        for (config, runs_script) in fifos {
            let same = earlier
                .iter()
                .position(|it| it.is_for(&config, runs_script));
            match same {
                Some(position) => {
                    let mut fifo = earlier.remove(position);
                    fifo.start_script();
                    self.fifos.push(fifo);
                }
                None => {
                    // The same path may be opened anew with another script.
                    let path = |it: &Fifo| it.path() == config.path;
                    if let Some(position) = earlier.iter().position(path) {
                        earlier.remove(position).close();
                    }
                    self.fifos.push(Fifo::open(config, runs_script));
                }
            }
        }
        for fifo in earlier {
            fifo.close();
        }
        self.smtp = smtp;
    }

    /// Writes a line, with its end, to all FIFOs.
    pub fn write(&mut self, line: &str) {
        for fifo in &mut self.fifos {
            fifo.write(line);
        }
    }

    /// Sends a mail after those that wait, if mail is configured.
    pub fn mail(&mut self, mail: Mail) {
        if self.smtp.is_some()
            && let Some(next) = self.outbox.push(mail)
        {
            self.send(next);
        }
    }

    fn send(&mut self, mail: Mail) {
        let Some((smtp, router_id)) = self.smtp.clone() else {
            return;
        };
        self.mailing.spawn(async move {
            let server = &smtp.smtp_server;
            match smtp::send(&mail, &smtp, &router_id).await {
                Ok(()) => info!("Email sent successfully: {}", mail.subject),
                Err(why) => warn!(
                    "Unable to send mail '{}' through {}:{}: {why}",
                    mail.subject, server.host, server.port
                ),
            }
        });
    }

    fn next_mail(&mut self) {
        if let Some(next) = self.outbox.ended() {
            self.send(next);
        }
    }

    /// Runs `command` with `arguments` appended, after the subject's earlier ones.
    pub fn notify(&mut self, subject: &str, command: ScriptCommand, arguments: Vec<String>) {
        let queue = self.queues.entry(subject.to_owned()).or_default();
        if let Some(next) = queue.push(Pending { command, arguments }) {
            self.start(subject.to_owned(), next);
        }
    }

    fn start(&mut self, subject: String, mut script: Pending) {
        loop {
            match spawn(&script.command, &script.arguments) {
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

    /// Waits until a script ends, a FIFO takes lines or a mail is gone, and goes on with the next. Never returns while
    /// there is nothing to do; safe to drop at any time.
    pub async fn ended(&mut self) {
        tokio::select! {
            Some(ended) = self.running.join_next() => match ended {
                Ok(subject) => self.next_of(subject),
                Err(error) => warn!("A notification script was lost: {error}"),
            },
            Some(ended) = self.mailing.join_next() => {
                if let Err(error) = ended {
                    warn!("A mail was lost: {error}");
                }
                self.next_mail();
            }
            () = progress(&mut self.fifos), if !self.fifos.is_empty() => {}
            else => std::future::pending().await,
        }
    }

    fn is_idle(&self) -> bool {
        self.running.is_empty()
            && self.mailing.is_empty()
            && self.fifos.iter().all(Fifo::is_flushed)
    }

    fn next_of(&mut self, subject: String) {
        let next = self.queues.get_mut(&subject).and_then(Queue::ended);
        if let Some(next) = next {
            self.start(subject, next);
        } else {
            self.queues.remove(&subject);
        }
    }

    /// Lets all scripts, lines and mails, waiting ones too, come to their end, for at most `limit` (keepalived: stop
    /// scripts get one second).
    pub async fn finish(mut self, limit: Duration) {
        let all = async {
            while !self.is_idle() {
                self.ended().await;
            }
        };
        let _ = tokio::time::timeout(limit, all).await;
        for fifo in self.fifos {
            fifo.close();
        }
    }
}

/// There must be one.
async fn progress(fifos: &mut [Fifo]) {
    let waiting = fifos.iter_mut().map(|fifo| Box::pin(fifo.progress()));
    select_all(waiting).await;
}

/// Starts a script as its user, with `arguments` behind its own.
pub fn spawn(command: &ScriptCommand, arguments: &[String]) -> std::io::Result<Child> {
    let script = script::Script {
        argv: &command.argv,
        program: command.program.as_deref(),
        user: command.user.map(|user| (user.uid, user.gid)),
        groups: &command.groups,
    };
    script::spawn(&script, arguments)
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
        ScriptCommand {
            argv,
            user: None,
            ..ScriptCommand::default()
        }
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
            ..ScriptCommand::default()
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

    mod mail {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        use tokio::net::TcpListener;

        use super::*;
        use crate::config::SmtpServer;

        fn smtp(port: u16) -> Smtp {
            Smtp {
                notification_email: vec!["ops@example.org".to_owned()],
                notification_email_from: "ha@example.org".to_owned(),
                smtp_server: SmtpServer {
                    host: "127.0.0.1".to_owned(),
                    port,
                },
                smtp_helo_name: "node1".to_owned(),
                smtp_connect_timeout: Duration::from_millis(200),
                no_email_faults: false,
                no_checker_emails: false,
            }
        }

        fn mail(subject: &str) -> Mail {
            Mail {
                subject: subject.to_owned(),
                body: "=> text <=\n".to_owned(),
            }
        }

        /// Takes mails one after the other, until nobody connects any more, and returns all that was said.
        async fn server(listener: TcpListener, mails: usize) -> String {
            let mut heard = String::new();
            for _ in 0..mails {
                let (mut stream, _) = listener.accept().await.expect("a client");
                stream.write_all(b"220 lab\r\n").await.expect("greeting");
                let mut buffer = [0; 4096];
                loop {
                    let count = stream.read(&mut buffer).await.expect("readable");
                    let said = String::from_utf8_lossy(&buffer[..count]).into_owned();
                    heard.push_str(&said);
                    if count == 0 || said == "QUIT\r\n" {
                        break;
                    }
                    let answer: &[u8] = match said.as_str() {
                        "DATA\r\n" => b"354 go\r\n",
                        _ => b"250 ok\r\n",
                    };
                    stream.write_all(answer).await.expect("writable");
                }
            }
            heard
        }

        #[tokio::test(flavor = "current_thread")]
        async fn mails_arrive_one_after_the_other_in_order() {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
            let port = listener.local_addr().expect("address").port();
            let mut notifier = Notifier::default();
            notifier.configure([], Some((smtp(port), "lb1".to_owned())));
            let server = tokio::spawn(server(listener, 2));
            notifier.mail(mail("first"));
            notifier.mail(mail("second"));
            notifier.finish(Duration::from_secs(10)).await;
            let heard = server.await.expect("served");
            let first = heard.find("Subject: [lb1] first\r\n").expect("the first");
            let second = heard.find("Subject: [lb1] second\r\n");
            assert!(first < second.expect("the second"));
            assert!(heard.contains("MAIL FROM:<ha@example.org>\r\nRCPT TO:<ops@example.org>\r\n"));
            assert!(heard.contains("=> text <=\r\n.\r\n"));
        }

        #[tokio::test(flavor = "current_thread")]
        async fn a_server_that_says_nothing_is_given_up_and_the_next_mail_tried() {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
            let port = listener.local_addr().expect("address").port();
            let mut notifier = Notifier::default();
            notifier.configure([], Some((smtp(port), "lb1".to_owned())));
            let server = tokio::spawn(async move {
                let silent = listener.accept().await.expect("a client");
                let heard = server(listener, 1).await;
                drop(silent);
                heard
            });
            notifier.mail(mail("lost"));
            notifier.mail(mail("second"));
            notifier.finish(Duration::from_secs(10)).await;
            let heard = server.await.expect("served");
            assert!(heard.contains("Subject: [lb1] second\r\n"));
        }
    }
}
