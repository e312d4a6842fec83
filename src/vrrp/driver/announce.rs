//! From announcements to lines for the FIFOs and mails.

use std::collections::HashMap;

use crate::config::Config;
use crate::notify::Mail;
use crate::notify::driver::{Notifier, RunsScript};
use crate::vrrp::{Announcement, Notice, SubjectKind};

#[derive(Debug, Default)]
pub(super) struct Announcer {
    no_email_faults: bool,
    /// What the last mail about each was. keepalived: no two about the same state.
    mailed: HashMap<(SubjectKind, String), Notice>,
}

impl Announcer {
    /// keepalived: the FIFO that VRRP shares with the checkers has its script run by them, if there are any.
    pub(super) fn configure(&mut self, config: &Config, notifier: &mut Notifier) {
        let defs = &config.global_defs;
        let of_both = if config.wants_checkers() {
            RunsScript::No
        } else {
            RunsScript::Yes
        };
        let own = defs
            .vrrp_notify_fifo
            .clone()
            .map(|it| (it, RunsScript::Yes));
        let shared = defs.notify_fifo.clone().map(|it| (it, of_both));
        let smtp = defs.smtp.clone();
        self.no_email_faults = smtp.as_ref().is_some_and(|smtp| smtp.no_email_faults);
        let smtp = smtp.map(|smtp| (smtp, defs.router_id.clone()));
        notifier.configure(own.into_iter().chain(shared), smtp);
    }

    pub(super) fn announce(&mut self, it: &Announcement, notifier: &mut Notifier) {
        notifier.write(&it.fifo_line());
        if let Some(mail) = self.mail(it) {
            notifier.mail(mail);
        }
    }

    fn mail(&mut self, it: &Announcement) -> Option<Mail> {
        if !it.smtp_alert || (self.no_email_faults && it.notice == Notice::Fault) {
            return None;
        }
        let (subject, body) = it.mail()?;
        let key = (it.kind, it.name.clone());
        if self.mailed.insert(key, it.notice) == Some(it.notice) {
            return None;
        }
        Some(Mail { subject, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(notice: Notice) -> Announcement {
        Announcement {
            kind: SubjectKind::Instance,
            name: "VI_1".to_owned(),
            notice,
            priority: 100,
            smtp_alert: true,
        }
    }

    #[test]
    fn without_mails_about_faults_coming_back_is_no_news_either() {
        let mut announcer = Announcer {
            no_email_faults: true,
            ..Announcer::default()
        };
        let mut is_mailed = |notice| announcer.mail(&announcement(notice)).is_some();
        assert!(is_mailed(Notice::Backup));
        assert!(!is_mailed(Notice::Fault));
        assert!(!is_mailed(Notice::Backup));
        assert!(is_mailed(Notice::Master));
    }
}
