//! From what is written to a [`Checker`]: settings that it has not itself come from its real server.

use std::time::Duration;

use super::keywords::UrlDraft;
use super::keywords::{Draft, Kind};
use super::{Checker, CheckerKind, HttpGet, HttpRegex, HttpUrl, MiscCheck, StatusCodeRange};
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::config::retry::RetryDraft;
use crate::types::ServerAddress;

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
            Kind::TcpCheck => {
                CheckerKind::TcpCheck(self.connect.resolve(&retry, inherited, self.span, context))
            }
            Kind::HttpGet | Kind::SslGet => {
                let http = self.http(inherited, context)?;
                CheckerKind::HttpGet(
                    self.connect.resolve(&retry, inherited, self.span, context),
                    http,
                )
            }
            Kind::MiscCheck => CheckerKind::MiscCheck(self.misc(inherited, context)?),
        };
        let (default_retry, default_delay) = match self.kind {
            Kind::TcpCheck => (1, 1),
            Kind::HttpGet | Kind::SslGet => (1, 3),
            Kind::MiscCheck => (0, 1),
        };
        context.recorder.keep(self.span);
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
                    context.complain(finding.unless_misread(url.span, "path"));
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
                    regex: url.regex(context),
                    tls_compliant: url.tls_compliant.unwrap_or(self.tls_compliant),
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
            // One that is not used has been complained about.
            if self.urls.is_empty() {
                let finding = Finding::new(Code::NothingToDo, self.span, message);
                context.complain(
                    finding
                        .unless_misread(self.span, "url")
                        .help("url { path /... }"),
                );
            }
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
            let finding = Finding::new(Code::NothingToDo, self.span, message);
            context.complain(finding.unless_misread(self.span, "misc_path"));
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

impl UrlDraft {
    fn regex(&self, context: &mut Context<'_>) -> Option<Box<HttpRegex>> {
        let Some(regex) = &self.regex else {
            if let Some(span) = self.regex_keyword {
                let message = "there is no 'regex' that this could be about";
                context.complain(Finding::new(Code::Conflict, span, message));
            }
            return None;
        };
        Some(Box::new(HttpRegex {
            regex: regex.value.clone(),
            settings: self.regex_settings.clone(),
        }))
    }
}
