//! A child of the master dies or hangs: it comes back, and connections do not notice.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::lab::daemon::ChildKind;
use crate::lab::stream::Talker;
use crate::lab::wait::wait_until;
use crate::lab::{A, Daemon, Lab, LabError, Program, Result, VIP};
use crate::pair::{self, ECHO, Scene, print_report};

/// How long an established connection may be silent without counting as broken.
const PATIENCE: Duration = Duration::from_secs(9);

/// Kills a child of the master while a connection talks; returns the scene, the talker, the moment.
fn kill(kind: ChildKind) -> Result<(Scene, Talker, Instant)> {
    let scene = Scene::start(pair::director)?;
    let talker = Talker::start(&scene.lab.client, VIP, ECHO, PATIENCE)?;
    let master = &scene.pair.daemons[A];
    let fault = Instant::now();
    let old = master.signal_child(kind, Signal::SIGKILL)?;
    let new = master.wait_for_successor(kind, old, Duration::from_secs(1))?;
    println!(
        "{kind:?} child {old} was killed, {new} runs {:?} later",
        fault.elapsed()
    );
    Ok((scene, talker, fault))
}

fn conversation_survives(scene: &Scene, talker: Talker, fault: Instant) {
    scene.vip_on_one_node_only(fault);
    let conversation = talker.finish();
    print_report("from the fault on", &scene.poller.so_far().since(fault));
    println!(
        "established connection: {} messages, longest silence {:?}, broken {:?}",
        conversation.answered, conversation.longest_silence, conversation.broken
    );
    assert!(
        conversation.broken.is_none(),
        "an established connection broke"
    );
    assert!(
        conversation
            .last_answer
            .is_some_and(|at| at > fault + Duration::from_secs(1)),
        "the connection was not used after the fault"
    );
}

#[test]
fn a_killed_vrrp_child_is_back_within_a_second_and_breaks_no_connection() -> Result<()> {
    let (scene, talker, fault) = kill(ChildKind::Vrrp)?;
    conversation_survives(&scene, talker, fault);
    Ok(())
}

#[test]
fn a_killed_checker_child_is_back_within_a_second_and_nobody_notices() -> Result<()> {
    let (scene, talker, fault) = kill(ChildKind::Checker)?;
    conversation_survives(&scene, talker, fault);
    let report = scene.poller.so_far().since(fault);
    assert_eq!(report.failures(), 0, "{:?}", report.reasons());
    let moved = scene.watch.address_events(fault);
    assert!(moved.is_empty(), "addresses moved: {moved:?}");
    Ok(())
}

#[test]
fn after_a_killed_data_plane_child_new_connections_work_within_a_second() -> Result<()> {
    let (scene, talker, fault) = kill(ChildKind::DataPlane)?;
    let served = scene
        .poller
        .wait_for_answer(fault + Duration::from_millis(20), PATIENCE)?;
    println!("first new connection answered {served:?} after the fault");
    scene.vip_on_one_node_only(fault);
    let report = scene.poller.so_far().since(fault);
    print_report("from the fault on", &report);
    assert!(
        report.longest_gap().0 <= Duration::from_secs(1),
        "{:?}",
        report.longest_gap().0
    );
    let moved = scene.watch.address_events(fault);
    assert!(moved.is_empty(), "addresses moved: {moved:?}");

    // The old connection either survived or was reset; it does not hang.
    let conversation = talker.finish();
    println!(
        "established connection: {} messages, longest silence {:?}, broken {:?}",
        conversation.answered, conversation.longest_silence, conversation.broken
    );
    if let Some((at, reason)) = conversation.broken {
        assert!(
            reason.contains("reset"),
            "the connection ended with `{reason}`"
        );
        assert!(
            at - fault < Duration::from_secs(3),
            "reset only after {:?}",
            at - fault
        );
    }
    Ok(())
}

