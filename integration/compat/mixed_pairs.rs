//! The same story in every kind of virtual router, told by three pairs side by side: keepalived behind Holdfast,
//! Holdfast behind keepalived, and keepalived with itself as the model.
//!
//! `a` of priority 150 becomes master, is stopped, comes back and takes over again. What must agree with the model: the states of both
//! nodes in order, the calls of the notify script, the lines of the FIFO, and how often the client is told of the
//! address. No packet may be refused by either, and the client may not wait longer than with keepalived alone.

use std::fs;
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::fifo::Fifo;
use crate::lab::advert::Listener;
use crate::lab::wait::wait_until;
use crate::lab::{A, B, Daemon, Director, Lab, Program, Result, VIP, VipWatch};

/// Longest time to the next state, whatever the interval here.
const BOUND: Duration = Duration::from_secs(7);
const MASTER: &str = "Entering MASTER STATE";
const BACKUP: &str = "Entering BACKUP STATE";
/// A gap above keepalived's own that the load of the machine may make.
const SCHEDULING: Duration = Duration::from_millis(100);
const VIP_V6: Ipv6Addr = Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x100);

/// What makes one kind of virtual router differ from the others.
#[derive(Clone, Copy, Debug)]
struct Kind {
    /// Lines of the instance; `%PEER%` and `%OWN%` are the nodes' addresses.
    instance: &'static str,
    /// Its addresses.
    addresses: &'static str,
    /// Blocks beside it.
    blocks: &'static str,
    is_ipv6: bool,
    /// Second instances announce addresses of their own.
    instances: usize,
}

const VERSION_2: Kind = Kind {
    instance: "version 2",
    addresses: "10.77.0.100/24",
    blocks: "",
    is_ipv6: false,
    instances: 1,
};

/// What a pair did.
#[derive(Debug, Eq, PartialEq)]
struct Told {
    states_a: Vec<String>,
    states_b: Vec<String>,
    /// Arguments of `notify`, of each node in order.
    calls_a: Vec<String>,
    calls_b: Vec<String>,
    /// Lines of `vrrp_notify_fifo`, of each node.
    fifo_a: Vec<String>,
    fifo_b: Vec<String>,
    /// Gratuitous ARP or neighbour advertisements of `b` after it took over.
    announced: usize,
}

/// And how long it took.
struct Gaps {
    /// From SIGTERM to the other node's MASTER.
    stop: Duration,
    /// Longest time without an answer for the client.
    client: Duration,
    /// The IPv4 address on two nodes.
    both: Duration,
    /// What both nodes logged, to be read where a pair differs.
    logs: String,
}

impl Kind {
    fn text(&self, lab: &Lab, node: usize, priority: u8) -> Result<String> {
        let (own, peer) = (&lab.directors[node], &lab.directors[1 - node]);
        let script = notify_script(lab, own)?;
        let lines = self
            .instance
            .replace("%OWN%", &own.outside.to_string())
            .replace("%PEER%", &peer.outside.to_string());
        let mut text = format!(
            "global_defs {{\n    router_id node\n    script_user root\n    vrrp_notify_fifo {}\n}}\n{}\n",
            fifo(lab, own).display(),
            self.blocks
        );
        for index in 1..=self.instances {
            let addresses = if index == 1 {
                self.addresses.to_owned()
            } else {
                format!("10.77.0.{}/24", 100 + index)
            };
            text.push_str(&format!(
                "vrrp_instance VI_{index} {{\n    state BACKUP\n    interface eth0\n    virtual_router_id {}\n    \
                 priority {priority}\n    advert_int 1\n    {lines}\n    notify \"{script}\"\n    \
                 virtual_ipaddress {{\n        {addresses}\n    }}\n}}\n",
                50 + index,
            ));
        }
        Ok(text)
    }

    fn vip(&self) -> IpAddr {
        if self.is_ipv6 {
            VIP_V6.into()
        } else {
            VIP.into()
        }
    }

    /// Instances and their group: each has a line in the FIFO for each state.
    fn subjects(&self) -> usize {
        self.instances + usize::from(self.blocks.contains("vrrp_sync_group"))
    }

    fn is_announcement(&self, frame: &[u8], from: &Director) -> bool {
        if frame.len() < 42 || frame[6..12] != from.mac {
            return false;
        }
        if self.is_ipv6 {
            // ICMPv6 neighbour advertisement of the address that nobody asked for.
            frame.len() >= 86
                && frame[12..14] == [0x86, 0xdd]
                && frame[20] == 58
                && frame[54] == 136
                && frame[58] & 0x40 == 0
                && frame[62..78] == VIP_V6.octets()
        } else {
            // Sender and target are the address; an answer to the watch has the client as its target.
            frame[12..14] == [0x08, 0x06]
                && frame[28..32] == VIP.octets()
                && frame[38..42] == VIP.octets()
        }
    }
}

