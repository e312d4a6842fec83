//! The checkers of a real server.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod common;
mod connect;
mod keywords;
mod pending;
mod resolve;

pub(crate) use keywords::{
    Draft, HTTP_GET, HTTP_GET_BLOCK, MISC_CHECK, MISC_CHECK_BLOCK, SSL_GET, SSL_GET_BLOCK,
    TCP_CHECK, TCP_CHECK_BLOCK, URL, URL_BLOCK, http_get, misc_check, ssl_get, tcp_check,
};
pub(crate) use pending::{
    BFD_CHECK, BFD_CHECK_BLOCK, DNS_CHECK, DNS_CHECK_BLOCK, FILE_CHECK, FILE_CHECK_BLOCK, HOST,
    HOST_BLOCK, PING_CHECK, PING_CHECK_BLOCK, PendingDraft, SMTP_CHECK, SMTP_CHECK_BLOCK,
    UDP_CHECK, UDP_CHECK_BLOCK, pending_checker,
};
pub use pending::{DnsType, PendingKind, UdpCheck};
pub(crate) use resolve::Inherited;

use crate::types::{InterfaceName, ScriptCommand, ServerAddress};

/// One checker with the settings all kinds share, defaults resolved.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Checker<K = CheckerKind> {
    pub kind: K,
    /// Time between two checks.
    pub delay_loop: Duration,
    /// Further tries before the checker is down.
    pub retry: u32,
    pub delay_before_retry: Duration,
    /// The first check starts after a random part of this.
    pub warmup: Duration,
    /// Starts as down.
    pub alpha: bool,
    pub log_all_failures: bool,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum CheckerKind {
    TcpCheck(ConnectOptions),
    /// HTTP_GET, and SSL_GET where `tls` is set.
    HttpGet(ConnectOptions, HttpGet),
    MiscCheck(MiscCheck),
}

/// Where and how a checker connects.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ConnectOptions {
    /// `connect_ip` and `connect_port`, the real server's where the file says nothing.
    pub target: ServerAddress,
    pub bindto: Option<IpAddr>,
    /// 0: any.
    pub bind_port: u16,
    pub bind_if: Option<InterfaceName>,
    pub connect_timeout: Duration,
    /// 0: none.
    pub fwmark: u32,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct HttpGet {
    /// SSL_GET.
    pub tls: bool,
    /// At least one.
    pub urls: Vec<HttpUrl>,
    pub http_protocol: HttpProtocol,
    pub enable_sni: bool,
    /// Name for SNI; the virtual host where the file says nothing.
    pub sni_name: Option<String>,
    pub fast_recovery: bool,
}

/// Keyword `http_protocol`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum HttpProtocol {
    #[default]
    V1_0,
    /// `1.0C`: 1.0 with `Connection: close`.
    V1_0Close,
    V1_1,
}

/// Block `url`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct HttpUrl {
    pub path: String,
    /// MD5 of the raw body.
    pub digest: Option<[u8; 16]>,
    /// Accepted status codes; 200-299 where the file says nothing.
    pub status_code: Vec<StatusCodeRange>,
    /// Host header: the url's, the checker's, the real server's or the virtual server's; `None`:
    /// address and port of the connection.
    pub virtualhost: Option<String>,
    /// What the body must match.
    pub regex: Option<Box<HttpRegex>>,
    /// A connection that ends without the goodbye of TLS is a failure.
    pub tls_compliant: bool,
}

/// Keywords `regex*`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct HttpRegex {
    /// In the language of PCRE2.
    pub regex: String,
    pub settings: RegexSettings,
}

/// A field is a keyword without `regex_` in front.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct RegexSettings {
    /// The body must not match.
    pub no_match: bool,
    /// Names of compile options of PCRE2 in lower case.
    pub options: Vec<String>,
    /// Octets of the body that a match may not begin before.
    pub min_offset: u32,
    /// `None`: anywhere.
    pub max_offset: Option<u32>,
    /// Octets of stack at the start and at most.
    pub stack: Option<(u32, u32)>,
}

/// Status codes `first` to `last`, both included.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct StatusCodeRange {
    pub first: u16,
    pub last: u16,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct MiscCheck {
    pub misc_path: ScriptCommand,
    /// The virtual server's delay_loop where the file says nothing.
    pub misc_timeout: Duration,
    /// Exit status 2..=255 sets the weight to status - 2.
    pub misc_dynamic: bool,
}
