//! Ten thousand requests through the data plane. These tests fill the machine, so each has it alone.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::lab::process::Process;
use crate::lab::wait::wait_until;
use crate::lab::{A, Daemon, Lab, LabError, Namespace, Poller, Program, Result, VIP, WebServer};
use crate::pair;

/// Counts answers by body and stops after so many requests.
const SCRIPT: &str = r#"
local wanted = REQUESTS
answered, rs1, rs2, other = 0, 0, 0, 0
local main
function setup(thread) main = thread end
function response(status, headers, body)
    answered = answered + 1
    if status == 200 and body == "rs1\n" then rs1 = rs1 + 1
    elseif status == 200 and body == "rs2\n" then rs2 = rs2 + 1
    else other = other + 1 end
    if answered == wanted then
        wrk.thread:stop()
        io.write("ENOUGH\n")
        io.flush()
    end
end
function done(summary)
    local e = summary.errors
    io.write(string.format("RESULT %d %d %d %d %d %d %d\n",
        main:get("rs1"), main:get("rs2"), main:get("other"), e.connect, e.read, e.write, e.timeout))
end
"#;

#[derive(Clone, Copy, Debug)]
struct Outcome {
    by_server: [u64; 2],
    other: u64,
    connect: u64,
    read: u64,
    write: u64,
    timeout: u64,
}

impl Outcome {
    fn failures(self) -> u64 {
        self.other + self.connect + self.read + self.write + self.timeout
    }

    fn answers(self) -> u64 {
        self.by_server[0] + self.by_server[1]
    }

    fn parse(text: &str) -> Result<Self> {
        let line = text.lines().find_map(|line| line.strip_prefix("RESULT "));
        let numbers: Vec<u64> = line
            .unwrap_or_default()
            .split(' ')
            .filter_map(|number| number.parse().ok())
            .collect();
        let [rs1, rs2, other, connect, read, write, timeout] = numbers[..] else {
            return Err(LabError::Failed(format!("wrk said:\n{text}")));
        };
        Ok(Self {
            by_server: [rs1, rs2],
            other,
            connect,
            read,
            write,
            timeout,
        })
    }
}

/// Connections that wrk keeps open, and so the most that can be lost with a real server.
const CONNECTIONS: u64 = 100;

/// wrk with [`CONNECTIONS`] inside the client, until `requests` are answered.
fn wrk(lab: &Lab, requests: u32) -> Result<Process> {
    let script = lab.file(
        "count.lua",
        &SCRIPT.replace("REQUESTS", &requests.to_string()),
    )?;
    let script = script.display().to_string();
    let url = format!("http://{VIP}/");
    let connections = format!("-c{CONNECTIONS}");
    let arguments = [
        "-t1",
        &connections,
        "-d60s",
        "--timeout",
        "5s",
        "-s",
        &script,
        "-H",
        "Connection: close",
        &url,
    ];
    Process::spawn(&lab.client, "wrk", "wrk", &arguments)
}

/// Waits until wrk has its answers; left alone it would sit out its whole minute.
fn outcome(mut wrk: Process, started: Instant) -> Result<Outcome> {
    let log = wrk.log();
    let enough = log.wait_for(started, "ENOUGH", Duration::from_secs(55))?;
    wrk.signal(Signal::SIGINT)?;
    wrk.wait(Duration::from_secs(10))?;
    wait_until("wrk's result", Duration::from_secs(1), || {
        log.contains("RESULT")
    })
    .map_err(|_| LabError::Failed(format!("wrk said:\n{}", log.tail(20))))?;
    let outcome = Outcome::parse(
        &log.lines()
            .iter()
            .map(|l| l.text.clone() + "\n")
            .collect::<String>(),
    )?;
    println!("{outcome:?} in {:?}", enough.at - started);
    Ok(outcome)
}

/// One director with the web service and both real servers.
fn set(lab: &Lab, config: &str) -> Result<(Daemon, [WebServer; 2])> {
    let servers = [lab.start_real_server(0)?, lab.start_real_server(1)?];
    let daemon = Daemon::start(Program::Holdfast, &lab.directors[A], config)?;
    daemon.wait_for_master(daemon.started(), Duration::from_secs(6))?;
    let poller = Poller::start(&lab.client, VIP, 80)?;
    wait_until(
        "answers from both real servers",
        Duration::from_secs(8),
        || poller.so_far().by_server().len() == 2,
    )
    .map_err(|error| LabError::Failed(format!("{error}\n{}", daemon.log().tail(30))))?;
    poller.finish();
    Ok((daemon, servers))
}

