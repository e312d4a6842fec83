//! Configurations of the pair under test, and the pair itself.

use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::lab::daemon::wait_for_address;
use crate::lab::{A, B, Daemon, GATEWAY, Lab, Program, Result, VIP};

/// Priority of director a and b.
pub(crate) const PRIORITIES: [u8; 2] = [150, 100];

/// RFC 3768 §6.1: three advertisement intervals and the skew time of priority 100.
pub(crate) const MASTER_DOWN_100: Duration = Duration::from_millis(3610);
/// The skew time of priority 100 is 609 ms.
pub(crate) const SKEW_100: Duration = Duration::from_millis(609);

/// The two virtual routers of a NAT director, moving together.
pub(crate) fn routers(director: usize) -> String {
    routers_with(director, "")
}

/// As [`routers`], with more lines in each instance.
pub(crate) fn routers_with(director: usize, more: &str) -> String {
    let priority = PRIORITIES[director];
    let name = ["a", "b"][director];
    let mut text = format!(
        "global_defs {{\n    router_id {name}\n    script_user root\n}}\n\
         vrrp_sync_group pair {{\n    group {{\n        outside\n        inside\n    }}\n}}\n"
    );
    for (instance, interface, vrid, address) in [
        ("outside", "eth0", 51, VIP),
        ("inside", "eth1", 52, GATEWAY),
    ] {
        write!(
            text,
            "vrrp_instance {instance} {{\n    state BACKUP\n    interface {interface}\n    \
             virtual_router_id {vrid}\n    priority {priority}\n    advert_int 1\n    \
             authentication {{\n        auth_type PASS\n        auth_pass holdfast\n    }}\n    \
             {more}\n    virtual_ipaddress {{\n        {address}/24\n    }}\n}}\n"
        )
        .expect("writing to a string");
    }
    text
}

/// A pair of daemons of which director a is master.
pub(crate) struct Pair {
    pub(crate) daemons: [Daemon; 2],
}

impl Pair {
    /// Starts both and waits until director a has both addresses.
    pub(crate) fn start(
        lab: &Lab,
        program: Program,
        config: impl Fn(usize) -> String,
    ) -> Result<Self> {
        let start =
            |director: usize| Daemon::start(program, &lab.directors[director], &config(director));
        let pair = Self {
            daemons: [start(A)?, start(B)?],
        };
        pair.wait_for_a(lab)?;
        Ok(pair)
    }

    fn wait_for_a(&self, lab: &Lab) -> Result<()> {
        let started = Instant::now();
        for address in [VIP, GATEWAY] {
            wait_for_address(&lab.directors[A], address, Duration::from_secs(8)).map_err(
                |error| {
                    let log = self.daemons[A].log().tail(40);
                    crate::lab::LabError::Failed(format!("{error}; the log of a ends:\n{log}"))
                },
            )?;
        }
        println!(
            "a is master {:.3} s after its start",
            started.elapsed().as_secs_f64()
        );
        Ok(())
    }
}
