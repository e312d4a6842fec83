//! A real server dies: it gets no new connection once its check has had its time.

use std::time::{Duration, Instant};

use crate::lab::wait::watch_for;
use crate::lab::{A, Result};
use crate::pair::{self, SCHEDULING, Scene, print_report};

/// delay_loop 1 s until the next check, 1 s delay_before_retry, and its one retry.
const REFUSED: Duration = Duration::from_secs(2);
/// The same with two connect_timeouts of 1 s.
const SILENT: Duration = Duration::from_secs(4);

fn gets_nothing_after(scene: &Scene, fault: Instant, bound: Duration) {
    let known = fault + bound + SCHEDULING * 2;
    watch_for((known + Duration::from_secs(2)).saturating_duration_since(Instant::now()));
    let report = scene.poller.so_far();
    print_report(
        "until the check's time was over",
        &report.since(fault).until(known),
    );
    let after = report.since(known);
    print_report("after that", &after);
    assert!(after.answers() > 50);
    assert_eq!(after.failures(), 0);
    assert_eq!(after.by_server().keys().collect::<Vec<_>>(), ["rs1"]);
}

#[test]
fn a_server_whose_program_died_gets_no_connection_after_its_checks_time() -> Result<()> {
    let mut scene = Scene::start(pair::director)?;
    let fault = Instant::now();
    if let Some(server) = scene.web[1].take() {
        server.kill();
    }
    let log = scene.pair.daemons[A].log();
    let line = log.wait_for(fault, "Removing service [10.78.0.12]:tcp:80", REFUSED * 2)?;
    println!("{:?} after the fault: {}", line.at - fault, line.text);
    gets_nothing_after(&scene, fault, REFUSED);

    let back = Instant::now();
    scene.web[1] = Some(scene.lab.start_real_server(1)?);
    let line = log.wait_for(
        back,
        "Adding service [10.78.0.12]:tcp:80",
        Duration::from_secs(3),
    )?;
    println!("{:?} after the return: {}", line.at - back, line.text);
    scene.wait_for_both_servers()?;
    assert_eq!(scene.poller.so_far().since(back).failures(), 0);
    Ok(())
}

#[test]
fn a_server_that_fell_silent_gets_no_connection_after_its_checks_time() -> Result<()> {
    let scene = Scene::start(pair::director)?;
    let fault = Instant::now();
    scene.lab.cut_real_server(1)?;
    let log = scene.pair.daemons[A].log();
    let line = log.wait_for(fault, "Removing service [10.78.0.12]:tcp:80", SILENT * 2)?;
    println!("{:?} after the fault: {}", line.at - fault, line.text);
    gets_nothing_after(&scene, fault, SILENT);
    Ok(())
}
