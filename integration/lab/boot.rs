//! Two nodes that boot together, and one of them is reloaded in its first second.

use std::fs;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::cleanup::Record;
use super::daemon::binary;
use super::process::Process;
use super::wait::{wait_until, watch_for};
use super::{LabError, Namespace, Result};

const VIP: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 100);
/// A loaded machine may take this long beyond the protocol's time.
const PATIENCE: Duration = Duration::from_secs(15);

/// For a VRRP child to be replaced on a loaded machine.
const RESTART: Duration = Duration::from_secs(1);

/// One run, made from its number alone.
#[derive(Clone, Copy, Debug)]
struct Plan {
    interval: Duration,
    version: u32,
    starts: [Duration; 2],
    reloads: (usize, Duration),
    nopreempt: bool,
}

impl Plan {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut millis = |limit| Duration::from_millis(random.u64(0..limit));
        let starts = [millis(2000), millis(2000)];
        let after = millis(1000);
        let fast = random.u8(0..4) != 0;
        Self {
            interval: Duration::from_millis(if fast { 100 } else { 1000 }),
            version: if fast { 3 } else { 2 },
            starts,
            reloads: (random.usize(0..2), after),
            nopreempt: random.bool(),
        }
    }
}

/// Runs so many of them, several at a time, and returns what each failed one said.
pub fn many(count: usize, at_a_time: usize, first_seed: u64) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..at_a_time {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let seed = first_seed + number as u64;
                    if let Err(error) = once(seed)
                        && let Ok(mut failures) = failures.lock()
                    {
                        failures.push(format!("seed {seed}: {error}"));
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap_or_default()
}

/// Boots a pair; fails unless exactly one of them is master and stays it.
pub fn once(seed: u64) -> Result<()> {
    let record = Record::register()?;
    let result = boot(&record, &Plan::new(seed));
    record.tear_down();
    result
}

fn boot(record: &Record, plan: &Plan) -> Result<()> {
    let nodes = [record.namespace("a")?, record.namespace("b")?];
    nodes[0].ip(&format!(
        "link add eth0 type veth peer name eth0 netns {}\n",
        nodes[1].name()
    ))?;
    for (index, node) in nodes.iter().enumerate() {
        node.ip(&format!(
            "link set lo up\naddr add 10.79.0.{}/24 dev eth0\nlink set eth0 up\n",
            index + 1
        ))?;
    }
    let mut daemons: [Option<Process>; 2] = [None, None];
    let begin = Instant::now();
    let first = usize::from(plan.starts[1] < plan.starts[0]);
    let (reloaded, after) = plan.reloads;
    let mut events = vec![
        (plan.starts[first], Event::Start(first)),
        (plan.starts[1 - first], Event::Start(1 - first)),
        (plan.starts[reloaded] + after, Event::Reload(reloaded)),
    ];
    events.sort_by_key(|(at, _)| *at);
    for (at, event) in events {
        watch_for(at.saturating_sub(begin.elapsed()));
        match event {
            Event::Start(node) => daemons[node] = Some(start(record, &nodes[node], node, plan)?),
            Event::Reload(node) => {
                if let Some(daemon) = &daemons[node] {
                    // Before the daemon has its handler, the signal would end it: as an operator's would.
                    daemon
                        .log()
                        .wait_for(begin, "Starting", Duration::from_secs(5))
                        .ok();
                    daemon.signal(Signal::SIGHUP)?;
                }
            }
        }
    }
    let masters = || nodes.iter().filter(|node| node.has_address(VIP)).count();
    let fail = |what: String| {
        let logs: Vec<String> = daemons
            .iter()
            .flatten()
            .map(|it| it.log().tail(25))
            .collect();
        LabError::Failed(format!("{what}: {plan:?}\n{}", logs.join("\n")))
    };
    wait_until("one master", plan.interval * 8 + PATIENCE, || {
        masters() == 1
    })
    .map_err(|error| fail(error.to_string()))?;
    // A better one that has just booted may still take over; then nothing changes any more.
    watch_for(plan.interval * 5);
    match masters() {
        1 => Ok(()),
        // A machine that stalls longer than a lease lasts costs its node the addresses at any time; the protocol says
        // how soon somebody has them again: three adverts and the skew, or, where both have stalled, after a new start.
        0 => wait_until("a master again", plan.interval * 4 + RESTART, || {
            masters() == 1
        })
        .map_err(|error| fail(format!("no master: {error}"))),
        count => Err(fail(format!("{count} masters"))),
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Start(usize),
    Reload(usize),
}

fn start(record: &Record, ns: &Namespace, node: usize, plan: &Plan) -> Result<Process> {
    let name = ["a", "b"][node];
    let config = record.dir().join(format!("{name}.conf"));
    let nopreempt = if plan.nopreempt { "nopreempt" } else { "" };
    fs::write(
        &config,
        format!(
            "global_defs {{\n    router_id {name}\n    vrrp_version {}\n}}\n\
             vrrp_instance VI_1 {{\n    state BACKUP\n    interface eth0\n    virtual_router_id 51\n    \
             priority {}\n    advert_int {}\n    {nopreempt}\n    virtual_ipaddress {{\n        {VIP}/24\n    }}\n}}\n",
            plan.version,
            [150, 100][node],
            plan.interval.as_secs_f64(),
        ),
    )?;
    let run = record.dir().join(name);
    let arguments = [
        "-n".to_owned(),
        "-l".to_owned(),
        "-D".to_owned(),
        "-f".to_owned(),
        config.display().to_string(),
        "--run-directory".to_owned(),
        run.display().to_string(),
    ];
    Process::spawn(ns, name, &binary("holdfastd"), &arguments)
}
