//! What cannot be taken away is not forgotten.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::lab::daemon::{ChildKind, fence, wait_for_address};
use crate::lab::wait::{wait_until, watch_for};
use crate::lab::{A, B, Daemon, Director, Lab, Program, Result, VIP};
use crate::pair;

const SOON: Duration = Duration::from_secs(8);

/// How many files a running process may have open at once; more that are open already stay open.
fn limit_files(pid: i32, files: &str) -> Result<()> {
    let status = Command::new("prlimit")
        .arg(format!("--pid={pid}"))
        .arg(format!("--nofile={files}"))
        .status()?;
    assert!(status.success(), "prlimit: {status}");
    Ok(())
}

fn journal(director: &Director) -> String {
    fs::read_to_string(director.run.join("owned.json")).unwrap_or_default()
}

#[test]
fn an_address_that_neither_child_nor_parent_can_remove_goes_when_they_can() -> Result<()> {
    let lab = Lab::new()?;
    let worse = &lab.directors[B];
    let daemon = Daemon::start(Program::Holdfast, worse, &pair::routers(B))?;
    wait_for_address(worse, VIP, SOON)?;
    wait_until("the journal", SOON, || {
        journal(worse).contains(&VIP.to_string())
    })?;
    // Without a socket more nobody learns the index of an interface.
    let child = daemon.wait_for_child(ChildKind::Vrrp, SOON)?;
    for pid in [child, daemon.pid()] {
        limit_files(pid, "3:")?;
    }
    let start = Instant::now();
    let _better = Daemon::start(Program::Holdfast, &lab.directors[A], &pair::routers(A))?;
    let log = daemon.log();
    log.wait_for(start, "tried again every second", SOON)?;
    assert!(worse.ns.has_address(VIP), "{}", log.tail(20));
    // The lease ends meanwhile, and that makes nobody forget the address.
    watch_for(Duration::from_secs(4));
    assert!(journal(worse).contains(&VIP.to_string()));
    let said = log.count_since(start, &format!("unable to delete {VIP}/24"));
    assert!(said <= 2, "once by each: {}", log.tail(20));
    limit_files(daemon.pid(), "1024:")?;
    wait_until("the address to go", SOON, || !worse.ns.has_address(VIP))?;
    log.wait_for(start, "Nothing is left of", SOON)?;
    wait_until("the journal to forget it", SOON, || {
        !journal(worse).contains(&VIP.to_string())
    })?;
    assert_eq!(daemon.child(ChildKind::Vrrp), Some(child));
    println!("{}", log.tail(20));
    Ok(())
}

#[test]
fn what_an_earlier_run_left_stays_in_the_journal_as_long_as_it_is_there() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    fs::create_dir_all(&director.run)?;
    // A directory cannot be written, whoever asks.
    let left = r#"{"object":{"Setting":{"key":"ipv4","earlier":"0"}},"tenure":"Master"}"#;
    let record = format!(r#"{{"net_namespace":null,"owned":[{left}]}}"#);
    fs::write(director.run.join("owned.json"), record)?;
    let mut daemon = Daemon::start(Program::Holdfast, director, &pair::routers(A))?;
    wait_for_address(director, VIP, SOON)?;
    wait_until("both in the journal", SOON, || {
        let journal = journal(director);
        journal.contains(left) && journal.contains(&VIP.to_string())
    })?;
    let log = daemon.log();
    log.wait_for(daemon.started(), "tried again every second", SOON)?;
    daemon.terminate(SOON)?;
    println!("{}\n{}", log.tail(20), journal(director));
    assert!(journal(director).contains(left));
    assert!(!journal(director).contains(&VIP.to_string()));
    let refused = fence(director).expect_err("it is still there");
    println!("{refused}");
    assert!(refused.to_string().contains("/proc/sys/net/ipv4"));
    assert!(journal(director).contains(left));
    Ok(())
}

#[test]
fn a_damaged_journal_is_kept_beside_the_new_one() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    fs::create_dir_all(&director.run)?;
    fs::write(director.run.join("owned.json"), "[{")?;
    let daemon = Daemon::start(Program::Holdfast, director, &pair::routers(A))?;
    let log = daemon.log();
    let line = log.wait_for(daemon.started(), "owned.json.damaged", SOON)?;
    println!("{}", line.text);
    wait_until("a new journal", SOON, || {
        journal(director).contains(&VIP.to_string())
    })?;
    let kept = fs::read_to_string(director.run.join("owned.json.damaged"))?;
    assert_eq!(kept, "[{");
    Ok(())
}
