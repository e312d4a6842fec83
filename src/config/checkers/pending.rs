//! The checkers that are understood, but not carried out yet: SMTP, DNS, UDP, PING, FILE and BFD.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::common::{HasCommon, common_rows, nb_get_retry_row};
use super::connect::{ConnectDraft, HasConnect, connect_rows};
use super::{Checker, ConnectOptions, Inherited};
use crate::config::TrackObject;
use crate::config::consistency::{Context, TrackKind};
use crate::config::diagnostic::{Code, Finding};
use crate::config::keyword::{Arguments, Keyword, Shape, Spanned, Table};
use crate::config::lexer::Word;
use crate::config::retry::{HasRetry, RetryDefaults, RetryDraft, retry_rows};
use crate::config::track::{self, TrackEntry};
use crate::types::TrackWeight;

/// What such a checker does.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum PendingKind {
    SmtpCheck {
        /// At least one; those of `host` blocks, in their order.
        hosts: Vec<ConnectOptions>,
        /// `None`: the global `smtp_helo_name`.
        helo_name: Option<String>,
    },
    DnsCheck {
        connect: ConnectOptions,
        record_type: DnsType,
        /// Default the root.
        name: String,
    },
    UdpCheck {
        connect: ConnectOptions,
        udp: UdpCheck,
    },
    PingCheck(ConnectOptions),
    /// A `track_file` and the weight it has here.
    FileCheck(TrackObject),
    BfdCheck {
        /// Name of a `bfd_instance`.
        name: String,
    },
}

/// Record types of `DNS_CHECK`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum DnsType {
    A,
    Ns,
    Cname,
    #[default]
    Soa,
    Mx,
    Txt,
    Aaaa,
    Rrsig,
    Dnskey,
}

/// What `UDP_CHECK` sends and wants to hear.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct UdpCheck {
    /// Octets to send, may be none.
    pub payload: Vec<u8>,
    /// An answer must come; each octet of it with the bits that count. `None`: none need come.
    pub require_reply: Option<Vec<(u8, u8)>>,
    /// Default 0.
    pub min_reply_length: u32,
    /// Default 255.
    pub max_reply_length: u32,
}

/// Names of the tables.
pub(crate) const SMTP_CHECK_BLOCK: &str = "SMTP_CHECK";
pub(crate) const HOST_BLOCK: &str = "host";
pub(crate) const DNS_CHECK_BLOCK: &str = "DNS_CHECK";
pub(crate) const UDP_CHECK_BLOCK: &str = "UDP_CHECK";
pub(crate) const PING_CHECK_BLOCK: &str = "PING_CHECK";
pub(crate) const FILE_CHECK_BLOCK: &str = "FILE_CHECK";
pub(crate) const BFD_CHECK_BLOCK: &str = "BFD_CHECK";

/// Which checker a block is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Smtp,
    Dns,
    Udp,
    Ping,
    File,
    Bfd,
}

/// A checker's block as it is written. One draft serves all kinds; what a kind does not know is not in its table.
#[derive(Debug)]
pub(crate) struct PendingDraft {
    kind: Kind,
    /// The keyword of the checker.
    pub(crate) keyword: Spanned<&'static str>,
    connect: ConnectDraft,
    retry: RetryDraft,
    alpha: Option<bool>,
    log_all_failures: Option<bool>,
    // SMTP_CHECK
    helo_name: Option<String>,
    hosts: Vec<HostDraft>,
    // DNS_CHECK and BFD_CHECK
    dns_type: DnsType,
    name: Option<Spanned<String>>,
    // UDP_CHECK
    udp: UdpCheck,
    // FILE_CHECK
    track_file: Option<Spanned<String>>,
    weight: Option<TrackWeight>,
    reverse: bool,
}

/// Sub-block `host` of `SMTP_CHECK`.
#[derive(Debug, Default)]
pub(crate) struct HostDraft {
    connect: ConnectDraft,
    retry: RetryDraft,
}

impl HasRetry for HostDraft {
    fn retry(&mut self) -> &mut RetryDraft {
        &mut self.retry
    }
}