fn ten_thousand(scheduler: &str, weights: [u32; 2]) -> Result<()> {
    let lab = Lab::alone()?;
    let _set = set(&lab, &(pair::routers(A) + &pair::web(scheduler, weights)))?;
    let started = Instant::now();
    let outcome = outcome(wrk(&lab, 10_000)?, started)?;
    assert_eq!(outcome.failures(), 0, "{outcome:?}");
    assert!(outcome.answers() >= 10_000);
    let total = f64::from(weights[0] + weights[1]);
    for (count, weight) in outcome.by_server.into_iter().zip(weights) {
        #[expect(clippy::cast_precision_loss, reason = "ten thousand fits")]
        let share = count as f64 / outcome.answers() as f64;
        let wanted = f64::from(weight) / total;
        println!("share {share:.4}, wanted {wanted:.4}");
        assert!(
            (share - wanted).abs() <= 0.01,
            "share {share}, wanted {wanted}"
        );
    }
    Ok(())
}

#[test]
fn ten_thousand_requests_by_rr_have_no_error_and_equal_shares() -> Result<()> {
    ten_thousand("rr", [1, 1])
}

#[test]
fn ten_thousand_requests_by_wrr_have_no_error_and_shares_by_weight() -> Result<()> {
    ten_thousand("wrr", [3, 1])
}

/// Connections that a real server has open at its web port now.
fn open_connections(ns: &Namespace) -> u64 {
    let table = ns.enter(|| fs::read_to_string("/proc/thread-self/net/tcp"));
    let Ok(Ok(table)) = table else { return 0 };
    let open = table
        .lines()
        .skip(1)
        .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>())
        // Local port 80 in any state that is not LISTEN (0A) or TIME_WAIT (06).
        .filter(|fields| fields.len() > 3 && fields[1].ends_with(":0050"))
        .filter(|fields| fields[3] != "0A" && fields[3] != "06")
        .count();
    u64::try_from(open).unwrap_or(u64::MAX)
}

#[test]
fn a_server_taken_out_and_stopped_under_load_costs_at_most_its_open_connections() -> Result<()> {
    let lab = Lab::alone()?;
    // A check of its own says when the server goes, before its program is stopped.
    let flag = lab.file("rs2-in-service", "")?;
    let config = pair::routers(A)
        + &pair::web("rr", [1, 1]).replacen(
            "real_server 10.78.0.12 80 {\n",
            &format!(
                "real_server 10.78.0.12 80 {{\n        MISC_CHECK {{\n            misc_path \"/usr/bin/test -e {}\"\n            \
                 misc_timeout 1\n        }}\n",
                flag.display()
            ),
            1,
        );
    let (daemon, [_rs1, rs2]) = set(&lab, &config)?;
    let from = Instant::now();
    let wrk = wrk(&lab, 60_000)?;
    wait_until("the load to begin", Duration::from_secs(5), || {
        open_connections(&lab.real_servers[1].ns) > 0
    })?;
    fs::remove_file(&flag)?;
    let out = daemon.log().wait_for(
        from,
        "Removing service [10.78.0.12]:tcp:80",
        Duration::from_secs(5),
    )?;
    let held = open_connections(&lab.real_servers[1].ns);
    rs2.kill();
    println!(
        "out after {:?}, stopped with {held} connections",
        out.at - from
    );
    let back = Instant::now();
    let _rs2 = lab.start_real_server(1)?;
    fs::write(&flag, "")?;
    daemon.log().wait_for(
        back,
        "Adding service [10.78.0.12]:tcp:80",
        Duration::from_secs(5),
    )?;
    let outcome = outcome(wrk, from)?;
    assert!(
        outcome.failures() <= held,
        "{} failures, {held} connections",
        outcome.failures()
    );
    Ok(())
}

#[test]
fn a_server_killed_under_load_costs_at_most_its_open_connections() -> Result<()> {
    let lab = Lab::alone()?;
    let config = pair::routers(A) + &pair::web("rr", [1, 1]);
    let (daemon, [_rs1, rs2]) = set(&lab, &config)?;
    let from = Instant::now();
    let wrk = wrk(&lab, 60_000)?;
    wait_until(
        "the load to be in full swing",
        Duration::from_secs(5),
        || open_connections(&lab.real_servers[1].ns) > 20,
    )?;
    // Nobody is told: for a second or two the check still takes it for alive, and every SYN is refused.
    let held = open_connections(&lab.real_servers[1].ns);
    let stopped = Instant::now();
    rs2.kill();
    let out = daemon.log().wait_for(
        stopped,
        "Removing service [10.78.0.12]:tcp:80",
        Duration::from_secs(10),
    )?;
    println!(
        "stopped {:?} after the begin with some {held} connections, out after {:?}",
        stopped - from,
        out.at - stopped
    );
    assert!(
        !wrk.log().contains("ENOUGH"),
        "the load was over before the server was out"
    );
    let back = Instant::now();
    let _rs2 = lab.start_real_server(1)?;
    daemon.log().wait_for(
        back,
        "Adding service [10.78.0.12]:tcp:80",
        Duration::from_secs(5),
    )?;
    let outcome = outcome(wrk, from)?;
    // More are opened between the count and the kill, but never more than wrk has.
    assert!(
        outcome.failures() <= CONNECTIONS,
        "{} failures, {held} connections",
        outcome.failures()
    );
    Ok(())
}
