//! Configurations of the pair under test, and the pair itself at work.

use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::lab::daemon::wait_for_address;
use crate::lab::poller::Report;
use crate::lab::process::Line;
use crate::lab::stream::EchoServer;
use crate::lab::vip_watch::Verdict;
use crate::lab::wait::{wait_until, watch_for};
use crate::lab::{
    A, B, Daemon, GATEWAY, Lab, LabError, Poller, Program, Result, VIP, VipWatch, WebServer,
};

/// Priority of director a and b.
pub(crate) const PRIORITIES: [u8; 2] = [150, 100];

/// RFC 3768 §6.1: three advertisement intervals and the skew time of priority 100.
pub(crate) const MASTER_DOWN_100: Duration = Duration::from_millis(3610);
/// What a loaded machine may add to a time of the protocol.
pub(crate) const SCHEDULING: Duration = Duration::from_millis(50);
/// How long after a fault the address is watched.
pub(crate) const AFTERMATH: Duration = Duration::from_secs(10);

/// Port of the service that echoes.
pub(crate) const ECHO: u16 = 7;

/// The two virtual routers of a NAT director, moving together.
pub(crate) fn routers(director: usize) -> String {
    routers_with(director, "", "")
}

/// As [`routers`], with more lines in `global_defs` and in each instance.
pub(crate) fn routers_with(director: usize, global: &str, more: &str) -> String {
    let priority = PRIORITIES[director];
    let name = ["a", "b"][director];
    let mut text = format!(
        "global_defs {{\n    router_id {name}\n    script_user root\n    {global}\n}}\n\
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

/// The web service at the VIP over both real servers, which are asked for a page every second.
pub(crate) fn web(scheduler: &str, weights: [u32; 2]) -> String {
    let mut text = format!(
        "virtual_server {VIP} 80 {{\n    delay_loop 1\n    lb_algo {scheduler}\n    \
         lb_kind NAT\n    protocol TCP\n"
    );
    for (host, weight) in [(11, weights[0]), (12, weights[1])] {
        write!(
            text,
            "    real_server 10.78.0.{host} 80 {{\n        weight {weight}\n        HTTP_GET {{\n            \
             url {{\n                path /\n                status_code 200\n            }}\n            \
             connect_timeout 1\n            retry 1\n            delay_before_retry 1\n        }}\n    }}\n"
        )
        .expect("writing to a string");
    }
    text + "}\n"
}

/// The echo service at the VIP.
pub(crate) fn echo() -> String {
    let mut text = format!(
        "virtual_server {VIP} {ECHO} {{\n    delay_loop 1\n    lb_algo rr\n    lb_kind NAT\n    \
         protocol TCP\n"
    );
    for host in [11, 12] {
        write!(
            text,
            "    real_server 10.78.0.{host} {ECHO} {{\n        weight 1\n        TCP_CHECK {{\n            \
             connect_timeout 1\n            retry 1\n            delay_before_retry 1\n        }}\n    }}\n"
        )
        .expect("writing to a string");
    }
    text + "}\n"
}

/// Routers, web and echo service of a director.
pub(crate) fn director(director: usize) -> String {
    routers(director) + &web("rr", [1, 1]) + &echo()
}

/// As [`director`], with hellos every second, so that a stopped child is noticed within seconds.
pub(crate) fn with_fast_hello(director: usize) -> String {
    routers_with(director, "hello_interval 1", "") + &web("rr", [1, 1]) + &echo()
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
        let started = Instant::now();
        for address in [VIP, GATEWAY] {
            wait_for_address(&lab.directors[A], address, Duration::from_secs(8))
                .map_err(|error| pair.with_log(A, &error))?;
        }
        println!(
            "a is master {:.3} s after its start",
            started.elapsed().as_secs_f64()
        );
        Ok(pair)
    }

    fn with_log(&self, director: usize, error: &LabError) -> LabError {
        let log = self.daemons[director].log().tail(60);
        LabError::Failed(format!(
            "{error}; the log of {} ends:\n{log}",
            ["a", "b"][director]
        ))
    }
}

/// The whole installation at work: a pair of ours, real servers, a client, and the VIP watched.
/// Fields drop in this order.
pub(crate) struct Scene {
    pub(crate) poller: Poller,
    pub(crate) watch: VipWatch,
    pub(crate) pair: Pair,
    pub(crate) web: [Option<WebServer>; 2],
    _echo: [EchoServer; 2],
    pub(crate) lab: Lab,
}

impl Scene {
    pub(crate) fn start(config: impl Fn(usize) -> String) -> Result<Self> {
        let lab = Lab::new()?;
        let web = [
            Some(lab.start_real_server(0)?),
            Some(lab.start_real_server(1)?),
        ];
        let echo = [
            EchoServer::start(&lab.real_servers[0].ns, ECHO, b'1')?,
            EchoServer::start(&lab.real_servers[1].ns, ECHO, b'2')?,
        ];
        let watch = VipWatch::start(&lab, VIP)?;
        let pair = Pair::start(&lab, Program::Holdfast, config)?;
        let poller = Poller::start(&lab.client, VIP, 80)?;
        let scene = Self {
            poller,
            watch,
            pair,
            web,
            _echo: echo,
            lab,
        };
        scene.wait_for_both_servers()?;
        Ok(scene)
    }

    /// Waits until both real servers answered attempts of at most half a second ago, all started
    /// from now on, and none of these failed.
    pub(crate) fn wait_for_both_servers(&self) -> Result<()> {
        let start = Instant::now();
        wait_until(
            "answers from both real servers",
            Duration::from_secs(12),
            || {
                let recent = Instant::now().checked_sub(Duration::from_millis(500));
                let seen = self
                    .poller
                    .so_far()
                    .since(recent.map_or(start, |from| from.max(start)));
                seen.by_server().len() == 2 && seen.failures() == 0
            },
        )
        .map_err(|error| {
            let reasons = self.poller.so_far().reasons();
            let error = LabError::Failed(format!("{error}; the client saw {reasons:?}"));
            self.pair.with_log(A, &error)
        })
    }

    /// Watches the address from `fault` until the aftermath is over, prints and judges it.
    pub(crate) fn vip_on_one_node_only(&self, fault: Instant) -> Verdict {
        watch_for((fault + AFTERMATH).saturating_duration_since(Instant::now()));
        let verdict = self.watch.verdict(fault, Instant::now());
        println!(
            "VIP on both nodes {:?}, on none {:?}, double ARP answers {}, claims a {} b {}",
            verdict.both,
            verdict.nobody,
            verdict.double_answers,
            verdict.answered_by[A],
            verdict.answered_by[B]
        );
        assert!(
            verdict.both.is_zero(),
            "the VIP was on both nodes for {:?}",
            verdict.both
        );
        assert_eq!(
            verdict.double_answers, 0,
            "both nodes answered ARP for the VIP"
        );
        assert_eq!(verdict.strangers, 0, "a stranger answered ARP for the VIP");
        verdict
    }

    pub(crate) fn log_since(&self, director: usize, from: Instant) -> Vec<Line> {
        self.pair.daemons[director].log().since(from)
    }
}

/// One line about what the client saw.
pub(crate) fn print_report(what: &str, report: &Report) {
    println!(
        "{what}: {} answered {:?}, {} failed {:?}, longest silence {:?}",
        report.answers(),
        report.by_server(),
        report.failures(),
        report.reasons(),
        report.longest_gap().0
    );
}