impl HasConnect for HostDraft {
    fn connect(&mut self) -> &mut ConnectDraft {
        &mut self.connect
    }
}

impl HasRetry for PendingDraft {
    fn retry(&mut self) -> &mut RetryDraft {
        &mut self.retry
    }
}

impl HasConnect for PendingDraft {
    fn connect(&mut self) -> &mut ConnectDraft {
        &mut self.connect
    }
}

impl HasCommon for PendingDraft {
    fn alpha(&mut self) -> &mut Option<bool> {
        &mut self.alpha
    }

    fn log_all_failures(&mut self) -> &mut Option<bool> {
        &mut self.log_all_failures
    }
}

const CONNECTION: &[Keyword<PendingDraft>] = &connect_rows();
const RETRY: &[Keyword<PendingDraft>] = &retry_rows(
    0,
    RetryDefaults {
        retry: "the real server's, else 1; DNS_CHECK 3",
        delay_before_retry: "the real server's, else 1; DNS_CHECK delay_loop",
        warmup: "delay_loop",
    },
);
const COMMON: &[Keyword<PendingDraft>] = &common_rows();
const OLD: &[Keyword<PendingDraft>] = &[nb_get_retry_row()];

pub(crate) const HOST: Table<HostDraft> = &[&connect_rows()];
pub(crate) const PING_CHECK: Table<PendingDraft> = &[CONNECTION, RETRY, COMMON, OLD];
pub(crate) const SMTP_CHECK: Table<PendingDraft> = &[
    &[
        Keyword::new(
            "helo_name",
            Shape::Word("a host name"),
            "smtp_helo_name",
            |draft, arguments| arguments.fill(&mut draft.helo_name),
        ),
        Keyword::new("host", Shape::Block(HOST_BLOCK), "", |draft, arguments| {
            let mut host = HostDraft::default();
            let block = arguments.block();
            arguments.reader().read(&mut host, HOST_BLOCK, HOST, block);
            draft.hosts.push(host);
            Ok(())
        }),
    ],
    CONNECTION,
    RETRY,
    COMMON,
    OLD,
];
pub(crate) const DNS_CHECK: Table<PendingDraft> = &[
    &[
        Keyword::new(
            "type",
            Shape::Choice(&[
                "A", "NS", "CNAME", "SOA", "MX", "TXT", "AAAA", "RRSIG", "DNSKEY",
            ]),
            "SOA",
            |draft, arguments| {
                draft.dns_type = dns_type(arguments.choice()?);
                Ok(())
            },
        ),
        Keyword::new(
            "name",
            Shape::Word("a domain name"),
            ".",
            |draft, arguments| {
                draft.name = Some(arguments.text()?);
                Ok(())
            },
        ),
    ],
    CONNECTION,
    RETRY,
    COMMON,
    OLD,
];
pub(crate) const UDP_CHECK: Table<PendingDraft> = &[
    &[
        Keyword::new("payload", HEX, "none", |draft, arguments| {
            let octets = hexadecimal(arguments)?;
            draft.udp.payload = octets.into_iter().map(|(octet, _)| octet).collect();
            Ok(())
        }),
        Keyword::new(
            "require_reply",
            Shape::Optional("hexadecimal digits, x for any"),
            "off",
            |draft, arguments| {
                draft.udp.require_reply = Some(hexadecimal(arguments)?);
                Ok(())
            },
        ),
        Keyword::new("min_reply_length", REPLY_LENGTH, "0", |draft, arguments| {
            arguments.fill(&mut draft.udp.min_reply_length)
        }),
        Keyword::new(
            "max_reply_length",
            REPLY_LENGTH,
            "255",
            |draft, arguments| arguments.fill(&mut draft.udp.max_reply_length),
        ),
    ],
    CONNECTION,
    RETRY,
    COMMON,
    OLD,
];
pub(crate) const FILE_CHECK: Table<PendingDraft> = &[&[
    Keyword::new(
        "track_file",
        Shape::Word("a name"),
        "",
        |draft, arguments| {
            draft.track_file = Some(arguments.text()?);
            Ok(())
        },
    ),
    Keyword::new(
        "weight",
        Shape::Words("a number from -254 to 254 [reverse|noreverse]"),
        "the file's",
        weight,
    ),
]];
pub(crate) const BFD_CHECK: Table<PendingDraft> = &[&[
    Keyword::new("name", Shape::Word("a name"), "", |draft, arguments| {
        draft.name = Some(arguments.text()?);
        Ok(())
    }),
    Keyword::new("alpha", Shape::Bool, "off", |draft, arguments| {
        arguments.fill(&mut draft.alpha)
    }),
]];

