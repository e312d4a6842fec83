//! `real_server ADDRESS PORT { }` and `sorry_server`.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checkers::{self, Checker, PendingDraft, PendingKind};
use super::consistency::Context;
use super::diagnostic::{Code, Finding};
use super::keyword::{Arguments, Keyword, NO_LIMIT, ScriptText, Shape, Spanned, Table};
use super::retry::{
    HasRetry, RetryDefaults, RetryDraft, connect_timeout_row, delay_loop_row, retry_rows,
};
use super::virtual_server::{self, method};
use crate::types::{ForwardingMethod, Protocol, ScriptCommand, ServerAddress, Weight};

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RealServer {
    pub address: ServerAddress,
    pub weight: Weight,
    pub lvs_method: ForwardingMethod,
    /// Weight 0 instead of removal while it is down.
    pub inhibit_on_failure: bool,
    pub notify_up: Option<ScriptCommand>,
    pub notify_down: Option<ScriptCommand>,
    /// No checker: always up.
    pub checkers: Vec<Checker>,
    /// Checkers that are not carried out yet.
    pub pending_checkers: Vec<Checker<PendingKind>>,
    pub options: RealServerOptions,
}

/// Settings that are read and checked, but not carried out yet.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct RealServerOptions {
    /// No new connections from this number on; 0: no limit.
    pub uthreshold: u32,
    /// New connections again below this number; 0: three quarters of `uthreshold`.
    pub lthreshold: u32,
    /// Mail when it comes up or goes down.
    pub smtp_alert: bool,
    pub snmp_name: Option<String>,
}

/// Takes the traffic while the quorum is lost.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SorryServer {
    pub address: ServerAddress,
    pub lvs_method: ForwardingMethod,
    /// `sorry_server_inhibit`: stays in the table with weight 0 while the quorum is up.
    pub inhibit: bool,
}

/// Name of the table.
pub(crate) const BLOCK: &str = "real_server";

/// The block as it is written.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) address: Spanned<IpAddr>,
    pub(crate) port: Option<u16>,
    weight: Option<Weight>,
    lvs_method: Option<ForwardingMethod>,
    inhibit_on_failure: Option<bool>,
    notify_up: Option<ScriptText>,
    notify_down: Option<ScriptText>,
    alpha: Option<bool>,
    virtualhost: Option<String>,
    retry: RetryDraft,
    checkers: Vec<checkers::Draft>,
    pending_checkers: Vec<PendingDraft>,
    smtp_alert: Option<bool>,
    /// What goes into the configuration as it is.
    options: RealServerOptions,
}

impl Draft {
    pub(crate) fn new(address: Spanned<IpAddr>, port: Option<u16>) -> Self {
        Self {
            address,
            port,
            weight: None,
            lvs_method: None,
            inhibit_on_failure: None,
            notify_up: None,
            notify_down: None,
            alpha: None,
            virtualhost: None,
            retry: RetryDraft::default(),
            checkers: Vec::new(),
            pending_checkers: Vec::new(),
            smtp_alert: None,
            options: RealServerOptions::default(),
        }
    }
}

impl HasRetry for Draft {
    fn retry(&mut self) -> &mut RetryDraft {
        &mut self.retry
    }
}

const THRESHOLD: Shape = Shape::number(0, NO_LIMIT);

/// Where the value of most keywords comes from by default.
const OUTER: &str = "the virtual server's";

pub(crate) const KEYWORDS: Table<Draft> = &[
    OWN,
    &retry_rows(1, RetryDefaults::all(OUTER)),
    &[connect_timeout_row(OUTER), delay_loop_row(OUTER)],
];