fn fifo(lab: &Lab, node: &Director) -> PathBuf {
    lab.dir().join(format!("{}.fifo", node.name))
}

/// Writes its arguments into a file of the node's own.
fn notify_script(lab: &Lab, node: &Director) -> Result<String> {
    let calls = lab.dir().join(format!("{}.calls", node.name));
    let text = format!("#!/bin/sh\necho \"$*\" >>{}\n", calls.display());
    let script = lab.file(&format!("{}.sh", node.name), &text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script.display().to_string())
}

fn calls(lab: &Lab, node: usize) -> Vec<String> {
    let path = lab
        .dir()
        .join(format!("{}.calls", lab.directors[node].name));
    let text = fs::read_to_string(path).unwrap_or_default();
    by_instance(text.lines().map(ToOwned::to_owned))
}

/// In the order of time within each instance: those of one group change together, and which of
/// them is written first is nobody's business.
fn by_instance(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut lines: Vec<String> = lines.collect();
    lines.sort_by_key(|line| {
        let at = line.find("VI_").unwrap_or_default();
        line[at..].chars().take(4).collect::<String>()
    });
    lines
}

/// `(VI_1) Entering MASTER STATE` and the like, without what is before it.
fn states(node: &Daemon) -> Vec<String> {
    let lines = node.log().since(node.started());
    let state = |text: &str| {
        let at = text.find("(VI_")?;
        text[at..]
            .contains("Entering ")
            .then(|| text[at..].trim().to_owned())
    };
    by_instance(lines.iter().filter_map(|line| state(&line.text)))
}

/// Neither may refuse what the other sends.
fn assert_understood(node: &Daemon) {
    for words in [
        "nvalid ",
        "mismatch",
        "already processed",
        "too short",
        "too long",
        "Expected ",
        "expected ",
        "not a unicast peer",
    ] {
        let lines = node.log().since(node.started());
        let refused: Vec<_> = lines
            .iter()
            .filter(|line| line.text.contains(words))
            .collect();
        assert!(refused.is_empty(), "{:?}: {refused:#?}", node.program());
    }
}

fn story(kind: Kind, programs: [Program; 2]) -> Result<(Told, Gaps)> {
    let lab = Lab::new()?;
    let text = [kind.text(&lab, A, 150)?, kind.text(&lab, B, 100)?];
    let start = |node: usize| Daemon::start(programs[node], &lab.directors[node], &text[node]);
    let mut fifos = [
        Fifo::create(&fifo(&lab, &lab.directors[A]))?,
        Fifo::create(&fifo(&lab, &lab.directors[B]))?,
    ];
    if kind.is_ipv6 {
        lab.client.ip("address add fd77::2/64 dev eth0 nodad\n")?;
    }
    let watch = VipWatch::start(&lab, VIP)?;
    let asker = Client::start(&lab, kind.vip())?;
    let client = Listener::open(&lab.client, "eth0")?;

    let mut node_a = start(A)?;
    node_a.log().wait_for(node_a.started(), BACKUP, BOUND)?;
    let node_b = start(B)?;
    node_a.wait_for_master(node_a.started(), BOUND)?;
    node_b.log().wait_for(node_b.started(), BACKUP, BOUND)?;
    assert!(!node_b.log().contains(MASTER), "b became master beside a");
    // What was sent at the first election is not of interest.
    client.frames_until(Instant::now() + Duration::from_millis(300), |_| false)?;

    let stopped = Instant::now();
    node_a.signal(nix::sys::signal::Signal::SIGTERM)?;
    let taken = node_b.wait_for_master(stopped, BOUND)?;
    let heir = &lab.directors[B];
    let announced = client.frames_until(taken + Duration::from_millis(500), |frame| {
        kind.is_announcement(frame, heir)
    })?;
    assert!(node_a.wait(BOUND)?.success());
    assert_understood(&node_a);
    let states_before = states(&node_a);

    let node_a = start(A)?;
    node_a.wait_for_master(node_a.started(), BOUND)?;
    let is_back = || node_b.log().count_since(taken, BACKUP) >= kind.instances;
    wait_until("b to be backup again", BOUND, is_back)?;
    let is_told = || {
        calls(&lab, B)
            .iter()
            .filter(|call| call.contains("BACKUP"))
            .count()
            >= 2 * kind.instances
    };
    wait_until("b's script to be called", BOUND, is_told)?;
    let expected = 5 * kind.instances;
    wait_until("a's script to be called", BOUND, || {
        calls(&lab, A).len() >= expected
    })?;
    for (node, states) in [(A, 5), (B, 3)] {
        wait_until("the lines of the FIFO", BOUND, || {
            fifos[node].lines().count() >= states * kind.subjects()
        })?;
    }
    let end = Instant::now();
    let [fifo_a, fifo_b] = fifos
        .each_mut()
        .map(|fifo| by_instance(fifo.lines().map(ToOwned::to_owned)));
    let both = watch.verdict(stopped, end).both;
    assert_understood(&node_a);
    assert_understood(&node_b);
    let mut states_a = states_before;
    states_a.extend(states(&node_a));
    let told = Told {
        states_a,
        states_b: states(&node_b),
        calls_a: calls(&lab, A),
        calls_b: calls(&lab, B),
        fifo_a,
        fifo_b,
        announced: announced.len(),
    };
    let gaps = Gaps {
        stop: taken - stopped,
        client: asker.longest_gap(stopped, end),
        both,
        logs: format!(
            "a:\n{}\nb:\n{}",
            node_a.log().tail(60),
            node_b.log().tail(60)
        ),
    };
    Ok((told, gaps))
}

