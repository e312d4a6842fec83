//! The keywords of `virtual_server`, and the block as it is written.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::{Granularity, ServiceOptions};
use crate::config::diagnostic::{Code, Finding, nearest};
use crate::config::keyword::{Arguments, Keyword, NO_LIMIT, ScriptText, Shape, Spanned, Table};
use crate::config::lines::Span;
use crate::config::real_server;
use crate::config::retry::{
    HasRetry, POSITIVE_SECONDS, RetryDefaults, RetryDraft, connect_timeout_row, retry_rows,
};
use crate::config::virtual_server_group::IpFamily;
use crate::types::{ForwardingMethod, Protocol, Scheduler, ServerAddress, TunnelType, Weight};

/// Name of the table.
pub(crate) const BLOCK: &str = "virtual_server";

/// keepalived: `persistence_timeout` without a number.
const DEFAULT_PERSISTENCE: Duration = Duration::from_secs(360);

/// What a virtual server listens to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Target {
    Address(ServerAddress),
    /// Packets with this mark.
    Fwmark(u32),
    /// A `virtual_server_group`.
    Group(Spanned<String>),
}

/// The block as it is written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) target: Target,
    /// Of the header.
    pub(crate) span: Span,
    pub(crate) delay_loop: Option<Duration>,
    pub(crate) lvs_sched: Option<Scheduler>,
    pub(crate) lvs_method: Option<ForwardingMethod>,
    pub(crate) protocol: Option<Spanned<Protocol>>,
    pub(crate) persistence_timeout: Option<Duration>,
    pub(crate) alpha: bool,
    pub(crate) omega: bool,
    pub(crate) quorum: Option<Spanned<u32>>,
    pub(crate) hysteresis: Option<Spanned<u32>>,
    pub(crate) quorum_up: Option<ScriptText>,
    pub(crate) quorum_down: Option<ScriptText>,
    pub(crate) inhibit_on_failure: bool,
    pub(crate) sorry_server: Option<Spanned<(IpAddr, Option<u16>)>>,
    pub(crate) sorry_server_inhibit: bool,
    pub(crate) sorry_server_lvs_method: Option<ForwardingMethod>,
    pub(crate) virtualhost: Option<String>,
    pub(crate) retry: RetryDraft,
    pub(crate) weight: Option<Weight>,
    pub(crate) persistence_granularity: Option<Spanned<Granularity>>,
    pub(crate) ops: Option<Spanned<bool>>,
    /// Flags of schedulers.
    pub(crate) flags: Vec<Spanned<&'static str>>,
    pub(crate) ip_family: Option<Spanned<IpFamily>>,
    pub(crate) smtp_alert: Option<bool>,
    /// What goes into the configuration as it is.
    pub(crate) options: ServiceOptions,
    pub(crate) real_servers: Vec<real_server::Draft>,
}

impl Draft {
    pub(crate) fn new(target: Target, span: Span) -> Self {
        Self {
            target,
            span,
            delay_loop: None,
            lvs_sched: None,
            lvs_method: None,
            protocol: None,
            persistence_timeout: None,
            alpha: false,
            omega: false,
            quorum: None,
            hysteresis: None,
            quorum_up: None,
            quorum_down: None,
            inhibit_on_failure: false,
            sorry_server: None,
            sorry_server_inhibit: false,
            sorry_server_lvs_method: None,
            virtualhost: None,
            retry: RetryDraft::default(),
            weight: None,
            persistence_granularity: None,
            ops: None,
            flags: Vec::new(),
            ip_family: None,
            smtp_alert: None,
            options: ServiceOptions::default(),
            real_servers: Vec::new(),
        }
    }
}

impl HasRetry for Draft {
    fn retry(&mut self) -> &mut RetryDraft {
        &mut self.retry
    }
}

const MARK: Shape = Shape::number(1, NO_LIMIT);
/// Linux: IP_VS_PENAME_MAXLEN without its end.
const MAX_ENGINE_BYTES: usize = 15;

const SCHEDULERS: Shape = Shape::Choice(&[
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "twos",
]);
pub(crate) const METHODS: Shape =
    Shape::Words("NAT, DR, FULLNAT or TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]");
pub(crate) const ANY_NUMBER: Shape = Shape::number(0, NO_LIMIT);

pub(crate) const KEYWORDS: Table<Draft> = &[
    OWN,
    &retry_rows(
        1,
        RetryDefaults {
            retry: "per checker",
            delay_before_retry: "per checker",
            warmup: "delay_loop",
        },
    ),
    &[connect_timeout_row("5")],
];

