//! The dumps of the virtual routers: what operators and scripts read after a signal.
//!
//! Sections, lines and names are keepalived's, for whoever has a script that reads them; lines that it does not have
//! stand at the end of their block. Writing the files is the daemon's business.

mod data;
mod json;
mod stats;
#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use data::render as data;
pub use json::render as json;
pub use stats::render as stats;

use crate::config::VrrpInstance;
use crate::types::{InterfaceName, PreferredLifetime, ScriptCommand, VirtualAddress};
use crate::vrrp::snapshot::{InstanceSnapshot, State};

/// Both clocks at one moment, so that times of the process are shown as times of day.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub at: Instant,
    /// Since the epoch.
    pub unix: Duration,
}

impl Now {
    pub fn read() -> Self {
        Self {
            at: Instant::now(),
            unix: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        }
    }

    /// Time since the epoch at which it was, or will be, `at`; zero where there is none.
    fn unix(self, at: Option<Instant>) -> Duration {
        at.map_or(Duration::ZERO, |at| {
            let ahead = at.saturating_duration_since(self.at);
            (self.unix + ahead).saturating_sub(self.at.saturating_duration_since(at))
        })
    }
}

/// keepalived: what an instance would be if it could.
fn wanted_state(instance: &InstanceSnapshot) -> State {
    match instance.state {
        _ if instance.wants_master => State::Master,
        State::Fault => State::Backup,
        state => state,
    }
}

/// An address as in keepalived's dumps.
fn address_line(
    address: &VirtualAddress,
    config: &VrrpInstance,
    instance: &InstanceSnapshot,
) -> String {
    let interface = address
        .dev
        .as_ref()
        .unwrap_or_else(|| config.address_interface());
    let mut line = address.to_string();
    if let Some(peer) = address.peer {
        // Writing to a string cannot fail, here and below.
        let _ = write!(line, " peer {peer}");
    }
    if let Some(broadcast) = address.broadcast {
        let _ = write!(line, " brd {broadcast}");
    }
    let _ = write!(line, " dev {interface} scope {}", scope(address));
    if let Some(label) = &address.label {
        let _ = write!(line, " label {label}");
    }
    line.push_str(&flags(address));
    if is_set(address, interface, instance) {
        line.push_str(" set");
    }
    line
}

fn scope(address: &VirtualAddress) -> String {
    // linux/rtnetlink.h
    match address.scope.number() {
        0 => "global".to_owned(),
        200 => "site".to_owned(),
        253 => "link".to_owned(),
        254 => "host".to_owned(),
        255 => "nowhere".to_owned(),
        number => number.to_string(),
    }
}

fn flags(address: &VirtualAddress) -> String {
    let words = [
        ("home", address.home),
        ("-nodad", address.dad),
        ("mngtmpaddr", address.mngtmpaddr),
        ("noprefixroute", address.noprefixroute),
        ("autojoin", address.autojoin),
        ("no_track", address.no_track),
        ("use_vmac", address.use_vmac),
    ];
    let mut flags = String::new();
    if address.address.is_ipv6() {
        let _ = match address.preferred_lifetime() {
            PreferredLifetime::Forever => write!(flags, " preferred_lft forever"),
            PreferredLifetime::Seconds(seconds) => write!(flags, " preferred_lft {seconds}"),
        };
    }
    for (word, _) in words.into_iter().filter(|(_, is_set)| *is_set) {
        let _ = write!(flags, " {word}");
    }
    flags
}

fn is_set(
    address: &VirtualAddress,
    interface: &InterfaceName,
    instance: &InstanceSnapshot,
) -> bool {
    instance.addresses.iter().any(|it| {
        it.address == address.address
            && it.prefix_len == address.prefix_len
            && it.interface == *interface
    })
}

/// keepalived: each word in quotes.
fn command(command: &ScriptCommand) -> String {
    let quoted: Vec<_> = command.argv.iter().map(|it| format!("'{it}'")).collect();
    quoted.join(" ")
}
