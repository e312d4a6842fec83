//! Notify scripts: which are called, in which order, with which arguments.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::lab::wait::wait_until;
use crate::lab::{A, B, Daemon, Lab, Program, Result};
use crate::router::{ELECTION, Router};

/// Tells the story to a program and returns what its scripts were called with.
fn story(program: Program) -> Result<Vec<String>> {
    let lab = Lab::new()?;
    let calls = lab.dir().join("calls");
    let script = lab.file(
        "notify.sh",
        // One write(2) per call: calls that overlap do not mix.
        &format!("#!/bin/sh\necho \"$*\" >>{}\n", calls.display()),
    )?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let path = script.display();
    let mut router = Router::of_priority(150)
        .with(&format!("notify_master \"{path} master\""))
        .with(&format!("notify_backup \"{path} backup\""))
        .with(&format!("notify_fault \"{path} fault\""))
        .with(&format!("notify_stop \"{path} stop\""))
        .with(&format!("notify \"{path} notify\""));
    router.blocks = format!(
        "vrrp_sync_group G1 {{\n    group {{\n        VI_1\n    }}\n    \
         notify_master \"{path} group_master\"\n    notify_backup \"{path} group_backup\"\n    \
         notify_fault \"{path} group_fault\"\n    notify_stop \"{path} group_stop\"\n    \
         notify \"{path} group_notify\"\n}}\n"
    );
    let count = |words: &str| {
        let text = fs::read_to_string(&calls).unwrap_or_default();
        text.lines().filter(|line| line.contains(words)).count()
    };
    let wait_for = |words: &str, times: usize| {
        wait_until(&format!("the call `{words}`"), ELECTION, || {
            count(words) >= times
        })
    };
    let mut node: Daemon = router.start(&lab, A, program)?;
    wait_for("INSTANCE VI_1 MASTER", 1)?;
    wait_for("GROUP G1 MASTER", 1)?;
    lab.cut(A)?;
    wait_for("INSTANCE VI_1 FAULT", 1)?;
    wait_for("GROUP G1 FAULT", 1)?;
    lab.uncut(A)?;
    wait_for("INSTANCE VI_1 MASTER", 2)?;
    wait_for("GROUP G1 MASTER", 2)?;
    node.terminate(Duration::from_secs(8))?;
    Ok(fs::read_to_string(&calls)?
        .lines()
        .map(ToOwned::to_owned)
        .collect())
}

#[test]
fn scripts_are_called_as_keepalived_calls_them() -> Result<()> {
    let theirs = story(Program::Keepalived)?;
    let ours = story(Program::under_test())?;
    println!("theirs {theirs:#?}\nours {ours:#?}");
    // The scripts of one transition run side by side, so their order within it is theirs to choose.
    assert_eq!(by_transition(&theirs), by_transition(&ours));
    Ok(())
}

/// Calls in order, those of one transition sorted.
fn by_transition(calls: &[String]) -> Vec<Vec<String>> {
    let state = |call: &str| {
        ["MASTER", "BACKUP", "FAULT", "STOP"]
            .into_iter()
            .find(|state| call.to_uppercase().contains(state))
    };
    let mut groups: Vec<Vec<String>> = Vec::new();
    for call in calls {
        match groups.last_mut() {
            Some(group) if state(&group[0]) == state(call) => group.push(call.clone()),
            _ => groups.push(vec![call.clone()]),
        }
    }
    for group in &mut groups {
        group.sort();
    }
    groups
}

#[test]
fn a_backup_that_takes_over_calls_notify_once_per_state() -> Result<()> {
    let story = |program| -> Result<Vec<String>> {
        let lab = Lab::new()?;
        let calls = lab.dir().join("calls");
        let script = lab.file(
            "notify.sh",
            &format!("#!/bin/sh\necho \"$*\" >>{}\n", calls.display()),
        )?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        let router = Router::of_priority(100).with(&format!("notify \"{} x\"", script.display()));
        let mut peer = Router::of_priority(150).start(&lab, A, Program::Keepalived)?;
        let node = router.start(&lab, B, program)?;
        peer.wait_for_master(peer.started(), ELECTION)?;
        peer.terminate(Duration::from_secs(5))?;
        node.wait_for_master(node.started(), ELECTION)?;
        let back = Instant::now();
        let peer = Router::of_priority(150).start(&lab, A, Program::Keepalived)?;
        peer.wait_for_master(back, ELECTION)?;
        wait_until("three calls", Duration::from_secs(3), || {
            fs::read_to_string(&calls).is_ok_and(|text| text.lines().count() >= 3)
        })?;
        Ok(fs::read_to_string(&calls)?
            .lines()
            .map(ToOwned::to_owned)
            .collect())
    };
    let (theirs, ours) = (story(Program::Keepalived)?, story(Program::under_test())?);
    println!("{theirs:#?}");
    assert_eq!(theirs, ours);
    Ok(())
}
