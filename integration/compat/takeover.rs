//! One node of each program: either takes over from the other, with and without preemption.

use std::time::{Duration, Instant};

use crate::lab::advert::wait_for_advert;
use crate::lab::wait::{wait_until, watch_for};
use crate::lab::{A, B, Daemon, Lab, Program, Result, VIP, VipWatch};
use crate::router::{ELECTION, Router, master_down, skew, time_to};

const SCHEDULING: Duration = Duration::from_millis(60);
const MASTER: &str = "Entering MASTER STATE";
const BACKUP: &str = "Entering BACKUP STATE";

fn assert_about(what: &str, measured: Duration, wanted: Duration) {
    println!("{what}: {measured:?}, by the protocol {wanted:?}");
    assert!(
        measured + SCHEDULING >= wanted,
        "{what}: {measured:?} is before {wanted:?}"
    );
    assert!(
        measured <= wanted + SCHEDULING,
        "{what}: {measured:?} is after {wanted:?}"
    );
}

/// Time from the first state to MASTER: how long a process takes to start is not the protocol's.
fn election(node: &Daemon) -> Result<Duration> {
    let init = node
        .log()
        .wait_for(node.started(), "Entering BACKUP STATE (init)", ELECTION)?;
    time_to(node, init.at, MASTER, ELECTION)
}

/// Stop and return of the master, then its sudden death: `a` has priority 150, `b` 100.
fn pair(a: Program, b: Program, preempt: bool) -> Result<()> {
    let lab = Lab::new()?;
    let watch = VipWatch::start(&lab, VIP)?;
    let router = |priority| {
        let router = Router::of_priority(priority);
        if preempt {
            router
        } else {
            router.with("nopreempt")
        }
    };
    let mut node_a = router(150).start(&lab, A, a)?;
    let mut node_b = router(100).start(&lab, B, b)?;
    assert_about("first master", election(&node_a)?, master_down(150));
    watch_for(Duration::from_millis(500));
    assert!(!node_b.log().contains(MASTER), "b became master beside a");

    let stopped = Instant::now();
    node_a.signal(nix::sys::signal::Signal::SIGTERM)?;
    assert_about(
        "takeover after SIGTERM",
        time_to(&node_b, stopped, MASTER, ELECTION)?,
        skew(100),
    );
    assert!(node_a.wait(Duration::from_secs(5))?.success());
    assert!(
        !lab.directors[A].ns.has_address(VIP),
        "a left the address behind"
    );

    let back = Instant::now();
    node_a = router(150).start(&lab, A, a)?;
    if preempt {
        assert_about("way back", election(&node_a)?, master_down(150));
        node_b
            .log()
            .wait_for(back, BACKUP, Duration::from_millis(200))?;
        wait_until("b to give the address up", SCHEDULING, || {
            !lab.directors[B].ns.has_address(VIP)
        })?;
    } else {
        watch_for(Duration::from_secs(5));
        assert_eq!(node_a.log().count_since(back, MASTER), 0, "a preempted b");
        assert!(lab.directors[B].ns.has_address(VIP));
    }
    let verdict = watch.verdict(stopped, Instant::now());
    println!(
        "VIP on both {:?}, on none {:?}",
        verdict.both, verdict.nobody
    );
    assert!(verdict.both <= Duration::from_millis(20), "{verdict:?}");
    // keepalived adds the address with its first advert: until that is heard both may answer ARP.
    if verdict.both.is_zero() {
        assert_eq!(verdict.double_answers, 0, "{verdict:?}");
    }

    // Sudden death of whoever is master now.
    let (master, dying, heir, priority) = if preempt {
        (A, &mut node_a, &node_b, 100)
    } else {
        (B, &mut node_b, &node_a, 150)
    };
    wait_for_advert(
        &lab.client,
        lab.directors[master].outside,
        Duration::from_secs(3),
    )?;
    let fault = Instant::now();
    lab.cut(master)?;
    dying.kill_tree();
    let waited = time_to(heir, fault, MASTER, ELECTION)?;
    assert_about("takeover after SIGKILL", waited, master_down(priority));
    Ok(())
}

#[test]
fn keepalived_backs_up_holdfast_with_preemption() -> Result<()> {
    pair(Program::under_test(), Program::Keepalived, true)
}

#[test]
fn keepalived_backs_up_holdfast_without_preemption() -> Result<()> {
    pair(Program::under_test(), Program::Keepalived, false)
}

#[test]
fn holdfast_backs_up_keepalived_with_preemption() -> Result<()> {
    pair(Program::Keepalived, Program::under_test(), true)
}

#[test]
fn holdfast_backs_up_keepalived_without_preemption() -> Result<()> {
    pair(Program::Keepalived, Program::under_test(), false)
}

#[test]
fn the_model_itself_keeps_these_times() -> Result<()> {
    pair(Program::Keepalived, Program::Keepalived, true)
}