const HEX: Shape = Shape::Words("hexadecimal digits");
/// The longest UDP datagram over IPv4.
const REPLY_LENGTH: Shape = Shape::number(0, 65_507);
const FILE_WEIGHT: Shape = Shape::number(-254, 254);

fn dns_type(name: &str) -> DnsType {
    match name {
        "A" => DnsType::A,
        "NS" => DnsType::Ns,
        "CNAME" => DnsType::Cname,
        "MX" => DnsType::Mx,
        "TXT" => DnsType::Txt,
        "AAAA" => DnsType::Aaaa,
        "RRSIG" => DnsType::Rrsig,
        "DNSKEY" => DnsType::Dnskey,
        _ => DnsType::Soa,
    }
}

/// All words as octets; an `x` stands for four bits that may be anything. Blanks are for the reader.
fn hexadecimal(arguments: &mut Arguments<'_>) -> Result<Vec<(u8, u8)>, Finding> {
    let mut digits = Vec::new();
    let mut last: Option<Word<'_>> = None;
    while let Some(word) = arguments.next_word() {
        for digit in word.text.chars() {
            digits.push(
                match digit.to_digit(16).and_then(|d| u8::try_from(d).ok()) {
                    Some(digit) => (digit, 0xf),
                    None if digit.eq_ignore_ascii_case(&'x') => (0, 0),
                    None => return Err(arguments.invalid_value(word)),
                },
            );
        }
        last = Some(word);
    }
    if let (false, Some(word)) = (digits.len().is_multiple_of(2), last) {
        let finding = arguments.invalid_value(word);
        return Err(finding.expected("two digits for each octet"));
    }
    let octet = |pair: &[(u8, u8)]| match pair {
        &[(high, high_mask), (low, low_mask)] => (high << 4 | low, high_mask << 4 | low_mask),
        _ => (0, 0),
    };
    Ok(digits.chunks(2).map(octet).collect())
}

fn weight(draft: &mut PendingDraft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    draft.weight = Some(track::weight_in(&FILE_WEIGHT, arguments.word()?)?);
    draft.reverse = match arguments.next_word() {
        None => false,
        Some(word) if word.text == "noreverse" => false,
        Some(word) if word.text == "reverse" => true,
        Some(word) => return Err(arguments.invalid_value(word)),
    };
    Ok(())
}

/// The checker of this keyword.
pub(crate) fn pending_checker(arguments: &mut Arguments<'_>) -> PendingDraft {
    let keyword = arguments.keyword();
    let (kind, block, table) = match keyword.value {
        SMTP_CHECK_BLOCK => (Kind::Smtp, SMTP_CHECK_BLOCK, SMTP_CHECK),
        DNS_CHECK_BLOCK => (Kind::Dns, DNS_CHECK_BLOCK, DNS_CHECK),
        UDP_CHECK_BLOCK => (Kind::Udp, UDP_CHECK_BLOCK, UDP_CHECK),
        FILE_CHECK_BLOCK => (Kind::File, FILE_CHECK_BLOCK, FILE_CHECK),
        BFD_CHECK_BLOCK => (Kind::Bfd, BFD_CHECK_BLOCK, BFD_CHECK),
        _ => (Kind::Ping, PING_CHECK_BLOCK, PING_CHECK),
    };
    let mut draft = PendingDraft {
        kind,
        keyword,
        connect: ConnectDraft::default(),
        retry: RetryDraft::default(),
        alpha: None,
        log_all_failures: None,
        helo_name: None,
        hosts: Vec::new(),
        dns_type: DnsType::default(),
        name: None,
        udp: UdpCheck {
            payload: Vec::new(),
            require_reply: None,
            min_reply_length: 0,
            max_reply_length: 255,
        },
        track_file: None,
        weight: None,
        reverse: false,
    };
    let statements = arguments.block();
    arguments
        .reader()
        .read(&mut draft, block, table, statements);
    draft
}

