//! Where and how a checker connects: the keywords that all checkers with a socket share.

use std::net::IpAddr;

use super::{ConnectOptions, Inherited};
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::config::keyword::{Keyword, Shape, Spanned};
use crate::config::lines::Span;
use crate::config::retry::{HasRetry, RetryDraft, connect_timeout_row};
use crate::config::virtual_server::{ANY_NUMBER, PORT};
use crate::types::{InterfaceName, ServerAddress};

/// keepalived: where nobody says anything.
const DEFAULT_CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(5);

/// What is written in one block.
#[derive(Debug, Default)]
pub(crate) struct ConnectDraft {
    connect_ip: Option<IpAddr>,
    connect_port: Option<u16>,
    bindto: Option<IpAddr>,
    bind_port: Option<u16>,
    bind_if: Option<Spanned<InterfaceName>>,
    fwmark: u32,
}

/// A block that says where to connect.
pub(crate) trait HasConnect: HasRetry {
    fn connect(&mut self) -> &mut ConnectDraft;
}

pub(crate) const fn connect_rows<B: HasConnect>() -> [Keyword<B>; 7] {
    [
        Keyword::new(
            "connect_ip",
            Shape::Address,
            "the real server's",
            |draft, arguments| arguments.fill(&mut draft.connect().connect_ip),
        ),
        Keyword::new(
            "connect_port",
            PORT,
            "the real server's",
            |draft, arguments| arguments.fill(&mut draft.connect().connect_port),
        ),
        Keyword::new("bindto", Shape::Address, "any", |draft, arguments| {
            arguments.fill(&mut draft.connect().bindto)
        }),
        Keyword::new("bind_port", PORT, "any", |draft, arguments| {
            arguments.fill(&mut draft.connect().bind_port)
        }),
        Keyword::new("bind_if", Shape::Interface, "", |draft, arguments| {
            draft.connect().bind_if = Some(arguments.interface()?);
            Ok(())
        }),
        connect_timeout_row("the real server's, else 5"),
        Keyword::new("fwmark", ANY_NUMBER, "0", |draft, arguments| {
            arguments.fill(&mut draft.connect().fwmark)
        }),
    ]
}

impl ConnectDraft {
    /// `retry`: with what the real server says. `span`: of the checker.
    pub(crate) fn resolve(
        &self,
        retry: &RetryDraft,
        inherited: &Inherited<'_>,
        span: Span,
        context: &mut Context<'_>,
    ) -> ConnectOptions {
        if let Some(interface) = &self.bind_if {
            context.require_interface(interface);
        }
        let target = ServerAddress::new(
            self.connect_ip.unwrap_or(inherited.real_server.address),
            self.connect_port.unwrap_or(inherited.real_server.port),
        );
        let mut bindto = self.bindto;
        if bindto.is_some_and(|source| source.is_ipv4() != target.address.is_ipv4()) {
            let message = "the address families of 'bindto' and of what is checked differ; 'bindto' is not used";
            context.complain(Finding::new(Code::Conflict, span, message));
            bindto = None;
        }
        ConnectOptions {
            target,
            bindto,
            bind_port: self.bind_port.unwrap_or(0),
            bind_if: self
                .bind_if
                .as_ref()
                .map(|interface| interface.value.clone()),
            connect_timeout: retry.connect_timeout.unwrap_or(DEFAULT_CONNECT_TIMEOUT),
            fwmark: self.fwmark,
        }
    }
}