const OWN: &[Keyword<Draft>] = &[
    Keyword::new("delay_loop", POSITIVE_SECONDS, "60", |draft, arguments| {
        draft.delay_loop = Some(arguments.seconds()?);
        Ok(())
    }),
    Keyword::new("lb_algo", SCHEDULERS, "wlc", scheduler),
    Keyword::new("lvs_sched", SCHEDULERS, "wlc", scheduler),
    Keyword::new("lb_kind", METHODS, "NAT", service_method),
    Keyword::new("lvs_method", METHODS, "NAT", service_method),
    Keyword::new("protocol", Shape::Word("TCP, UDP or SCTP"), "UDP", protocol),
    Keyword::new(
        "persistence_timeout",
        Shape::Optional("a number of seconds from 1"),
        "off",
        persistence_timeout,
    ),
    Keyword::pending_but_read(
        "persistence_granularity",
        Shape::Word("a netmask, or a prefix length from 1 to 128"),
        "all of the address",
        persistence_granularity,
    ),
    Keyword::pending_but_read(
        "persistence_engine",
        Shape::Word("a name of up to 15 characters"),
        "none",
        persistence_engine,
    ),
    Keyword::pending_but_read("ops", Shape::Flag, "off", |draft, arguments| {
        arguments.fill(&mut draft.ops)
    }),
    Keyword::without_effect("hashed", Shape::Flag),
    Keyword::pending_but_read("flag-1", Shape::Flag, "off", flag),
    Keyword::pending_but_read("flag-2", Shape::Flag, "off", flag),
    Keyword::pending_but_read("flag-3", Shape::Flag, "off", flag),
    Keyword::pending_but_read("sh-port", Shape::Flag, "off", flag),
    Keyword::pending_but_read("sh-fallback", Shape::Flag, "off", flag),
    Keyword::pending_but_read("mh-port", Shape::Flag, "off", flag),
    Keyword::pending_but_read("mh-fallback", Shape::Flag, "off", flag),
    Keyword::pending_but_read(
        "ip_family",
        Shape::Choice(&["inet", "inet6"]),
        "the real servers'",
        ip_family,
    ),
    Keyword::new("alpha", Shape::Flag, "off", |draft, _| {
        draft.alpha = true;
        Ok(())
    }),
    Keyword::new("omega", Shape::Flag, "off", |draft, _| {
        draft.omega = true;
        Ok(())
    }),
    Keyword::new(
        "quorum",
        Shape::number(1, NO_LIMIT),
        "1",
        |draft, arguments| {
            draft.quorum = Some(Spanned {
                value: arguments.number()?,
                span: arguments.span(),
            });
            Ok(())
        },
    ),
    Keyword::new("hysteresis", ANY_NUMBER, "0", |draft, arguments| {
        draft.hysteresis = Some(Spanned {
            value: arguments.number()?,
            span: arguments.span(),
        });
        Ok(())
    }),
    Keyword::new("quorum_up", Shape::Script, "", |draft, arguments| {
        draft.quorum_up = Some(arguments.script()?);
        Ok(())
    }),
    Keyword::new("quorum_down", Shape::Script, "", |draft, arguments| {
        draft.quorum_down = Some(arguments.script()?);
        Ok(())
    }),
    Keyword::pending_but_read("ha_suspend", Shape::Flag, "off", |draft, arguments| {
        arguments.fill(&mut draft.options.ha_suspend)
    }),
    Keyword::new("inhibit_on_failure", Shape::Flag, "off", |draft, _| {
        draft.inhibit_on_failure = true;
        Ok(())
    }),
    Keyword::new(
        "sorry_server",
        Shape::Words("ADDRESS [PORT]"),
        "",
        sorry_server,
    ),
    Keyword::new("sorry_server_inhibit", Shape::Flag, "off", |draft, _| {
        draft.sorry_server_inhibit = true;
        Ok(())
    }),
    Keyword::new(
        "sorry_server_lvs_method",
        METHODS,
        "lvs_method",
        |draft, arguments| {
            draft.sorry_server_lvs_method = Some(method(arguments)?);
            Ok(())
        },
    ),
    Keyword::new(
        "virtualhost",
        Shape::Word("a host name"),
        "",
        |draft, arguments| {
            draft.virtualhost = Some(arguments.text()?.value);
            Ok(())
        },
    ),
    Keyword::new(
        "weight",
        Shape::number(1, i32::MAX as i64),
        "1",
        |draft, arguments| {
            draft.weight = Weight::new(arguments.number()?);
            Ok(())
        },
    ),
    Keyword::new(
        "smtp_alert",
        Shape::Bool,
        "global, else off",
        |draft, arguments| arguments.fill(&mut draft.smtp_alert),
    ),
    Keyword::pending_but_read(
        "snmp_name",
        Shape::Word("a name"),
        "",
        |draft, arguments| arguments.fill(&mut draft.options.snmp_name),
    ),
    Keyword::new(
        "real_server",
        Shape::Named("ADDRESS [PORT]", real_server::BLOCK),
        "",
        real_server,
    ),
];