/// Stops a child of the master; it must be killed and followed within `bound`.
fn stop(kind: ChildKind, config: fn(usize) -> String, bound: Duration) -> Result<()> {
    let scene = Scene::start(config)?;
    let master = &scene.pair.daemons[A];
    let fault = Instant::now();
    let old = master.signal_child(kind, Signal::SIGSTOP)?;
    let new = master.wait_for_successor(kind, old, bound)?;
    println!(
        "{kind:?} child {old} was stopped, {new} runs {:?} later",
        fault.elapsed()
    );
    crate::lab::process::wait_until_gone(old, Duration::from_secs(1))?;
    scene.vip_on_one_node_only(fault);
    scene.wait_for_both_servers()?;
    print_report("from the fault on", &scene.poller.so_far().since(fault));
    Ok(())
}

#[test]
fn a_stopped_vrrp_child_is_killed_by_its_lease_before_the_backup_takes_over() -> Result<()> {
    // Hellos every 5 s would come too late.
    stop(ChildKind::Vrrp, pair::director, Duration::from_millis(3600))
}

#[test]
fn a_stopped_checker_child_is_killed_and_restarted() -> Result<()> {
    stop(
        ChildKind::Checker,
        pair::with_fast_hello,
        Duration::from_secs(6),
    )
}

#[test]
fn a_stopped_data_plane_child_is_killed_and_restarted() -> Result<()> {
    stop(
        ChildKind::DataPlane,
        pair::with_fast_hello,
        Duration::from_secs(6),
    )
}

/// Makes a router MASTER of many addresses and sends its process `signal` as soon as it says so, which is before all
/// addresses are there and before anybody was told. Whether its next life goes on as MASTER or begins as BACKUP, the
/// scripts must hear MASTER.
fn interrupt_the_new_master(advert_int: &str, signal: Signal) -> Result<()> {
    let lab = Lab::new()?;
    let calls = lab.dir().join("calls");
    let text = format!("#!/bin/sh\necho \"$*\" >>{}\n", calls.display());
    let script = lab.file("notify.sh", &text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let mut config = format!(
        "global_defs {{\n    script_user root\n}}\nvrrp_instance VI_1 {{\n    interface eth0\n    version 3\n    \
         virtual_router_id 51\n    priority 150\n    advert_int {advert_int}\n    notify \"{}\"\n    \
         virtual_ipaddress {{\n        {VIP}/24\n    }}\n    virtual_ipaddress_excluded {{\n",
        script.display()
    );
    for index in 1..=250 {
        writeln!(config, "        10.78.0.{index}/32").expect("a string");
    }
    config.push_str("    }\n}\n");
    let daemon = Daemon::start(Program::Holdfast, &lab.directors[A], &config)?;
    daemon.wait_for_master(daemon.started(), Duration::from_secs(10))?;
    let old = daemon.signal_child(ChildKind::Vrrp, signal)?;
    daemon.wait_for_successor(ChildKind::Vrrp, old, Duration::from_secs(5))?;
    // The last word of scripts and kernel is the same.
    let is_told = || {
        let told = fs::read_to_string(&calls).unwrap_or_default();
        told.lines().last() == Some("INSTANCE VI_1 MASTER 150")
            && lab.directors[A].ns.has_address(VIP)
    };
    let result = wait_until(
        "the script to hear MASTER",
        Duration::from_secs(10),
        is_told,
    );
    let told = fs::read_to_string(&calls).unwrap_or_default();
    println!(
        "advert_int {advert_int}, {signal}: {told:?}\n{}",
        daemon.log().tail(14)
    );
    result.map_err(|error| LabError::Failed(format!("{error}\n{}", daemon.log().tail(30))))
}

#[test]
fn a_master_that_dies_before_it_could_tell_is_told_of_by_its_successor() -> Result<()> {
    // Within its lease, so that the next life goes on as MASTER.
    interrupt_the_new_master("1", Signal::SIGKILL)?;
    // At its end, so that it begins as BACKUP.
    interrupt_the_new_master("0.1", Signal::SIGSTOP)
}