/// All three pairs at once: they mostly wait.
fn pairs(kind: Kind) -> Result<()> {
    let (ours, theirs) = (Program::under_test(), Program::Keepalived);
    let rows = [[theirs, theirs], [ours, theirs], [theirs, ours]];
    let stories = rows.map(|programs| {
        let telling =
            thread::spawn(move || story(kind, programs).map_err(|error| error.to_string()));
        (programs, telling)
    });
    let mut told = Vec::new();
    for (programs, telling) in stories {
        match telling.join() {
            Ok(Ok(story)) => told.push((programs, story)),
            Ok(Err(error)) => panic!("{programs:?}: {error}"),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
    for (programs, (_, gaps)) in &told {
        println!(
            "{programs:?}: takeover {:?} after SIGTERM, the client's longest gap {:?}, address on both {:?}",
            gaps.stop, gaps.client, gaps.both
        );
    }
    let (_, (model, their_gaps)) = &told[0];
    assert!(
        model.announced > 0,
        "the model's announcements were not seen"
    );
    for (programs, (pair, gaps)) in &told[1..] {
        assert_eq!(
            pair, model,
            "{programs:?} beside keepalived with itself\n{}",
            gaps.logs
        );
        for (what, gap, their_gap) in [
            ("takeover", gaps.stop, their_gaps.stop),
            ("the client's gap", gaps.client, their_gaps.client),
        ] {
            let bound = their_gap + SCHEDULING;
            assert!(
                gap <= bound,
                "{programs:?}: {what} {gap:?}, keepalived {their_gap:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn version_2_without_authentication() -> Result<()> {
    pairs(VERSION_2)
}

#[test]
fn version_2_with_a_password() -> Result<()> {
    pairs(Kind {
        instance: "version 2\n    authentication {\n        auth_type PASS\n        auth_pass secret\n    }",
        ..VERSION_2
    })
}

#[test]
fn version_2_in_an_authentication_header() -> Result<()> {
    pairs(Kind {
        instance: "version 2\n    authentication {\n        auth_type AH\n        auth_pass secret\n    }",
        ..VERSION_2
    })
}

#[test]
fn version_2_by_unicast() -> Result<()> {
    pairs(Kind {
        instance: "version 2\n    unicast_src_ip %OWN%\n    unicast_peer {\n        %PEER%\n    }",
        ..VERSION_2
    })
}

#[test]
fn version_3_each_tenth_of_a_second() -> Result<()> {
    pairs(Kind {
        instance: "version 3\n    advert_int 0.1",
        ..VERSION_2
    })
}

#[test]
fn version_3_over_ipv6() -> Result<()> {
    pairs(Kind {
        instance: "version 3",
        addresses: "fe80::77:100/64\n        fd77::100/64",
        is_ipv6: true,
        ..VERSION_2
    })
}

#[test]
fn a_sync_group() -> Result<()> {
    pairs(Kind {
        blocks: "vrrp_sync_group G1 {\n    group {\n        VI_1\n        VI_2\n    }\n}",
        instances: 2,
        ..VERSION_2
    })
}
