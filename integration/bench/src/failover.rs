//! How long a client waits when the master goes, and whether two nodes had the address.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::lab::cleanup::Turn;
use crate::lab::daemon::{ChildKind, fence, wait_for_address};
use crate::lab::wait::{wait_until, watch_for};
use crate::lab::{A, B, Daemon, Lab, LabError, Program, Result, VIP, VipWatch};
use crate::measure::millis;
use crate::pinger::Pinger;

const PRIORITIES: [u32; 2] = [150, 100];
/// After a takeover: whoever is late shows himself.
const AFTERMATH: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Happens {
    Sigterm,
    SigkillOfTheChild,
    SigkillOfEverything,
    SigstopOfTheChild,
    LinkDown,
}

#[derive(Clone, Copy, Debug)]
struct Timing {
    name: &'static str,
    version: u32,
    interval: Duration,
}

const TIMINGS: [Timing; 3] = [
    Timing {
        name: "v2 1s",
        version: 2,
        interval: Duration::from_secs(1),
    },
    Timing {
        name: "v3 100ms",
        version: 3,
        interval: Duration::from_millis(100),
    },
    Timing {
        name: "v3 10ms",
        version: 3,
        interval: Duration::from_millis(10),
    },
];

#[derive(Default)]
struct Seen {
    gaps: Vec<Duration>,
    both: Duration,
    double_answers: usize,
}

/// `REPEAT=20`; `ONLY="v3 100ms"` chooses one timing, `EVENT="link down"` one event; `BENCH_SHARED=1` does not wait for a
/// free machine.
pub(crate) fn run() -> Result<()> {
    let repeat = std::env::var("REPEAT")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20);
    let only = std::env::var("ONLY").ok();
    let event = std::env::var("EVENT").ok();
    println!(
        "{:<9} {:<22} {:<11} {:>9} {:>9} {:>9} {:>11} {:>8}",
        "", "", "", "protocol", "median", "max", "on both", "double"
    );
    println!(
        "{:<9} {:<22} {:<11} {:>9} {:>9} {:>9} {:>11} {:>8}",
        "adverts", "event", "program", "ms", "gap ms", "gap ms", "nodes ms", "answers"
    );
    for timing in TIMINGS {
        if only.as_deref().is_some_and(|only| only != timing.name) {
            continue;
        }
        for happens in Happens::ALL {
            if event
                .as_deref()
                .is_some_and(|event| event != happens.name())
            {
                continue;
            }
            for program in [Program::Keepalived, Program::Holdfast] {
                let seen = repeated(timing, happens, program, repeat)?;
                print(timing, happens, program, seen);
            }
        }
    }
    Ok(())
}

fn print(timing: Timing, happens: Happens, program: Program, mut seen: Seen) {
    seen.gaps.sort_unstable();
    println!(
        "{:<9} {:<22} {:<11} {:>9} {:>9} {:>9} {:>11} {:>8}",
        timing.name,
        happens.name(),
        match program {
            Program::Holdfast => "holdfast",
            Program::Keepalived => "keepalived",
        },
        millis(happens.protocol(timing)),
        millis(seen.gaps[seen.gaps.len() / 2]),
        millis(seen.gaps.last().copied().unwrap_or_default()),
        millis(seen.both),
        seen.double_answers,
    );
}

impl Happens {
    const ALL: [Self; 5] = [
        Self::Sigterm,
        Self::SigkillOfTheChild,
        Self::SigkillOfEverything,
        Self::SigstopOfTheChild,
        Self::LinkDown,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Sigterm => "SIGTERM",
            Self::SigkillOfTheChild => "SIGKILL of the child",
            Self::SigkillOfEverything => "SIGKILL of everything",
            Self::SigstopOfTheChild => "SIGSTOP of the child",
            Self::LinkDown => "link down",
        }
    }

    /// The longest time that the backup waits (RFC 3768 §6.1, RFC 5798 §6.1).
    fn protocol(self, timing: Timing) -> Duration {
        let unit = if timing.version == 2 {
            Duration::from_secs(1)
        } else {
            timing.interval
        };
        let skew = unit * (256 - PRIORITIES[B]) / 256;
        match self {
            Self::Sigterm => skew,
            Self::SigkillOfTheChild
            | Self::SigkillOfEverything
            | Self::SigstopOfTheChild
            | Self::LinkDown => timing.interval * 3 + skew,
        }
    }
}

