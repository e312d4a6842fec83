//! Mails about state changes, and the conversation with the server that takes them (RFC 5321). Pure: the driver
//! connects, reads and writes.

use std::collections::VecDeque;
use std::time::Duration;

use crate::config::Smtp;

/// More waiting mails than this, and the oldest are given up: a server that is gone must not let memory grow.
const MAX_WAITING: usize = 64;

/// A mail without what the configuration adds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mail {
    /// Behind the router's name.
    pub subject: String,
    pub body: String,
}

/// Mails that wait for the one that is being sent.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<Mail>,
    is_sending: bool,
}

impl Outbox {
    /// Returns what to send now, if nothing is being sent.
    pub(super) fn push(&mut self, mail: Mail) -> Option<Mail> {
        if !self.is_sending {
            self.is_sending = true;
            return Some(mail);
        }
        if self.waiting.len() == MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(mail);
        None
    }

    /// One has been sent or given up; returns the next.
    pub(super) fn ended(&mut self) -> Option<Mail> {
        let next = self.waiting.pop_front();
        self.is_sending = next.is_some();
        next
    }
}

/// The message as it goes over the wire, without the line that ends it. `since_epoch` is the time in UTC.
pub(super) fn message(mail: &Mail, smtp: &Smtp, router_id: &str, since_epoch: Duration) -> String {
    let mut message = format!(
        "Date: {}\r\nFrom: {}\r\nSubject: [{}] {}\r\nX-Mailer: Keepalived\r\nTo: {}\r\n\r\n",
        date(since_epoch),
        one_line(&smtp.notification_email_from),
        one_line(router_id),
        one_line(&mail.subject),
        one_line(&smtp.notification_email.join(", ")),
    );
    for line in mail.body.lines() {
        // RFC 5321 §4.5.2
        if line.starts_with('.') {
            message.push('.');
        }
        message.push_str(line);
        message.push_str("\r\n");
    }
    message
}

/// A header that holds somebody's words stays one header.
fn one_line(text: &str) -> String {
    let is_control = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(is_control).collect()
}

/// RFC 5322 §3.3, in UTC.
fn date(since_epoch: Duration) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let seconds = since_epoch.as_secs();
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let weekday = WEEKDAYS
        .iter()
        .cycle()
        .nth(usize::try_from(days % 7).unwrap_or_default());
    let (year, month, day) = civil(days);
    let month = MONTHS.get(month).copied().unwrap_or_default();
    format!(
        "{}, {day:02} {month} {year} {:02}:{:02}:{:02} +0000",
        weekday.copied().unwrap_or_default(),
        second / 3600,
        second / 60 % 60,
        second % 60,
    )
}

