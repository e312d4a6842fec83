//! The master goes, and the backup takes over in the time that the protocol allows.

use std::time::{Duration, Instant};

use crate::lab::advert::wait_for_advert;
use crate::lab::daemon::{Daemon, fence};
use crate::lab::wait::wait_until;
use crate::lab::{A, B, GATEWAY, Program, Result, VIP};
use crate::pair::{self, MASTER_DOWN_100, SCHEDULING, Scene, print_report};

#[test]
fn after_sigkill_of_the_master_with_its_link_cut_the_client_is_served_within_the_protocols_time()
-> Result<()> {
    let mut scene = Scene::start(pair::director)?;
    // Right after an advert: the backup has to wait the whole Master_Down_Interval.
    wait_for_advert(
        &scene.lab.client,
        scene.lab.directors[A].outside,
        Duration::from_secs(3),
    )?;
    let fault = Instant::now();
    scene.watch.cut(A);
    scene.lab.cut(A)?;
    scene.pair.daemons[A].kill_tree();

    scene.pair.daemons[B].wait_for_master(fault, Duration::from_secs(6))?;
    let gone = Instant::now();
    let silence = scene
        .poller
        .wait_for_answer(gone, Duration::from_secs(3))
        .map(|after| {
            let first = scene
                .poller
                .so_far()
                .first_answer(fault + Duration::from_millis(100));
            first.map_or(gone + after - fault, |at| at - fault)
        })?;
    println!("served again {silence:?} after the fault");
    scene.vip_on_one_node_only(fault);
    print_report("from the fault on", &scene.poller.so_far().since(fault));
    assert!(
        silence <= MASTER_DOWN_100 + SCHEDULING,
        "the client waited {silence:?}"
    );
    for address in [VIP, GATEWAY] {
        assert!(
            scene.lab.directors[B].ns.has_address(address),
            "b has no {address}"
        );
    }

    // The dead processes left their addresses behind; the fence removes them before the links return.
    let said = fence(&scene.lab.directors[A])?;
    println!("fence: {}", said.trim());
    for address in [VIP, GATEWAY] {
        assert!(
            !scene.lab.directors[A].ns.has_address(address),
            "a still has {address}"
        );
    }
    scene.lab.uncut(A)?;
    scene.watch.uncut(A);
    let back = Instant::now();
    let config = scene.lab.directors[A].run.with_extension("conf");
    scene.pair.daemons[A] = Daemon::start_on(Program::Holdfast, &scene.lab.directors[A], &config)?;
    scene.pair.daemons[A].wait_for_master(back, Duration::from_secs(6))?;
    scene.wait_for_both_servers()?;
    scene.vip_on_one_node_only(back);
    let report = scene.poller.so_far().since(back);
    print_report("on the way back", &report);
    assert!(report.longest_gap().0 < Duration::from_secs(1));
    Ok(())
}

#[test]
fn after_sigterm_of_the_master_the_client_waits_at_most_seven_tenths_of_a_second() -> Result<()> {
    let mut scene = Scene::start(pair::director)?;
    let fault = Instant::now();
    let status = scene.pair.daemons[A].terminate(Duration::from_secs(8))?;
    let ended = fault.elapsed();
    let master = scene.pair.daemons[B].wait_for_master(fault, Duration::from_secs(3))?;
    println!("b is master {:?} after SIGTERM", master - fault);
    scene.wait_for_both_servers()?;
    let report = scene.poller.so_far().since(fault);
    print_report("from SIGTERM on", &report);
    println!("a ended with {status} after {ended:?}");
    assert!(status.success(), "{status}");
    let (gap, _) = report.longest_gap();
    assert!(
        gap <= Duration::from_millis(700),
        "the client waited {gap:?}"
    );
    for address in [VIP, GATEWAY] {
        assert!(
            !scene.lab.directors[A].ns.has_address(address),
            "a still has {address}"
        );
    }
    let left = scene.lab.directors[A].ns.pids();
    wait_until("every process of a to end", Duration::from_secs(2), || {
        scene.lab.directors[A].ns.pids().is_empty()
    })?;
    println!("processes left right after the end: {left:?}");
    scene.vip_on_one_node_only(fault);
    Ok(())
}

#[test]
fn when_the_masters_link_is_cut_it_goes_to_fault_and_returns() -> Result<()> {
    let scene = Scene::start(pair::director)?;
    let fault = Instant::now();
    scene.watch.cut(A);
    scene.lab.cut(A)?;
    let log = scene.pair.daemons[A].log();
    log.wait_for(fault, "Entering FAULT STATE", Duration::from_secs(1))?;
    wait_until("the addresses of a to go", Duration::from_secs(1), || {
        !scene.lab.directors[A].ns.has_address(VIP)
            && !scene.lab.directors[A].ns.has_address(GATEWAY)
    })?;
    scene.pair.daemons[B].wait_for_master(fault, Duration::from_secs(5))?;
    scene.wait_for_both_servers()?;
    print_report("from the cut on", &scene.poller.so_far().since(fault));
    let back = Instant::now();
    scene.lab.uncut(A)?;
    scene.watch.uncut(A);
    log.wait_for(back, "Entering MASTER STATE", Duration::from_secs(6))?;
    scene.wait_for_both_servers()?;
    scene.vip_on_one_node_only(back);
    Ok(())
}
