//! The same events, told in the same words in the same order.

use std::time::{Duration, Instant};

use crate::lab::wait::watch_for;
use crate::lab::{A, B, Daemon, Lab, Program, Result};
use crate::router::{ELECTION, Router};

/// Lines about the virtual router and its interface, without the date; everything else (versions,
/// pids, start-up) is the program's own business.
fn told(daemon: &Daemon, from: Instant) -> Vec<String> {
    let mut lines = Vec::new();
    for line in daemon.log().since(from) {
        // `Www Mmm dd HH:MM:SS YYYY: message`
        let Some((_, message)) = line.text.split_once(": ") else {
            continue;
        };
        let ours = message.starts_with("(VI_1)")
            || message.starts_with("VRRP_")
            || message.starts_with("Sending gratuitous ARP")
            || message.starts_with("Netlink reports");
        // Newer keepalived names the master it follows; Debian's 2.2.7 does not yet.
        let newer =
            message.contains(") master set to ") || message.contains(") master changed from ");
        if ours && !newer {
            lines.push(message.to_owned());
        }
    }
    lines
}

/// A node of priority 150 whose peer is keepalived with 100: start, link lost, link back, stop.
fn master(program: Program) -> Result<Vec<String>> {
    let lab = Lab::new()?;
    let peer = Router::of_priority(100).start(&lab, B, Program::Keepalived)?;
    let mut node = Router::of_priority(150).start(&lab, A, program)?;
    node.wait_for_master(node.started(), ELECTION)?;
    // The second set of gratuitous ARP comes 5 s after the first.
    watch_for(Duration::from_millis(5500));
    let cut = Instant::now();
    lab.cut(A)?;
    node.log()
        .wait_for(cut, "Entering FAULT STATE", Duration::from_secs(2))?;
    peer.wait_for_master(cut, ELECTION)?;
    let back = Instant::now();
    lab.uncut(A)?;
    node.wait_for_master(back, ELECTION)?;
    watch_for(Duration::from_secs(1));
    node.terminate(Duration::from_secs(5))?;
    Ok(told(&node, node.started()))
}

/// A node of priority 100 whose peer is keepalived with 150: start, takeover, way back.
fn backup(program: Program) -> Result<Vec<String>> {
    let lab = Lab::new()?;
    let mut peer = Router::of_priority(150).start(&lab, A, Program::Keepalived)?;
    let node = Router::of_priority(100).start(&lab, B, program)?;
    peer.wait_for_master(peer.started(), ELECTION)?;
    watch_for(Duration::from_millis(1500));
    peer.terminate(Duration::from_secs(5))?;
    node.wait_for_master(node.started(), ELECTION)?;
    watch_for(Duration::from_millis(1500));
    let back = Instant::now();
    let _peer = Router::of_priority(150).start(&lab, A, Program::Keepalived)?;
    node.log()
        .wait_for(back, "Entering BACKUP STATE", ELECTION)?;
    watch_for(Duration::from_secs(1));
    Ok(told(&node, node.started()))
}

/// Lines one program repeats while the other is slow (`received lower priority … - discarding` once
/// per advert) count once.
fn without_repeats(lines: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for line in lines {
        if kept.last() != Some(&line) {
            kept.push(line);
        }
    }
    kept
}

/// Keepalived's own story is told up to three times: now and then it misses a line that depends on which of
/// two things it sees first. Ours is told once and has to be one of those that keepalived tells.
fn same(what: &str, story: fn(Program) -> Result<Vec<String>>) -> Result<()> {
    let ours = without_repeats(story(Program::under_test())?);
    let mut theirs = Vec::new();
    for _ in 0..3 {
        theirs = without_repeats(story(Program::Keepalived)?);
        println!("{what}, theirs {theirs:#?}");
        if theirs == ours {
            return Ok(());
        }
    }
    assert_eq!(theirs, ours, "{what}: left keepalived, right Holdfast");
    Ok(())
}

#[test]
fn a_master_logs_what_keepalived_logs() -> Result<()> {
    same("master", master)
}

#[test]
fn a_backup_logs_what_keepalived_logs() -> Result<()> {
    same("backup", backup)
}