fn repeated(timing: Timing, happens: Happens, program: Program, repeat: usize) -> Result<Seen> {
    let turn = || match std::env::var_os("BENCH_SHARED") {
        Some(_) => Turn::shared(),
        None => Turn::alone(),
    };
    let lab = Lab::with_turn(turn()?)?;
    let watch = VipWatch::start(&lab, VIP)?;
    let pinger = Pinger::start(&lab.client, VIP)?;
    let mut a = start(&lab, A, program, timing)?;
    let _b = start(&lab, B, program, timing)?;
    let mut seen = Seen::default();
    for _ in 0..repeat {
        settled(&lab, &pinger, &a)?;
        // At any moment of an interval.
        watch_for(timing.interval.mul_f64(fastrand::f64()));
        let from = Instant::now();
        happen(happens, &lab, &mut a, &watch)?;
        let over = match (happens, program) {
            // The address stays: nobody takes it away from a keepalived that was killed.
            (Happens::SigkillOfTheChild, _) => timing.interval * 7 + AFTERMATH,
            _ => {
                wait_for_address(&lab.directors[B], VIP, Duration::from_secs(20))?;
                AFTERMATH
            }
        };
        watch_for(over);
        let to = Instant::now();
        let verdict = watch.verdict(from, to);
        // The request before the event counts.
        seen.gaps
            .push(pinger.longest_gap(from - Duration::from_millis(15)));
        seen.both = seen.both.max(verdict.both);
        seen.double_answers += verdict.double_answers;
        a = restore(happens, &lab, a, &watch, program, timing)?;
    }
    Ok(seen)
}

fn happen(happens: Happens, lab: &Lab, a: &mut Daemon, watch: &VipWatch) -> Result<()> {
    match happens {
        Happens::Sigterm => a.signal(Signal::SIGTERM),
        Happens::SigkillOfTheChild => a.signal_child(ChildKind::Vrrp, Signal::SIGKILL).map(drop),
        Happens::SigkillOfEverything => {
            a.kill_tree();
            // What the unit's ExecStopPost does.
            if a.program() == Program::Holdfast {
                fence(&lab.directors[A])?;
            }
            Ok(())
        }
        Happens::SigstopOfTheChild => a.signal_child(ChildKind::Vrrp, Signal::SIGSTOP).map(drop),
        Happens::LinkDown => {
            watch.cut(A);
            lab.cut(A)
        }
    }
}

/// A new daemon on director a where there is no sound one.
fn restore(
    happens: Happens,
    lab: &Lab,
    mut a: Daemon,
    watch: &VipWatch,
    program: Program,
    timing: Timing,
) -> Result<Daemon> {
    match happens {
        Happens::LinkDown => {
            lab.uncut(A)?;
            watch.uncut(A);
            Ok(a)
        }
        // A child that dies again and again is started with growing delays: not what is measured.
        Happens::Sigterm
        | Happens::SigkillOfTheChild
        | Happens::SigkillOfEverything
        | Happens::SigstopOfTheChild => {
            a.kill_tree();
            drop(a);
            lab.directors[A]
                .ns
                .ip(&format!("addr flush dev eth0 to {VIP}/32\n"))?;
            start(lab, A, program, timing)
        }
    }
}

/// Director a alone has the address, and the client is answered.
fn settled(lab: &Lab, pinger: &Pinger, a: &Daemon) -> Result<()> {
    let has = |director: usize| lab.directors[director].ns.has_address(VIP);
    let is_settled = || has(A) && !has(B) && pinger.is_answered_for(Duration::from_millis(300));
    wait_until(
        "a to be the only master",
        Duration::from_secs(30),
        is_settled,
    )
    .map_err(|error| LabError::Failed(format!("{error}\n{}", a.log().tail(30))))
}

fn start(lab: &Lab, director: usize, program: Program, timing: Timing) -> Result<Daemon> {
    let config = format!(
        "global_defs {{\n    router_id {director}\n    vrrp_version {}\n}}\n\
         vrrp_instance VI_1 {{\n    state BACKUP\n    interface eth0\n    virtual_router_id 51\n    \
         priority {}\n    advert_int {}\n    virtual_ipaddress {{\n        {VIP}/24\n    }}\n}}\n",
        timing.version,
        PRIORITIES[director],
        timing.interval.as_secs_f64(),
    );
    // keepalived takes the pid files of children that were killed for a daemon that runs.
    for name in ["keepalived.pid", "vrrp.pid"] {
        std::fs::remove_file(lab.directors[director].run.join(name)).ok();
    }
    Daemon::start(program, &lab.directors[director], &config)
}
