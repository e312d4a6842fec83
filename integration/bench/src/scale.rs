//! What many virtual routers cost, and how punctual their adverts are.
//!
//! One node is master of all, 250 virtual routers on each of as many interfaces as it takes. Ours and keepalived
//! take turns for each size and interval.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::capture::{self, Capture};
use crate::lab::cleanup::{Record, Turn};
use crate::lab::wait::{wait_for, wait_until, watch_for};
use crate::lab::{LabError, Program, Result};
use crate::measure::{BusyLoops, cpu, memory, millis, per_mille};
use crate::node::{PRIORITY, Policy, Setup, configuration, start, wire};

/// For all of them to become master.
const START_LIMIT: Duration = Duration::from_secs(180);

struct Figures {
    cpu: f64,
    memory: u64,
    start: Duration,
    reload: Duration,
    quiet: Vec<Duration>,
    busy: Vec<Duration>,
}

/// `COUNTS="1 100"`, `INTERVALS="100 1000"` (milliseconds), `SPAN=20` (seconds for each figure) and
/// `BENCH_SHARED=1` (do not wait for the machine to be free of labs) change what is measured.
pub(crate) fn run() -> Result<()> {
    let numbers = |name: &str, default: &str| -> Vec<u64> {
        let text = std::env::var(name).unwrap_or_else(|_| default.to_owned());
        text.split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect()
    };
    let span = Duration::from_secs(numbers("SPAN", "20").first().copied().unwrap_or(20));
    let _turn = match std::env::var_os("BENCH_SHARED") {
        Some(_) => Turn::shared()?,
        None => Turn::alone()?,
    };
    println!(
        "{:>5} {:>6} {:<11} {:<8} {:>6} {:>8} {:>7} {:>7}   {:^22}   {:^22}",
        "",
        "",
        "",
        "",
        "CPU",
        "memory",
        "start",
        "reload",
        "late, quiet (ms)",
        "late, busy cores (ms)"
    );
    println!(
        "{:>5} {:>6} {:<11} {:<8} {:>6} {:>8} {:>7} {:>7}   {:>6} {:>6} {:>8}   {:>6} {:>6} {:>8}",
        "count",
        "advert",
        "program",
        "policy",
        "%",
        "KiB",
        "s",
        "s",
        "p50",
        "p99",
        "max",
        "p50",
        "p99",
        "max"
    );
    for count in numbers("COUNTS", "1 100 500 2000") {
        for interval in numbers("INTERVALS", "1000 100") {
            for policy in [Policy::Default, Policy::RealTime] {
                for program in [Program::Keepalived, Program::Holdfast] {
                    let setup = Setup {
                        program,
                        count: usize::try_from(count).unwrap_or(1),
                        interval: Duration::from_millis(interval),
                        policy,
                    };
                    match measure(&setup, span) {
                        Ok(figures) => print(&setup, &figures),
                        Err(error) => println!("{setup:?}: {error}"),
                    }
                }
            }
        }
    }
    Ok(())
}

fn print(setup: &Setup, it: &Figures) {
    let late = |times: &[Duration]| {
        format!(
            "{:>6} {:>6} {:>8}",
            millis(per_mille(times, 500)),
            millis(per_mille(times, 990)),
            millis(times.last().copied().unwrap_or_default())
        )
    };
    println!(
        "{:>5} {:>6} {:<11} {:<8} {:>6.2} {:>8} {:>7.2} {:>7.2}   {}   {}",
        setup.count,
        format!("{}ms", setup.interval.as_millis()),
        match setup.program {
            Program::Holdfast => "holdfast",
            Program::Keepalived => "keepalived",
        },
        match setup.policy {
            Policy::Default => "default",
            Policy::RealTime => "rt 50",
        },
        it.cpu,
        it.memory,
        it.start.as_secs_f64(),
        it.reload.as_secs_f64(),
        late(&it.quiet),
        late(&it.busy),
    );
}

fn measure(setup: &Setup, span: Duration) -> Result<Figures> {
    let record = Record::register()?;
    let result = measure_in(setup, span, &record);
    record.tear_down();
    result
}

fn measure_in(setup: &Setup, span: Duration, record: &Record) -> Result<Figures> {
    let (node, peer) = (record.namespace("node")?, record.namespace("peer")?);
    wire(&node, &peer, setup.count)?;
    let path = record.dir().join("node.conf");
    fs::write(&path, configuration(setup, 1))?;
    let capture = Capture::start(&peer)?;
    let started = capture::now()?;
    let process = start(setup, &node, record)?;
    let all_are_heard = || {
        capture.with(|arrivals| {
            let last = arrivals.values().filter_map(|of_router| of_router.first());
            (arrivals.len() == setup.count)
                .then(|| last.map(|first| first.at).max())
                .flatten()
        })
    };
    let last = wait_for("all to be master", START_LIMIT, all_are_heard)
        .map_err(|error| LabError::Failed(format!("{error}\n{}", process.log().tail(20))))?;
    let skew = setup.interval * (256 - PRIORITY) / 256;
    let start = last
        .saturating_sub(started)
        .saturating_sub(setup.interval * 3 + skew);
    // Gratuitous ARP comes again after 5 s.
    watch_for(Duration::from_secs(7));

    let (before, from) = (cpu(&node), capture::now()?);
    watch_for(span);
    let (after, to) = (cpu(&node), capture::now()?);
    let share = after.saturating_sub(before).as_secs_f64() / (to - from).as_secs_f64() * 100.0;
    let quiet = capture.lateness(setup.interval, from, to);
    let memory = memory(&node);
    let busy = {
        let _loops = BusyLoops::start()?;
        let from = capture::now()?;
        watch_for(span);
        capture.lateness(setup.interval, from, capture::now()?)
    };

    fs::write(&path, configuration(setup, 2))?;
    let from = capture::now()?;
    process.signal(Signal::SIGHUP)?;
    let changed = || {
        capture.with(|arrivals| {
            let mut all = arrivals.values().filter_map(|of_router| of_router.last());
            all.any(|last| last.addresses == 2)
        })
    };
    wait_until("the reload", Duration::from_secs(30), changed)
        .map_err(|error| LabError::Failed(format!("{error}\n{}", process.log().tail(20))))?;
    let reload = capture::now()?.saturating_sub(from);
    Ok(Figures {
        cpu: share,
        memory,
        start,
        reload,
        quiet,
        busy,
    })
}
