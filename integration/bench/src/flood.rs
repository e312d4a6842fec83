//! Bad packets on the segment: does the master stay punctual, does anybody change state, does memory grow?

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::capture::{self, Capture};
use crate::lab::cleanup::{Record, Turn};
use crate::lab::flood::{Flood, advert, frame, nonsense};
use crate::lab::wait::{wait_until, watch_for};
use crate::lab::{LabError, Program, Result};
use crate::measure::{cpu, memory, millis, per_mille};
use crate::node::{PRIORITY, Policy, Setup, configuration, start, wire};

/// Nobody's, and the address of the virtual router that [`configuration`] makes first.
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 60, 0, 66);
const VIP: Ipv4Addr = Ipv4Addr::new(10, 61, 0, 1);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    Master,
    Backup,
}

/// `RATE=100000` packets a second, `SPAN=10` seconds.
pub(crate) fn run() -> Result<()> {
    let number = |name: &str, default: u32| {
        let text = std::env::var(name).ok();
        text.and_then(|text| text.parse().ok()).unwrap_or(default)
    };
    let (rate, span) = (
        number("RATE", 100_000),
        Duration::from_secs(number("SPAN", 10).into()),
    );
    let _turn = match std::env::var_os("BENCH_SHARED") {
        Some(_) => Turn::shared()?,
        None => Turn::alone()?,
    };
    println!("{rate} packets a second for {span:?}; one virtual router, adverts every 100 ms");
    println!(
        "{:<11} {:<7} {:>10} {:>7} {:>16} {:>11}   late (ms) p50 p99 max",
        "program", "role", "packets", "CPU %", "memory KiB", "transitions"
    );
    for role in [Role::Master, Role::Backup] {
        for program in [Program::Keepalived, Program::Holdfast] {
            measure(program, role, rate, span)?;
        }
    }
    Ok(())
}

fn measure(program: Program, role: Role, rate: u32, span: Duration) -> Result<()> {
    let record = Record::register()?;
    let result = measure_in(program, role, rate, span, &record);
    record.tear_down();
    result
}

fn measure_in(
    program: Program,
    role: Role,
    rate: u32,
    span: Duration,
    record: &Record,
) -> Result<()> {
    let setup = Setup {
        program,
        count: 1,
        interval: Duration::from_millis(100),
        policy: Policy::Default,
    };
    let (node, peer) = (record.namespace("node")?, record.namespace("peer")?);
    wire(&node, &peer, setup.count)?;
    std::fs::write(record.dir().join("node.conf"), configuration(&setup, 1))?;
    let capture = Capture::start(&peer)?;
    // A better master where the node is to be backup: twice as punctual as it must be.
    let _master = match role {
        Role::Master => None,
        Role::Backup => {
            let valid = frame(&advert(1, 250, 10, Ipv4Addr::new(10, 60, 0, 2), VIP));
            Some(Flood::start(&peer, "p0", vec![valid], 20)?)
        }
    };
    let process = start(&setup, &node, record)?;
    if role == Role::Master {
        wait_until("the node to be master", Duration::from_secs(10), || {
            node.has_address(VIP)
        })
        .map_err(|error| LabError::Failed(format!("{error}\n{}", process.log().tail(20))))?;
    }
    watch_for(Duration::from_secs(7));
    let weaker = u8::try_from(PRIORITY - 100).unwrap_or(1);
    let flood = Flood::start(&peer, "p0", nonsense(1, weaker, 10, STRANGER, VIP), rate)?;
    // The first second brings buffers to their size.
    watch_for(Duration::from_secs(1));
    let (sent, used, began) = (flood.sent(), cpu(&node), memory(&node));
    let (at, from) = (std::time::Instant::now(), capture::now()?);
    watch_for(span);
    let to = capture::now()?;
    let (sent, used) = (flood.sent() - sent, cpu(&node) - used);
    let ended = memory(&node);
    drop(flood);
    let transitions = process.log().count_since(at, "Entering");
    let late = capture.lateness(setup.interval, from, to);
    println!(
        "{:<11} {:<7} {:>10} {:>7.1} {:>16} {:>11}   {}",
        match program {
            Program::Holdfast => "holdfast",
            Program::Keepalived => "keepalived",
        },
        format!("{role:?}").to_lowercase(),
        sent,
        used.as_secs_f64() / span.as_secs_f64() * 100.0,
        format!("{began} -> {ended}"),
        transitions,
        match role {
            Role::Master => format!(
                "{} {} {}",
                millis(per_mille(&late, 500)),
                millis(per_mille(&late, 990)),
                millis(late.last().copied().unwrap_or_default())
            ),
            Role::Backup => "-".to_owned(),
        },
    );
    Ok(())
}
