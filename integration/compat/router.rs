//! One virtual router as both programs read it.

use std::time::{Duration, Instant};

use crate::lab::{Daemon, Lab, Program, Result, VIP};

/// Longest time until the first master: three intervals and a skew time.
pub(crate) const ELECTION: Duration = Duration::from_secs(6);

/// RFC 3768 §6.1 skew time of a priority, 1 s interval.
pub(crate) fn skew(priority: u8) -> Duration {
    Duration::from_secs(1) * (256 - u32::from(priority)) / 256
}

pub(crate) fn master_down(priority: u8) -> Duration {
    Duration::from_secs(3) + skew(priority)
}

/// What a configuration says beyond the usual.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    pub(crate) priority: u8,
    /// More lines of the instance.
    pub(crate) more: String,
    pub(crate) authentication: bool,
    pub(crate) version: u8,
    /// More top-level blocks.
    pub(crate) blocks: String,
}

impl Router {
    pub(crate) fn of_priority(priority: u8) -> Self {
        Self {
            priority,
            more: String::new(),
            authentication: true,
            version: 2,
            blocks: String::new(),
        }
    }

    pub(crate) fn with(mut self, more: &str) -> Self {
        self.more.push_str("    ");
        self.more.push_str(more);
        self.more.push('\n');
        self
    }

    pub(crate) fn text(&self) -> String {
        let Self {
            priority,
            more,
            version,
            blocks,
            ..
        } = self;
        let authentication = if self.authentication {
            "    authentication {\n        auth_type PASS\n        auth_pass secret\n    }\n"
        } else {
            ""
        };
        format!(
            "global_defs {{\n    router_id node\n    script_user root\n    vrrp_version {version}\n}}\n\
             {blocks}vrrp_instance VI_1 {{\n    state BACKUP\n    interface eth0\n    \
             virtual_router_id 51\n    priority {priority}\n    advert_int 1\n{authentication}{more}    \
             virtual_ipaddress {{\n        {VIP}/24\n    }}\n}}\n"
        )
    }

    pub(crate) fn start(&self, lab: &Lab, director: usize, program: Program) -> Result<Daemon> {
        Daemon::start(program, &lab.directors[director], &self.text())
    }
}

/// Time from `from` to a log line.
pub(crate) fn time_to(
    daemon: &Daemon,
    from: Instant,
    text: &str,
    bound: Duration,
) -> Result<Duration> {
    Ok(daemon.log().wait_for(from, text, bound)?.at - from)
}
