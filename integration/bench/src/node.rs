//! A node with many virtual routers, and the other end of its wires.

use std::fmt::Write;
use std::time::Duration;

use crate::lab::cleanup::Record;
use crate::lab::process::Process;
use crate::lab::{Namespace, Program, Result};

const PER_INTERFACE: usize = 250;
pub(crate) const PRIORITY: u32 = 200;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Policy {
    Default,
    RealTime,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) program: Program,
    pub(crate) count: usize,
    pub(crate) interval: Duration,
    pub(crate) policy: Policy,
}

/// As many veth pairs as it takes.
pub(crate) fn wire(node: &Namespace, peer: &Namespace, count: usize) -> Result<()> {
    let mut here = String::from("link set lo up\n");
    let mut there = String::from("link set lo up\n");
    for index in 0..count.div_ceil(PER_INTERFACE) {
        writeln!(
            here,
            "link add v{index} type veth peer name p{index} netns {}",
            peer.name()
        )
        .expect("a string");
        writeln!(
            here,
            "addr add 10.60.{index}.1/24 dev v{index}\nlink set v{index} up"
        )
        .expect("a string");
        writeln!(there, "link set p{index} up").expect("a string");
    }
    node.ip(&here)?;
    peer.ip(&there)
}

pub(crate) fn start(setup: &Setup, node: &Namespace, record: &Record) -> Result<Process> {
    let dir = record.dir();
    let of = |name: &str| dir.join(name).display().to_string();
    let mut arguments = vec![
        "-n".to_owned(),
        "-l".to_owned(),
        "-f".to_owned(),
        of("node.conf"),
    ];
    let binary = match setup.program {
        Program::Holdfast => {
            arguments.extend(["--run-directory".to_owned(), of("run")]);
            crate::lab::daemon::binary("holdfastd")
        }
        Program::Keepalived => {
            for (option, name) in [("-p", "k.pid"), ("-r", "v.pid"), ("-c", "c.pid")] {
                arguments.extend([option.to_owned(), of(name)]);
            }
            arguments.push("-P".to_owned());
            "keepalived".to_owned()
        }
    };
    Process::spawn(node, "node", &binary, &arguments)
}

/// `addresses`: of the last virtual router; the others have one.
pub(crate) fn configuration(setup: &Setup, addresses: usize) -> String {
    let policy = match setup.policy {
        Policy::Default => "",
        // keepalived's default of 10 ms without a pause kills it at its own start.
        Policy::RealTime => "    vrrp_rt_priority 50\n    vrrp_rlimit_rttime 10000000\n",
    };
    let mut text = format!("global_defs {{\n    router_id node\n    vrrp_version 3\n{policy}}}\n");
    for index in 0..setup.count {
        let (interface, vrid) = (index / PER_INTERFACE, index % PER_INTERFACE + 1);
        let of_last = if index + 1 == setup.count {
            addresses
        } else {
            1
        };
        write!(
            text,
            "vrrp_instance VI_{index} {{\n    state BACKUP\n    interface v{interface}\n    \
             virtual_router_id {vrid}\n    priority {PRIORITY}\n    advert_int {}\n    \
             virtual_ipaddress {{\n",
            setup.interval.as_secs_f64()
        )
        .expect("a string");
        for address in 0..of_last {
            writeln!(text, "        10.6{}.{interface}.{vrid}/32", 1 + address).expect("a string");
        }
        text.push_str("    }\n}\n");
    }
    text
}
