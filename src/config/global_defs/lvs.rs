//! Keywords of `global_defs` about IPVS as a whole.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Draft;
use crate::config::VrrpInstance;
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding, nearest};
use crate::config::keyword::{Arguments, Keyword, Shape, Spanned};
use crate::config::lexer::Word;
use crate::types::InterfaceName;

/// Settings of IPVS.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Lvs {
    pub lvs_sync_daemon: Option<SyncDaemon>,
    pub lvs_timeouts: LvsTimeouts,
    /// Flush the whole IPVS table at start.
    pub lvs_flush: bool,
    pub lvs_flush_on_stop: FlushOnStop,
    /// `notify_up` and `notify_down` run for the first state of a real server too.
    pub rs_init_notifies: bool,
}

/// Connections are told to another director.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SyncDaemon {
    pub interface: InterfaceName,
    /// The instance whose state decides whether this node tells or listens; `None`: both.
    pub inst: Option<String>,
    /// 0 to 255; `None`: the VRID of the instance, else 0.
    pub id: Option<u8>,
    /// Longest message, in octets; `None`: the kernel's.
    pub maxlen: Option<u16>,
    pub port: Option<u16>,
    pub ttl: Option<u8>,
    /// A multicast group.
    pub group: Option<IpAddr>,
}

/// How long IPVS keeps connections; `None`: the kernel's.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct LvsTimeouts {
    pub tcp: Option<Duration>,
    pub tcpfin: Option<Duration>,
    pub udp: Option<Duration>,
}

/// What is taken out of IPVS at the stop.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum FlushOnStop {
    /// What we put in, one by one.
    #[default]
    No,
    /// Everything.
    All,
    /// Our virtual servers as a whole.
    VirtualServers,
}

/// The sync daemon as it is written.
#[derive(Debug)]
pub(crate) struct SyncDaemonDraft {
    daemon: SyncDaemon,
    interface: Spanned<InterfaceName>,
    inst: Option<Spanned<String>>,
}

impl SyncDaemonDraft {
    /// `None` with a complaint where the instance does not exist (keepalived: vrrp_complete_init).
    pub(crate) fn resolve(
        &self,
        instances: &[VrrpInstance],
        context: &mut Context<'_>,
    ) -> Option<SyncDaemon> {
        context.require_interface(&self.interface);
        let Some(inst) = &self.inst else {
            return Some(self.daemon.clone());
        };
        if instances.iter().any(|known| known.name == inst.value) {
            return Some(self.daemon.clone());
        }
        let message = format!(
            "there is no vrrp_instance '{}'; 'lvs_sync_daemon' is not used",
            inst.value
        );
        let known = instances.iter().map(|instance| instance.name.as_str());
        let help = nearest(&inst.value, known).map(|meant| format!("did you mean '{meant}'?"));
        let finding = Finding::new(Code::UnknownReference, inst.span, message);
        context.complain(finding.maybe_help(help));
        None
    }
}

const FLUSH: Shape = Shape::Optional("VS");
/// keepalived: LVS_MAX_TIMEOUT, 31 days.
const TIMEOUT: Shape = Shape::number(0, 31 * 86_400);
const SYNC_ID: Shape = Shape::number(0, 255);
/// The kernel: what fits a datagram.
const MAXLEN: Shape = Shape::number(1, 65_507);
const PORT: Shape = Shape::number(1, 65_535);
const TTL: Shape = Shape::number(1, 255);

pub(super) const ROWS: &[Keyword<Draft>] = &[
    Keyword::pending_but_read(
        "lvs_sync_daemon",
        Shape::Words(
            "INTERFACE [inst INSTANCE] [id N] [maxlen N] [port N] [ttl N] [group ADDRESS]",
        ),
        "off",
        lvs_sync_daemon,
    ),
    Keyword::pending_but_read(
        "lvs_timeouts",
        Shape::Words("[tcp S] [tcpfin S] [udp S]"),
        "the kernel's",
        lvs_timeouts,
    )
    .unit("s"),
    Keyword::new("lvs_flush", Shape::Flag, "off", |draft, arguments| {
        arguments.fill(&mut draft.defs.lvs.lvs_flush)
    }),
    Keyword::pending_but_read("lvs_flush_on_stop", FLUSH, "off", lvs_flush_on_stop),
    Keyword::pending_but_read("lvs_flush_onstop", FLUSH, "off", lvs_flush_on_stop)
        .deprecated("lvs_flush_on_stop"),
    Keyword::pending_but_read(
        "rs_init_notifies",
        Shape::Bool,
        "off",
        |draft, arguments| arguments.fill(&mut draft.defs.lvs.rs_init_notifies),
    ),
];