/// keepalived: with a module of this name IPVS knows more of a client than its address.
fn persistence_engine(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let name = arguments.text()?;
    if name.value.len() > MAX_ENGINE_BYTES {
        let message = format!("'{}' is too long for a persistence engine", name.value);
        let finding = Finding::new(Code::OutOfRange, name.span, message);
        return Err(finding.expected(format!("at most {MAX_ENGINE_BYTES} characters")));
    }
    draft.options.persistence_engine = Some(name.value);
    Ok(())
}

/// Whether it fits the address is known later.
fn persistence_granularity(
    draft: &mut Draft,
    arguments: &mut Arguments<'_>,
) -> Result<(), Finding> {
    let span = arguments.span();
    let word = arguments.word()?;
    let value = match word.text.parse::<Ipv4Addr>() {
        Ok(netmask) if netmask.to_bits().leading_ones() == netmask.to_bits().count_ones() => {
            Granularity::Netmask(netmask)
        }
        Ok(_) => return Err(arguments.invalid_value(word)),
        Err(_) => Granularity::PrefixLength(arguments.number_in(word, &Shape::strict(1, 128))?),
    };
    draft.persistence_granularity = Some(Spanned { value, span });
    Ok(())
}

/// Whether it fits the scheduler is known later.
fn flag(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    draft.flags.push(arguments.keyword());
    Ok(())
}

fn ip_family(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let span = arguments.span();
    let family = IpFamily::from_keyword(arguments.choice()?);
    draft.ip_family = family.map(|value| Spanned { value, span });
    Ok(())
}

fn scheduler(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    // One that is none has been complained about: that the default is used is no second complaint.
    draft.lvs_sched.get_or_insert_default();
    draft.lvs_sched = arguments.choice()?.parse().ok();
    Ok(())
}

fn service_method(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    draft.lvs_method.get_or_insert(ForwardingMethod::Nat);
    draft.lvs_method = Some(method(arguments)?);
    Ok(())
}

/// `NAT`, `DR`, `FULLNAT`, `TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]`
pub(crate) fn method(arguments: &mut Arguments<'_>) -> Result<ForwardingMethod, Finding> {
    let word = arguments.word()?;
    match word.text {
        "NAT" => Ok(ForwardingMethod::Nat),
        "DR" => Ok(ForwardingMethod::DirectRoute),
        // Ours; a plane that has it not says so.
        "FULLNAT" => Ok(ForwardingMethod::FullNat),
        "TUN" => tunnel_type(arguments).map(ForwardingMethod::Tunnel),
        text => {
            let finding = arguments.invalid_value(word);
            let known = ["NAT", "DR", "TUN", "FULLNAT"];
            let help = nearest(text, known).map(|meant| {
                if meant.eq_ignore_ascii_case(text) {
                    format!("did you mean '{meant}'? Case matters")
                } else {
                    format!("did you mean '{meant}'?")
                }
            });
            Err(finding.maybe_help(help))
        }
    }
}

fn tunnel_type(arguments: &mut Arguments<'_>) -> Result<TunnelType, Finding> {
    let mut tunnel = TunnelType::Ipip;
    while let Some(word) = arguments.next_word() {
        match word.text {
            "type" => {
                let kind = arguments.word()?;
                tunnel = match kind.text {
                    "ipip" => TunnelType::Ipip,
                    "gre" => TunnelType::Gre,
                    "gue" => TunnelType::Gue { port: 0 },
                    _ => return Err(arguments.invalid_value(kind).expected("ipip, gue or gre")),
                };
            }
            "port" => {
                let number = arguments.word()?;
                let port = arguments.number_in(number, &PORT)?;
                tunnel = TunnelType::Gue { port };
            }
            "nocsum" => {}
            "csum" | "remcsum" => {
                let message = format!("'{}' is understood, but not carried out yet", word.text);
                arguments.complain(Finding::new(Code::NotCarriedOut, word.span, message));
            }
            _ => return Err(arguments.invalid_value(word)),
        }
    }
    match tunnel {
        TunnelType::Gue { port: 0 } => Err(Finding::new(
            Code::InvalidValue,
            arguments.span(),
            "'type gue' needs a port",
        )
        .expected("type gue port NUMBER")),
        tunnel => Ok(tunnel),
    }
}

