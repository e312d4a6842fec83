//! What mails say of virtual and real servers, in keepalived's words.

use super::{CheckMethod, Failure, Subject};
use crate::lvs::ServiceKey;

/// Something worth a mail. Asked for by `smtp_alert` of what it is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mail {
    pub about: MailAbout,
    pub is_up: bool,
    /// Why, without the arrows around it.
    pub text: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MailAbout {
    VirtualServer(ServiceKey),
    /// A checker of a real server.
    Checker {
        of: Subject,
        /// The real server went up or down with it.
        decides: bool,
    },
}

impl Mail {
    /// A checker went up or down.
    pub(super) fn of_checker(
        of: Subject,
        decides: bool,
        method: CheckMethod,
        result: Result<(), Option<&Failure>>,
    ) -> Self {
        let check = match method {
            CheckMethod::Tcp => "TCP CHECK",
            CheckMethod::Misc => "MISC CHECK",
            CheckMethod::Http | CheckMethod::Ssl => "CHECK",
        };
        let is_http = matches!(method, CheckMethod::Http | CheckMethod::Ssl);
        let text = match result {
            Ok(()) => format!("{check} succeed on service"),
            // keepalived: only these say why.
            Err(Some(failure)) if is_http => format!("{check} failed on service : {failure}"),
            Err(_) => format!("{check} failed on service"),
        };
        Self {
            about: MailAbout::Checker { of, decides },
            is_up: result.is_ok(),
            text,
        }
    }

    /// Whether it is sent where `no_checker_emails` stands.
    pub fn is_of_a_checker_only(&self) -> bool {
        matches!(self.about, MailAbout::Checker { decides: false, .. })
    }

    /// Behind the router's name.
    pub fn subject(&self) -> String {
        let word = if self.is_up { "UP" } else { "DOWN" };
        match self.about {
            MailAbout::VirtualServer(virtual_server) => {
                format!("Virtualserver {virtual_server} - {word}")
            }
            MailAbout::Checker { of, .. } => {
                let (real_server, virtual_server) = (of.service(), of.virtual_server);
                format!("Realserver {real_server} of virtual server {virtual_server} - {word}")
            }
        }
    }

    pub fn body(&self) -> String {
        format!("=> {} <=\n", self.text)
    }
}