const OWN: &[Keyword<Draft>] = &[
    Keyword::new(
        "weight",
        Shape::number(0, i32::MAX as i64),
        "the virtual server's",
        |draft, arguments| {
            draft.weight = Weight::new(arguments.number()?);
            Ok(())
        },
    ),
    Keyword::new(
        "lvs_method",
        virtual_server::METHODS,
        "the virtual server's",
        |draft, arguments| {
            draft.lvs_method = Some(method(arguments)?);
            Ok(())
        },
    ),
    Keyword::pending_but_read("uthreshold", THRESHOLD, "none", |draft, arguments| {
        arguments.fill(&mut draft.options.uthreshold)
    }),
    Keyword::pending_but_read(
        "lthreshold",
        THRESHOLD,
        "3/4 of uthreshold",
        |draft, arguments| arguments.fill(&mut draft.options.lthreshold),
    ),
    Keyword::new(
        "inhibit_on_failure",
        Shape::Bool,
        "the virtual server's",
        |draft, arguments| {
            draft.inhibit_on_failure = Some(arguments.boolean()?);
            Ok(())
        },
    ),
    Keyword::new("notify_up", Shape::Script, "", |draft, arguments| {
        draft.notify_up = Some(arguments.script()?);
        Ok(())
    }),
    Keyword::new("notify_down", Shape::Script, "", |draft, arguments| {
        draft.notify_down = Some(arguments.script()?);
        Ok(())
    }),
    Keyword::new(
        "alpha",
        Shape::Bool,
        "the virtual server's",
        |draft, arguments| {
            draft.alpha = Some(arguments.boolean()?);
            Ok(())
        },
    ),
    Keyword::new(
        "smtp_alert",
        Shape::Bool,
        "global, else on",
        |draft, arguments| arguments.fill(&mut draft.smtp_alert),
    ),
    Keyword::new(
        "virtualhost",
        Shape::Word("a host name"),
        "the virtual server's",
        |draft, arguments| {
            draft.virtualhost = Some(arguments.text()?.value);
            Ok(())
        },
    ),
    Keyword::pending_but_read(
        "snmp_name",
        Shape::Word("a name"),
        "",
        |draft, arguments| arguments.fill(&mut draft.options.snmp_name),
    ),
    Keyword::new(
        "TCP_CHECK",
        Shape::Block(checkers::TCP_CHECK_BLOCK),
        "",
        |draft, arguments| {
            draft.checkers.push(checkers::tcp_check(arguments));
            Ok(())
        },
    ),
    Keyword::new(
        "HTTP_GET",
        Shape::Block(checkers::HTTP_GET_BLOCK),
        "",
        |draft, arguments| {
            draft.checkers.push(checkers::http_get(arguments));
            Ok(())
        },
    ),
    Keyword::new(
        "SSL_GET",
        Shape::Block(checkers::SSL_GET_BLOCK),
        "",
        |draft, arguments| {
            draft.checkers.push(checkers::ssl_get(arguments));
            Ok(())
        },
    ),
    Keyword::new(
        "MISC_CHECK",
        Shape::Block(checkers::MISC_CHECK_BLOCK),
        "",
        |draft, arguments| {
            draft.checkers.push(checkers::misc_check(arguments));
            Ok(())
        },
    ),
    Keyword::pending_but_read(
        "SMTP_CHECK",
        Shape::Block("SMTP_CHECK"),
        "",
        pending_checker,
    ),
    Keyword::pending_but_read("DNS_CHECK", Shape::Block("DNS_CHECK"), "", pending_checker),
    Keyword::pending_but_read("UDP_CHECK", Shape::Block("UDP_CHECK"), "", pending_checker),
    Keyword::pending_but_read(
        "PING_CHECK",
        Shape::Block("PING_CHECK"),
        "",
        pending_checker,
    ),
    Keyword::pending_but_read(
        "FILE_CHECK",
        Shape::Block("FILE_CHECK"),
        "",
        pending_checker,
    ),
    Keyword::pending_but_read("BFD_CHECK", Shape::Block("BFD_CHECK"), "", pending_checker),
];

fn pending_checker(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    arguments.leave_pending_to_owner();
    draft
        .pending_checkers
        .push(checkers::pending_checker(arguments));
    Ok(())
}

impl Draft {
    /// The block is complete: gives back what its lists have taken too much, as there may be tens of thousands.
    pub(crate) fn completed(mut self) -> Self {
        self.checkers.shrink_to_fit();
        self
    }
}

/// What a virtual server gives to its real servers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inherited<'v> {
    /// Its name in complaints.
    pub(crate) name: &'v str,
    pub(crate) virtual_server: ServerAddress,
    /// It is a firewall mark, so the real servers' port is that of the packet.
    pub(crate) is_fwmark: bool,
    /// The ports of the real servers must be its own: it is an address.
    pub(crate) has_port: bool,
    pub(crate) protocol: Protocol,
    pub(crate) lvs_method: ForwardingMethod,
    pub(crate) weight: Weight,
    pub(crate) inhibit_on_failure: bool,
    pub(crate) delay_loop: Duration,
    pub(crate) alpha: bool,
    pub(crate) virtualhost: Option<&'v str>,
    pub(crate) retry: &'v RetryDraft,
}

