//! The checkers of a real server: TCP_CHECK, HTTP_GET, SSL_GET, MISC_CHECK.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod keywords;
mod resolve;

pub(crate) use keywords::{
    Draft, HTTP_GET, HTTP_GET_BLOCK, MISC_CHECK, MISC_CHECK_BLOCK, SSL_GET, SSL_GET_BLOCK,
    TCP_CHECK, TCP_CHECK_BLOCK, URL, URL_BLOCK, http_get, misc_check, ssl_get, tcp_check,
};
pub(crate) use resolve::Inherited;

use crate::types::{InterfaceName, ScriptCommand, ServerAddress};

/// One checker with the settings all kinds share, defaults resolved.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Checker {
    pub kind: CheckerKind,
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