impl PendingDraft {
    /// `None` with a complaint where there is nothing to check.
    pub(crate) fn resolve(
        &self,
        inherited: &Inherited<'_>,
        context: &mut Context<'_>,
    ) -> Option<Checker<PendingKind>> {
        let kind = self.resolve_kind(inherited, context)?;
        let delay_loop = self.retry.delay_loop.unwrap_or(inherited.delay_loop);
        let retry = self.retry.or(inherited.retry);
        let (default_retry, default_delay) = match self.kind {
            Kind::Dns => (3, delay_loop),
            _ => (1, Duration::from_secs(1)),
        };
        Some(Checker {
            kind,
            delay_loop,
            retry: retry.retry.unwrap_or(default_retry),
            delay_before_retry: retry.delay_before_retry.unwrap_or(default_delay),
            warmup: retry.warmup.unwrap_or(delay_loop),
            alpha: self.alpha.unwrap_or(inherited.alpha),
            log_all_failures: self
                .log_all_failures
                .unwrap_or(context.globals.checker_log_all_failures),
        })
    }

    fn resolve_kind(
        &self,
        inherited: &Inherited<'_>,
        context: &mut Context<'_>,
    ) -> Option<PendingKind> {
        let span = self.keyword.span;
        let retry = self.retry.or(inherited.retry);
        let connect =
            |context: &mut Context<'_>| self.connect.resolve(&retry, inherited, span, context);
        Some(match self.kind {
            Kind::Smtp => {
                let own = connect(context);
                PendingKind::SmtpCheck {
                    hosts: self.smtp_hosts(own, &retry, inherited, context),
                    helo_name: self.helo_name.clone(),
                }
            }
            Kind::Dns => PendingKind::DnsCheck {
                connect: connect(context),
                record_type: self.dns_type,
                name: self
                    .name
                    .as_ref()
                    .map_or_else(|| ".".to_owned(), |name| name.value.clone()),
            },
            Kind::Udp => PendingKind::UdpCheck {
                connect: connect(context),
                udp: self.udp.clone(),
            },
            Kind::Ping => PendingKind::PingCheck(connect(context)),
            Kind::File => PendingKind::FileCheck(self.tracked(
                self.track_file.as_ref(),
                TrackKind::File,
                context,
            )?),
            Kind::Bfd => PendingKind::BfdCheck {
                name: self
                    .tracked(self.name.as_ref(), TrackKind::Bfd, context)?
                    .name,
            },
        })
    }

    /// keepalived: a `host` block is a further connection with settings of its own.
    fn smtp_hosts(
        &self,
        own: ConnectOptions,
        retry: &RetryDraft,
        inherited: &Inherited<'_>,
        context: &mut Context<'_>,
    ) -> Vec<ConnectOptions> {
        if self.hosts.is_empty() {
            return vec![own];
        }
        let resolve = |host: &HostDraft| {
            let retry = host.retry.or(retry);
            host.connect
                .resolve(&retry, inherited, self.keyword.span, context)
        };
        self.hosts.iter().map(resolve).collect()
    }

    /// Something tracked that exists.
    fn tracked(
        &self,
        name: Option<&Spanned<String>>,
        kind: TrackKind,
        context: &mut Context<'_>,
    ) -> Option<TrackObject> {
        let Some(name) = name else {
            let message = format!("'{}' names nothing and is not used", self.keyword.value);
            context.complain(Finding::new(Code::NothingToDo, self.keyword.span, message));
            return None;
        };
        let entry = TrackEntry {
            name: name.clone(),
            weight: self.weight,
            reverse: self.weight.map(|_| self.reverse),
        };
        context
            .track_objects(self.keyword.value, kind, &[entry])
            .pop()
    }
}
