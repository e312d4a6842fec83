//! Our checkers in the words of keepalived's dump.

use std::collections::HashMap;
use std::time::Duration;

use holdfast::config::{
    Checker, CheckerKind, ConnectOptions, HttpGet, HttpProtocol, HttpUrl, MiscCheck, PendingKind,
    RealServer, UdpCheck,
};

use super::{CHECKER, command, user};
use crate::effective::Block;

/// keepalived's, where there is neither `helo_name` nor `smtp_helo_name`.
const DEFAULT_HELO: &str = "smtpchecker.keepalived.org";

/// Each is named by its real server, its kind, and its number among those. A file may have the same service twice.
pub(super) fn blocks(
    server: &RealServer,
    name: &str,
    counts: &mut HashMap<String, usize>,
) -> Vec<Block> {
    let carried_out = server.checkers.iter().map(carried_out);
    let pending = server.pending_checkers.iter().flat_map(pending);
    let mut blocks: Vec<Block> = carried_out.chain(pending).collect();
    for block in &mut blocks {
        let method = block.values.get("Keepalive method").cloned();
        let method = method.unwrap_or_default();
        let name = format!("{name} {method}");
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        block.name = format!("{name} {count}");
    }
    blocks
}

fn common<K>(checker: &Checker<K>, method: &str) -> Block {
    let mut block = Block::new(CHECKER, "");
    let microseconds = |time: Duration| format!("{} us", time.as_micros());
    block.set("Keepalive method", method);
    block.set("Alpha", yes(checker.alpha));
    block.set("Delay loop", microseconds(checker.delay_loop));
    block.set("Warmup", microseconds(checker.warmup));
    block.set("Retries", checker.retry);
    let delay = microseconds(checker.delay_before_retry);
    block.set("Delay before retry", delay);
    block.set("Log all failures", yes(checker.log_all_failures));
    block
}

fn carried_out(checker: &Checker) -> Block {
    match &checker.kind {
        CheckerKind::TcpCheck(options) => {
            let mut block = common(checker, "TCP_CHECK");
            connection(options, &mut block);
            block
        }
        CheckerKind::HttpGet(options, http) => {
            let method = if http.tls { "SSL_GET" } else { "HTTP_GET" };
            let mut block = common(checker, method);
            connection(options, &mut block);
            http_get(http, &mut block);
            block
        }
        CheckerKind::MiscCheck(misc) => {
            let mut block = common(checker, "MISC_CHECK");
            misc_check(misc, &mut block);
            block
        }
    }
}

fn pending(checker: &Checker<PendingKind>) -> Vec<Block> {
    let connected = |method: &str, options: &ConnectOptions| {
        let mut block = common(checker, method);
        connection(options, &mut block);
        block
    };
    match &checker.kind {
        // One for each host.
        PendingKind::SmtpCheck { hosts, helo_name } => {
            let hosts = hosts.iter().map(|host| {
                let mut block = connected("SMTP_CHECK", host);
                let name = helo_name.as_deref().unwrap_or(DEFAULT_HELO);
                block.set("helo", name);
                block
            });
            hosts.collect()
        }
        PendingKind::DnsCheck {
            connect,
            record_type,
            name,
        } => {
            let mut block = connected("DNS_CHECK", connect);
            block.set("Type", format!("{record_type:?}").to_uppercase());
            block.set("Name", name);
            vec![block]
        }
        PendingKind::UdpCheck { connect, udp } => {
            let mut block = connected("UDP_CHECK", connect);
            udp_check(udp, &mut block);
            vec![block]
        }
        PendingKind::PingCheck(connect) => vec![connected("PING_CHECK", connect)],
        PendingKind::FileCheck(file) => {
            let mut block = Block::new(CHECKER, "");
            block.set("Keepalive method", "FILE_CHECK");
            block.set("Tracked file", &file.name);
            block.set("Log all failures", yes(checker.log_all_failures));
            vec![block]
        }
        // The dump has them beside the checkers.
        PendingKind::BfdCheck { .. } => Vec::new(),
    }
}

fn connection(options: &ConnectOptions, block: &mut Block) {
    let (address, port) = (options.target.address, options.target.port);
    block.set("Dest", format!("[{address}]:{port}"));
    if let Some(source) = options.bindto {
        block.set("Bind to", format!("[{source}]:{}", options.bind_port));
    }
    if let Some(interface) = &options.bind_if {
        block.set("Bind i/f", interface);
    }
    if options.fwmark != 0 {
        block.set("Mark", options.fwmark);
    }
    let timeout = options.connect_timeout.as_secs_f64();
    block.set("Timeout", format!("{timeout:.6}"));
}

fn http_get(http: &HttpGet, block: &mut Block) {
    let protocol = match http.http_protocol {
        HttpProtocol::V1_0 => "1.0",
        HttpProtocol::V1_0Close => "1.0C",
        HttpProtocol::V1_1 => "1.1",
    };
    block.set("http protocol", protocol);
    let set = |set: bool| if set { "set" } else { "unset" };
    block.set("Enable SNI", set(http.enable_sni));
    block.set("Fast recovery", set(http.fast_recovery));
    for (index, it) in http.urls.iter().enumerate() {
        let number = index + 1;
        block.set(&format!("Checked url {number}"), &it.path);
        url(it, &format!("of url {number}"), block);
    }
}

fn url(url: &HttpUrl, of: &str, block: &mut Block) {
    if let Some(digest) = url.digest {
        let digits = digest.iter().map(|octet| format!("{octet:02x}"));
        block.set(&format!("digest {of}"), digits.collect::<String>());
    }
    let codes = url.status_code.iter().map(|range| match range {
        range if range.first == range.last => range.first.to_string(),
        range => format!("{}-{}", range.first, range.last),
    });
    let codes: Vec<String> = codes.collect();
    block.set(&format!("status codes {of}"), codes.join(" "));
    if let Some(host) = &url.virtualhost {
        block.set(&format!("Virtual host {of}"), host);
    }
    if let Some(regex) = &url.regex {
        block.set(&format!("Regex {of}"), format!("\"{}\"", regex.regex));
        if regex.settings.no_match {
            block.set(&format!("Regex no match {of}"), "yes");
        }
        if let Some((start, most)) = regex.settings.stack {
            let field = format!("Regex stack start {start}, max {most} {of}");
            block.set(&field, "yes");
        }
    }
}

fn misc_check(misc: &MiscCheck, block: &mut Block) {
    block.set("script", command(&misc.misc_path));
    block.set("timeout", misc.misc_timeout.as_secs());
    let dynamic = if misc.misc_dynamic { "YES" } else { "NO" };
    block.set("dynamic", dynamic);
    block.set("uid:gid", user(&misc.misc_path));
}

fn udp_check(udp: &UdpCheck, block: &mut Block) {
    block.set("Payload len", udp.payload.len());
    block.set("Require reply", yes(udp.require_reply.is_some()));
    if let Some(reply) = &udp.require_reply {
        block.set("Min reply length", udp.min_reply_length);
        block.set("Max reply length", udp.max_reply_length);
        block.set("Reply data len", reply.len());
        let is_masked = reply.iter().any(|(_, mask)| *mask != 0xff);
        block.set("Reply data mask", yes(is_masked));
    }
}

fn yes(on: bool) -> &'static str {
    if on { "yes" } else { "no" }
}
