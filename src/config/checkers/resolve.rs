//! From what is written to a [`Checker`]: settings that it has not itself come from its real server.

use std::time::Duration;

use super::keywords::{Draft, Kind};
use super::{Checker, CheckerKind, ConnectOptions, HttpGet, HttpUrl, MiscCheck, StatusCodeRange};
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::config::retry::RetryDraft;
use crate::types::ServerAddress;

const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// What a real server gives to its checkers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inherited<'r> {
    pub(crate) real_server: ServerAddress,
    pub(crate) delay_loop: Duration,
    /// The virtual server's.
    pub(crate) service_delay_loop: Duration,
    pub(crate) alpha: bool,
    pub(crate) virtualhost: Option<&'r str>,
    pub(crate) retry: &'r RetryDraft,
}

impl Draft {
    /// `None` with a complaint where there is nothing to check.
    pub(crate) fn resolve(
        &self,
        inherited: &Inherited<'_>,
        context: &mut Context<'_>,
    ) -> Option<Checker> {
        let own_delay_loop = self.retry.delay_loop;
        let retry = self.retry.or(inherited.retry);
        let kind = match self.kind {
            Kind::TcpCheck => CheckerKind::TcpCheck(self.connect(&retry, inherited, context)),
            Kind::HttpGet | Kind::SslGet => {
                let http = self.http(inherited, context)?;
                CheckerKind::HttpGet(self.connect(&retry, inherited, context), http)
            }
            Kind::MiscCheck => CheckerKind::MiscCheck(self.misc(inherited, context)?),
        };
        let (default_retry, default_delay) = match self.kind {
            Kind::TcpCheck => (1, 1),
            Kind::HttpGet | Kind::SslGet => (1, 3),
            Kind::MiscCheck => (0, 1),
        };
        let delay_loop = own_delay_loop.unwrap_or(inherited.delay_loop);
        Some(Checker {
            kind,
            delay_loop,
            retry: retry.retry.unwrap_or(default_retry),
            delay_before_retry: retry
                .delay_before_retry
                .unwrap_or_else(|| Duration::from_secs(default_delay)),
            warmup: retry.warmup.unwrap_or(delay_loop),
            alpha: self.alpha.unwrap_or(inherited.alpha),
            log_all_failures: self
                .log_all_failures
                .unwrap_or(context.globals.checker_log_all_failures),
        })
    }

    fn connect(
        &self,
        retry: &RetryDraft,
        inherited: &Inherited<'_>,
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
            context.complain(Finding::new(Code::Conflict, self.span, message));
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

    fn http(&self, inherited: &Inherited<'_>, context: &mut Context<'_>) -> Option<HttpGet> {
        let virtualhost = self.virtualhost.as_deref().or(inherited.virtualhost);
        let urls: Vec<_> = self
            .urls
            .iter()
            .filter_map(|url| {
                let Some(path) = &url.path else {
                    let finding = Finding::new(
                        Code::NothingToDo,
                        url.span,
                        "'url' has no 'path' and is not used",
                    );
                    context.complain(finding);
                    return None;
                };
                let status_code = match url.status_code.as_slice() {
                    [] => vec![StatusCodeRange {
                        first: 200,
                        last: 299,
                    }],
                    ranges => ranges.to_vec(),
                };
                Some(HttpUrl {
                    path: path.clone(),
                    digest: url.digest,
                    status_code,
                    virtualhost: url
                        .virtualhost
                        .as_deref()
                        .or(virtualhost)
                        .map(str::to_owned),
                })
            })
            .collect();
        if urls.is_empty() {
            let message = "the checker has no 'url' and is not used";
            context.complain(
                Finding::new(Code::NothingToDo, self.span, message).help("url { path /... }"),
            );
            return None;
        }
        Some(HttpGet {
            tls: self.kind == Kind::SslGet,
            urls,
            http_protocol: self.http_protocol,
            enable_sni: self.enable_sni,
            sni_name: self
                .sni_name
                .clone()
                .or_else(|| virtualhost.map(str::to_owned)),
            fast_recovery: self.fast_recovery,
        })
    }

    fn misc(&self, inherited: &Inherited<'_>, context: &mut Context<'_>) -> Option<MiscCheck> {
        let Some(text) = &self.misc_path else {
            let message = "the checker has no 'misc_path' and is not used";
            context.complain(Finding::new(Code::NothingToDo, self.span, message));
            return None;
        };
        let misc_timeout = self.misc_timeout.filter(|timeout| !timeout.is_zero());
        Some(MiscCheck {
            misc_path: context.script_as(text, self.user.as_ref())?,
            misc_timeout: misc_timeout.unwrap_or(inherited.service_delay_loop),
            misc_dynamic: self.misc_dynamic,
        })
    }
}