pub(crate) const PORT: Shape = Shape::strict(1, 65_535);

fn protocol(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let span = arguments.span();
    let word = arguments.word()?;
    draft.protocol.get_or_insert(Spanned {
        value: Protocol::Udp,
        span,
    });
    let value = match word.text.to_ascii_uppercase().as_str() {
        "TCP" => Protocol::Tcp,
        "UDP" => Protocol::Udp,
        "SCTP" => Protocol::Sctp,
        _ => {
            let meant = nearest(word.text, ["TCP", "UDP", "SCTP"]);
            let help = meant.map(|meant| format!("did you mean '{meant}'?"));
            return Err(arguments.invalid_value(word).maybe_help(help));
        }
    };
    draft.protocol = Some(Spanned { value, span });
    Ok(())
}

fn persistence_timeout(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    draft.persistence_timeout = match arguments.next_word() {
        None => Some(DEFAULT_PERSISTENCE),
        Some(word) => {
            let seconds = arguments.number_in(word, &Shape::number(1, NO_LIMIT))?;
            Some(Duration::from_secs(seconds))
        }
    };
    Ok(())
}

fn sorry_server(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let span = arguments.span();
    let value = address_and_port(arguments)?;
    draft.sorry_server = Some(Spanned { value, span });
    Ok(())
}

fn real_server(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let span = arguments.span();
    let (address, port) = address_and_port(arguments)?;
    let mut server = real_server::Draft::new(
        Spanned {
            value: address,
            span,
        },
        port,
    );
    let block = arguments.block();
    arguments.reader().read(
        &mut server,
        real_server::BLOCK,
        real_server::KEYWORDS,
        block,
    );
    draft.real_servers.push(server.completed());
    Ok(())
}

/// `ADDRESS [PORT]`
fn address_and_port(arguments: &mut Arguments<'_>) -> Result<(IpAddr, Option<u16>), Finding> {
    let first = arguments.statement().arguments().first().copied();
    let address = arguments.address().map_err(|finding| {
        let meant = first.and_then(|word| apart(word.text));
        finding.maybe_help(meant.map(|meant| format!("did you mean '{meant}'?")))
    })?;
    let address = address.value;
    let port = match arguments.next_word() {
        None => None,
        Some(word) => Some(arguments.number_in(word, &Shape::strict(0, 65_535))?),
    };
    Ok((address, port))
}

/// `ADDRESS PORT` for `ADDRESS:PORT`, and an address without its brackets.
fn apart(text: &str) -> Option<String> {
    if let Ok(both) = text.parse::<SocketAddr>() {
        return Some(format!("{} {}", both.ip(), both.port()));
    }
    let address = text.strip_prefix('[')?.strip_suffix(']')?;
    address.parse::<IpAddr>().ok().map(|it| it.to_string())
}

/// `ADDRESS [PORT]`, `fwmark N` or `group NAME`.
pub(crate) fn target(arguments: &mut Arguments<'_>) -> Result<Target, Finding> {
    let Some(first) = arguments.statement().arguments().first() else {
        return arguments.text().map(Target::Group);
    };
    match first.text {
        "fwmark" => {
            arguments.next_word();
            let mark = arguments.word()?;
            Ok(Target::Fwmark(arguments.number_in(mark, &MARK)?))
        }
        "group" => {
            arguments.next_word();
            Ok(Target::Group(arguments.text()?))
        }
        _ => {
            let (address, port) = address_and_port(arguments).map_err(|finding| {
                let help = match &finding.help {
                    Some(meant) => format!("{meant} The virtual server is not used"),
                    // The address has been read.
                    None if finding.code == Code::OutOfRange => {
                        "a port; the virtual server is not used".to_owned()
                    }
                    None => {
                        "the virtual server is not used; host names are not looked up".to_owned()
                    }
                };
                finding.help(help)
            })?;
            Ok(Target::Address(ServerAddress::new(
                address,
                port.unwrap_or(0),
            )))
        }
    }
}