fn lvs_sync_daemon(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let interface = arguments.interface()?;
    let mut daemon = SyncDaemon {
        interface: interface.value.clone(),
        inst: None,
        id: None,
        maxlen: None,
        port: None,
        ttl: None,
        group: None,
    };
    let mut inst: Option<Spanned<String>> = None;
    let mut is_second = true;
    while let Some(word) = arguments.next_word() {
        match word.text {
            "inst" => inst = Some(arguments.text()?),
            "id" => daemon.id = Some(option(arguments, &SYNC_ID)?),
            "maxlen" => daemon.maxlen = Some(option(arguments, &MAXLEN)?),
            "port" => daemon.port = Some(option(arguments, &PORT)?),
            "ttl" => daemon.ttl = Some(option(arguments, &TTL)?),
            "group" => daemon.group = Some(multicast_group(arguments)?),
            // keepalived: INTERFACE INSTANCE [ID] was the form once.
            instance if is_second => {
                inst = Some(Spanned {
                    value: instance.to_owned(),
                    span: word.span,
                });
                deprecated(arguments, word, &format!("inst {instance}"));
            }
            id if daemon.id.is_none() && id.bytes().all(|byte| byte.is_ascii_digit()) => {
                daemon.id = Some(arguments.number_in(word, &SYNC_ID)?);
                deprecated(arguments, word, &format!("id {id}"));
            }
            _ => return Err(arguments.invalid_value(word)),
        }
        is_second = false;
    }
    daemon.inst = inst.as_ref().map(|inst| inst.value.clone());
    draft.lvs_sync_daemon = Some(SyncDaemonDraft {
        daemon,
        interface,
        inst,
    });
    Ok(())
}

fn option<T: TryFrom<i64>>(arguments: &mut Arguments<'_>, shape: &Shape) -> Result<T, Finding> {
    let word = arguments.word()?;
    arguments.number_in(word, shape)
}

fn multicast_group(arguments: &mut Arguments<'_>) -> Result<IpAddr, Finding> {
    let group = arguments.address()?;
    if group.value.is_multicast() {
        return Ok(group.value);
    }
    let message = format!("{} is no multicast group", group.value);
    Err(Finding::new(Code::InvalidValue, group.span, message).expected("a multicast address"))
}

fn deprecated(arguments: &mut Arguments<'_>, word: Word<'_>, instead: &str) {
    let message = format!("'{}' is read by its position alone", word.text);
    let finding = Finding::new(Code::Deprecated, word.span, message);
    arguments.complain(finding.help(format!("use {instead}")));
}

fn lvs_timeouts(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let mut timeouts = draft.defs.lvs.lvs_timeouts;
    while let Some(word) = arguments.next_word() {
        let field = match word.text {
            "tcp" => &mut timeouts.tcp,
            "tcpfin" => &mut timeouts.tcpfin,
            "udp" => &mut timeouts.udp,
            _ => return Err(arguments.invalid_value(word)),
        };
        *field = Some(Duration::from_secs(option(arguments, &TIMEOUT)?));
    }
    draft.defs.lvs.lvs_timeouts = timeouts;
    Ok(())
}

fn lvs_flush_on_stop(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    draft.defs.lvs.lvs_flush_on_stop = match arguments.next_word() {
        None => FlushOnStop::All,
        Some(word) if word.text == "VS" => FlushOnStop::VirtualServers,
        Some(word) => return Err(arguments.invalid_value(word)),
    };
    Ok(())
}
