//! The lab itself, proven with a program whose behaviour is known: Debian's keepalived moves the
//! address, a web server on each director answers at it.

use std::time::{Duration, Instant};

use crate::lab::advert::wait_for_advert;
use crate::lab::process::is_alive;
use crate::lab::wait::wait_until;
use crate::lab::{A, B, Lab, Poller, Program, Result, VIP, VipWatch, WebServer};
use crate::pair::{self, Pair};

#[test]
fn keepalived_hands_over_in_the_protocols_time_and_the_lab_measures_it() -> Result<()> {
    let lab = Lab::new()?;
    let _web = [A, B].map(|i| {
        let director = &lab.directors[i];
        WebServer::start(&director.ns, director.name, lab.dir()).expect("a web server")
    });
    let watch = VipWatch::start(&lab, VIP)?;
    let mut pair = Pair::start(&lab, Program::Keepalived, pair::routers)?;
    let poller = Poller::start(&lab.client, VIP, 80)?;
    poller.wait_for_answer(Instant::now(), Duration::from_secs(3))?;

    let _ = wait_for_advert(
        &lab.client,
        lab.directors[A].outside,
        Duration::from_secs(3),
    )?;
    let fault = Instant::now();
    watch.cut(A);
    lab.cut(A)?;
    pair.daemons[A].kill_tree();
    wait_until("b to answer", Duration::from_secs(6), || {
        poller.so_far().since(fault).by_server().contains_key("b")
    })?;
    let end = Instant::now();
    let report = poller.finish();
    let (gap, _) = report.longest_gap();
    let verdict = watch.finish(fault, end)?;
    println!(
        "gap {gap:?}, answers by {:?}, failures {:?}",
        report.by_server(),
        report.reasons()
    );
    println!("{verdict:?}");
    assert!(
        gap < pair::MASTER_DOWN_100 + Duration::from_millis(50),
        "gap {gap:?}"
    );
    assert!(gap > Duration::from_millis(3500), "gap {gap:?}");
    assert_eq!(verdict.both, Duration::ZERO);
    assert_eq!(verdict.double_answers, 0);
    Ok(())
}

#[test]
fn a_dropped_lab_leaves_neither_namespace_nor_process() -> Result<()> {
    let lab = Lab::new()?;
    let _server = lab.start_real_server(0)?;
    let names: Vec<String> = lab
        .namespace_names()
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    let pids: Vec<i32> = lab.real_servers[0].ns.pids();
    assert!(!pids.is_empty());
    drop(lab);
    for name in names {
        assert!(
            !std::path::Path::new("/run/netns").join(&name).exists(),
            "{name} is still there"
        );
    }
    assert!(pids.into_iter().all(|pid| !is_alive(pid)));
    Ok(())
}
