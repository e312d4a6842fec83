//! The mail keywords of `global_defs`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::diagnostic::{Code, Finding};
use super::keyword::Arguments;

/// How mail is sent. There is none without a server and a recipient.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Smtp {
    /// Recipients, at least one.
    pub notification_email: Vec<String>,
    /// Sender, default `user@host` of the daemon.
    pub notification_email_from: String,
    pub smtp_server: SmtpServer,
    /// Default the host name.
    pub smtp_helo_name: String,
    /// Also for each answer of the server, default 30 s.
    pub smtp_connect_timeout: Duration,
    /// Nothing is sent about FAULT.
    pub no_email_faults: bool,
    /// Nothing is sent about single checkers, only about servers.
    pub no_checker_emails: bool,
}

/// Keyword `smtp_server`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SmtpServer {
    /// An address, or a name that is looked up whenever a mail is sent.
    pub host: String,
    /// Default 25.
    pub port: u16,
}

const SMTP_PORT: u16 = 25;

/// The same as it is written.
#[derive(Debug)]
pub(crate) struct SmtpDraft {
    pub(crate) notification_email: Vec<String>,
    pub(crate) notification_email_from: Option<String>,
    pub(crate) smtp_server: Option<SmtpServer>,
    pub(crate) smtp_helo_name: Option<String>,
    pub(crate) smtp_connect_timeout: Duration,
    pub(crate) smtp_alert: Option<bool>,
    pub(crate) smtp_alert_vrrp: Option<bool>,
    pub(crate) smtp_alert_checker: Option<bool>,
    pub(crate) no_email_faults: bool,
    pub(crate) no_checker_emails: bool,
}

impl Default for SmtpDraft {
    fn default() -> Self {
        Self {
            notification_email: Vec::new(),
            notification_email_from: None,
            smtp_server: None,
            smtp_helo_name: None,
            smtp_connect_timeout: Duration::from_secs(30),
            smtp_alert: None,
            smtp_alert_vrrp: None,
            smtp_alert_checker: None,
            no_email_faults: false,
            no_checker_emails: false,
        }
    }
}

impl SmtpDraft {
    /// `ADDRESS or NAME [PORT]`
    pub(crate) fn read_server(&mut self, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
        let host = arguments.text()?.value;
        let port = match arguments.next_word() {
            None => SMTP_PORT,
            Some(word) => word
                .text
                .parse()
                .ok()
                .filter(|port| *port != 0)
                .ok_or_else(|| {
                    let message = format!("invalid port '{}' of the mail server", word.text);
                    Finding::new(Code::InvalidValue, word.span, message)
                        .expected("a number from 1 to 65535")
                })?,
        };
        self.smtp_server = Some(SmtpServer { host, port });
        Ok(())
    }

    /// keepalived: 0 is 1.
    pub(crate) fn read_timeout(&mut self, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
        self.smtp_connect_timeout = Duration::from_secs(arguments.number::<u64>()?.max(1));
        Ok(())
    }

    /// Several addresses may stand on a line.
    pub(crate) fn read_recipients(&mut self, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
        let words = arguments.block().iter().flat_map(|line| line.words());
        let before = self.notification_email.len();
        self.notification_email
            .extend(words.map(|word| word.text.to_owned()));
        if self.notification_email.len() > before {
            return Ok(());
        }
        let message = "empty notification_email block";
        let finding = Finding::new(Code::NothingToDo, arguments.keyword_span(), message);
        Err(finding.help("one mail address a line"))
    }

    /// What instances and sync groups do that say nothing.
    pub(crate) fn vrrp_default(&self) -> bool {
        self.smtp_alert_vrrp.or(self.smtp_alert).unwrap_or(false)
    }

    /// What virtual and real servers do that say nothing; `None`: each as it likes.
    pub(crate) fn checker_default(&self) -> Option<bool> {
        self.smtp_alert_checker.or(self.smtp_alert)
    }

    /// `None` where nothing can be sent. `user` is the daemon's.
    pub(crate) fn resolve(&self, user: &str, host_name: &str) -> Option<Smtp> {
        let smtp_server = self.smtp_server.clone()?;
        if self.notification_email.is_empty() {
            return None;
        }
        let from = self.notification_email_from.clone();
        let helo_name = self.smtp_helo_name.clone();
        Some(Smtp {
            notification_email: self.notification_email.clone(),
            notification_email_from: from.unwrap_or_else(|| format!("{user}@{host_name}")),
            smtp_server,
            smtp_helo_name: helo_name.unwrap_or_else(|| host_name.to_owned()),
            smtp_connect_timeout: self.smtp_connect_timeout,
            no_email_faults: self.no_email_faults,
            no_checker_emails: self.no_checker_emails,
        })
    }
}