/// Year, month from 0 and day from 1 of the Gregorian calendar.
fn civil(mut days: u64) -> (u64, usize, u64) {
    let mut year = 1970;
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    loop {
        let length = 365 + u64::from(is_leap(year));
        if days < length {
            break;
        }
        days -= length;
        year += 1;
    }
    let lengths = [
        31,
        28 + u64::from(is_leap(year)),
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ];
    let mut month = 0;
    for length in lengths {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

/// What to do next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// Send this and wait for an answer.
    Send(String),
    /// The answer has more lines.
    Read,
    /// The server has taken the mail; send this and hang up.
    Done(String),
    /// It refuses: what it said, and to what.
    Failed(String),
}

/// The client's side of a conversation.
#[derive(Debug)]
pub(super) struct Conversation {
    /// What is still to be said, and the first digit of the answer to it.
    script: VecDeque<Line>,
    /// What was said last.
    said: &'static str,
    /// The first digit of the answer to it.
    expected: char,
}

#[derive(Debug)]
struct Line {
    name: &'static str,
    text: String,
    expected: char,
}

impl Conversation {
    /// Begins when the server's greeting is awaited.
    pub(super) fn new(smtp: &Smtp, message: &str) -> Self {
        let line = |name, text: String, expected| Line {
            name,
            text,
            expected,
        };
        let mut script = VecDeque::new();
        let helo = format!("HELO {}\r\n", one_line(&smtp.smtp_helo_name));
        script.push_back(line("HELO", helo, '2'));
        let from = one_line(&smtp.notification_email_from);
        script.push_back(line(
            "MAIL",
            format!("MAIL FROM:<{}>\r\n", address(&from)),
            '2',
        ));
        for recipient in &smtp.notification_email {
            let recipient = one_line(recipient);
            let text = format!("RCPT TO:<{}>\r\n", address(&recipient));
            script.push_back(line("RCPT", text, '2'));
        }
        script.push_back(line("DATA", "DATA\r\n".to_owned(), '3'));
        script.push_back(line("the mail", format!("{message}.\r\n"), '2'));
        Self {
            script,
            said: "connecting",
            expected: '2',
        }
    }

    /// A line of the server's, without its end.
    pub(super) fn hears(&mut self, line: &str) -> Step {
        let is_code = |c: &u8| c.is_ascii_digit();
        let code = line
            .as_bytes()
            .get(..3)
            .filter(|code| code.iter().all(is_code));
        if code.is_none() {
            return Step::Failed(format!("'{line}' is no answer to {}", self.said));
        }
        if line.as_bytes().get(3) == Some(&b'-') {
            return Step::Read;
        }
        if !line.starts_with(self.expected) {
            return Step::Failed(format!("'{line}' in answer to {}", self.said));
        }
        match self.script.pop_front() {
            None => Step::Done("QUIT\r\n".to_owned()),
            Some(next) => {
                self.said = next.name;
                self.expected = next.expected;
                Step::Send(next.text)
            }
        }
    }
}

/// The part in angle brackets, or all of it.
fn address(text: &str) -> &str {
    let inner = text
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(text, |(address, _)| address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SmtpServer;

    fn smtp() -> Smtp {
        Smtp {
            notification_email: ["a@example.org", "B <b@example.org>"]
                .map(str::to_owned)
                .to_vec(),
            notification_email_from: "ha@example.org".to_owned(),
            smtp_server: SmtpServer {
                host: "127.0.0.1".to_owned(),
                port: 25,
            },
            smtp_helo_name: "node1".to_owned(),
            smtp_connect_timeout: Duration::from_secs(5),
            no_email_faults: false,
            no_checker_emails: false,
        }
    }

    fn mail(subject: &str) -> Mail {
        Mail {
            subject: subject.to_owned(),
            body: "=> VRRP Instance is now owning VRRP VIPs <=\n.hidden\n".to_owned(),
        }
    }

    #[test]
    fn a_message_has_keepalived_s_headers() {
        let now = Duration::from_secs(1_795_651_201);
        let text = message(
            &mail("VRRP Instance VI_1 - Entering MASTER state"),
            &smtp(),
            "lb1",
            now,
        );
        assert_eq!(
            text,
            "Date: Thu, 26 Nov 2026 00:00:01 +0000\r\nFrom: ha@example.org\r\nSubject: [lb1] VRRP Instance VI_1 - Entering MASTER state\r\nX-Mailer: Keepalived\r\nTo: a@example.org, B <b@example.org>\r\n\r\n=> VRRP Instance is now owning VRRP VIPs <=\r\n..hidden\r\n"
        );
    }

    #[test]
    fn the_calendar_knows_leap_years() {
        assert_eq!(civil(0), (1970, 0, 1));
        assert_eq!(civil(11_016), (2000, 1, 29));
        assert_eq!(civil(11_017), (2000, 2, 1));
        assert_eq!(civil(47_540), (2100, 1, 28));
        assert_eq!(civil(47_541), (2100, 2, 1));
    }

    #[test]
    fn a_name_with_a_line_end_makes_no_header_of_its_own() {
        let text = message(&mail("a\r\nBcc: x"), &smtp(), "lb1", Duration::ZERO);
        assert!(text.contains("Subject: [lb1] a  Bcc: x\r\n"));
    }

    #[test]
    fn a_conversation_goes_through_all_recipients() {
        let mut conversation = Conversation::new(&smtp(), "text\r\n");
        let mut said = Vec::new();
        let mut answers = [
            "220-hello",
            "220 x",
            "250 x",
            "250 x",
            "250 x",
            "251 x",
            "354 x",
            "250 x",
        ]
        .iter();
        loop {
            match conversation.hears(answers.next().expect("an answer")) {
                Step::Send(text) => said.push(text),
                Step::Read => {}
                Step::Done(text) => {
                    said.push(text);
                    break;
                }
                Step::Failed(why) => panic!("{why}"),
            }
        }
        assert_eq!(
            said.concat(),
            "HELO node1\r\nMAIL FROM:<ha@example.org>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\ntext\r\n.\r\nQUIT\r\n"
        );
    }

    #[test]
    fn a_refusal_says_to_what() {
        let mut conversation = Conversation::new(&smtp(), "");
        assert!(matches!(conversation.hears("220 x"), Step::Send(_)));
        assert_eq!(
            conversation.hears("550 go away"),
            Step::Failed("'550 go away' in answer to HELO".to_owned())
        );
        let mut conversation = Conversation::new(&smtp(), "");
        assert!(matches!(
            conversation.hears("HTTP/1.1 400"),
            Step::Failed(_)
        ));
    }

    #[test]
    fn a_flood_of_mails_stays_bounded_and_keeps_the_last() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.push(mail("first")), Some(mail("first")));
        for number in 0..1000 {
            assert_eq!(outbox.push(mail(&number.to_string())), None);
        }
        let sent: Vec<Mail> = std::iter::from_fn(|| outbox.ended()).collect();
        assert_eq!(sent.len(), MAX_WAITING);
        assert_eq!(sent.last(), Some(&mail("999")));
        assert_eq!(outbox.push(mail("next")), Some(mail("next")));
    }
}