impl Draft {
    /// `None` with a complaint where packets could not reach the server.
    pub(crate) fn resolve(
        &self,
        inherited: &Inherited<'_>,
        context: &mut Context<'_>,
    ) -> Option<RealServer> {
        let lvs_method = self.lvs_method.unwrap_or(inherited.lvs_method);
        let address = self.address.value;
        let service = inherited.virtual_server;
        if address.is_ipv4() != service.address.is_ipv4()
            && !matches!(lvs_method, ForwardingMethod::Tunnel(_))
        {
            let message = format!(
                "the address families of {} and real server {address} don't match - skipping",
                inherited.name
            );
            context.complain(Finding::new(Code::Conflict, self.address.span, message));
            return None;
        }
        // keepalived: the port that is written is asked, wherever the traffic goes.
        let asked = ServerAddress::new(address, self.port.unwrap_or(service.port));
        let address = ServerAddress::new(address, self.port(lvs_method, inherited, context));
        let retry = self.retry.or(inherited.retry);
        let settings = checkers::Inherited {
            real_server: asked,
            delay_loop: retry.delay_loop.unwrap_or(inherited.delay_loop),
            service_delay_loop: inherited.delay_loop,
            alpha: self.alpha.unwrap_or(inherited.alpha),
            virtualhost: self.virtualhost.as_deref().or(inherited.virtualhost),
            retry: &retry,
        };
        // Of exactly the size that is needed: there may be tens of thousands.
        let mut checkers = Vec::with_capacity(self.checkers.len());
        checkers.extend(
            self.checkers
                .iter()
                .filter_map(|checker| checker.resolve(&settings, context)),
        );
        let pending_checkers = self
            .pending_checkers
            .iter()
            .filter_map(|checker| checker.resolve(&settings, context))
            .collect();
        self.complain_of_pending_checkers(&checkers, context);
        if checkers.is_empty() && !self.checkers.is_empty() && self.pending_checkers.is_empty() {
            let message = format!(
                "no checker of real server {address} can be used: it is never checked and always in service"
            );
            let span = self.address.span;
            context.complain(Finding::new(Code::NeverChecked, span, message));
        }
        let options = RealServerOptions {
            smtp_alert: self
                .smtp_alert
                .unwrap_or_else(|| context.globals.smtp.checker_default().unwrap_or(true)),
            ..self.options.clone()
        };
        Some(RealServer {
            address,
            weight: self.weight.unwrap_or(inherited.weight),
            lvs_method,
            inhibit_on_failure: self
                .inhibit_on_failure
                .unwrap_or(inherited.inhibit_on_failure),
            notify_up: context.script(self.notify_up.as_ref()),
            notify_down: context.script(self.notify_down.as_ref()),
            checkers,
            pending_checkers,
            options,
        })
    }

    /// A real server that keeps a checker is merely checked less; one without any gets traffic even when it is dead.
    fn complain_of_pending_checkers(&self, remaining: &[Checker], context: &mut Context<'_>) {
        for pending in &self.pending_checkers {
            let name = pending.keyword.value;
            let (code, what) = if remaining.is_empty() {
                (
                    Code::NeverChecked,
                    "this real server is never checked and always in service",
                )
            } else {
                (
                    Code::NotCarriedOut,
                    "this real server is checked without it",
                )
            };
            let message = format!("'{name}' is not carried out yet: {what}");
            context.complain(Finding::new(code, pending.keyword.span, message));
        }
    }

    /// DR and TUN leave the packet as it is, so the port cannot change.
    fn port(
        &self,
        method: ForwardingMethod,
        inherited: &Inherited<'_>,
        context: &mut Context<'_>,
    ) -> u16 {
        let service = inherited.virtual_server;
        let port = self.port.unwrap_or(service.port);
        if inherited.is_fwmark {
            if port != 0 {
                let message = format!(
                    "{} has a firewall mark, so real server {} has no port - clearing",
                    inherited.name, self.address.value
                );
                context.complain(Finding::new(Code::Conflict, self.address.span, message));
            }
            return 0;
        }
        if !inherited.has_port {
            return port;
        }
        let fixed = match method {
            ForwardingMethod::DirectRoute | ForwardingMethod::Tunnel(_) => true,
            ForwardingMethod::Nat | ForwardingMethod::FullNat => false,
        };
        if !fixed || port == service.port {
            return port;
        }
        let real_server = ServerAddress::new(self.address.value, port);
        let message = format!(
            "virtual server {} and real server {} ports don't match - resetting",
            service.log_name(inherited.protocol),
            real_server.log_name(inherited.protocol),
        );
        let finding = Finding::new(Code::Conflict, self.address.span, message);
        let help = format!(
            "with {method} the traffic goes to the virtual server's port, {}; checkers without 'connect_port' ask {port}",
            service.port
        );
        context.complain(finding.help(help));
        service.port
    }
}
