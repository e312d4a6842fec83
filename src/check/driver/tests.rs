//! On loopback, with ports that the kernel chooses.

mod checks;
mod child;

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::{ConnectOptions, HttpGet, HttpProtocol, HttpUrl, MiscCheck};
use crate::types::{ScriptCommand, ServerAddress};

/// For what should happen at once; long enough for a busy machine.
const SOON: Duration = Duration::from_secs(10);

fn options(target: SocketAddr) -> ConnectOptions {
    ConnectOptions {
        target: ServerAddress::new(target.ip(), target.port()),
        bindto: None,
        bind_port: 0,
        bind_if: None,
        connect_timeout: Duration::from_millis(300),
        fwmark: 0,
    }
}

fn url(path: &str) -> HttpUrl {
    HttpUrl {
        regex: None,
        tls_compliant: false,
        path: path.to_owned(),
        digest: None,
        status_code: Vec::new(),
        virtualhost: None,
    }
}

fn http_get(tls: bool) -> HttpGet {
    HttpGet {
        tls,
        urls: Vec::new(),
        http_protocol: HttpProtocol::V1_0,
        enable_sni: false,
        sni_name: None,
        fast_recovery: false,
    }
}

fn shell(script: &str, misc_timeout: Duration) -> MiscCheck {
    MiscCheck {
        misc_path: ScriptCommand {
            argv: ["/bin/sh", "-c", script].map(str::to_owned).to_vec(),
            user: None,
            ..ScriptCommand::default()
        },
        misc_timeout,
        misc_dynamic: false,
    }
}
