//! Scripts of the configuration: what hangs is killed, with everything it started.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use crate::lab::wait::wait_until;
use crate::lab::{A, Daemon, Lab, LabError, Program, Result};
use crate::pair;

/// Processes of the namespace whose command line contains `word`.
fn running(lab: &Lab, word: &str) -> Vec<i32> {
    let pids = lab.directors[A].ns.pids();
    let names = |pid: &i32| {
        fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(word))
    };
    pids.into_iter().filter(names).collect()
}

#[test]
fn a_hanging_script_is_killed_as_a_group_at_its_timeout() -> Result<()> {
    let lab = Lab::new()?;
    // Deaf to SIGTERM, and so is its child.
    let script = lab.file(
        "hang.sh",
        "#!/bin/sh\ntrap '' TERM\nsleep 86311 &\nsleep 86311\n",
    )?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let config = pair::routers_with(A, "", "track_script {\n        hang\n    }").replace(
        "vrrp_instance outside",
        &format!(
            "vrrp_script hang {{\n    script \"{}\"\n    interval 30\n    timeout 1\n}}\n\
             vrrp_instance outside",
            script.display()
        ),
    );
    let daemon = Daemon::start(Program::under_test(), &lab.directors[A], &config)?;
    let fail = |error: LabError| LabError::Failed(format!("{error}\n{}", daemon.log().tail(30)));
    wait_until("the script to run", Duration::from_secs(3), || {
        !running(&lab, "86311").is_empty()
    })
    .map_err(fail)?;
    let started = std::time::Instant::now();
    let line = daemon
        .log()
        .wait_for(daemon.started(), "timed_out", Duration::from_secs(5))?;
    println!("{}", line.text);
    // SIGTERM at 1 s, SIGKILL 2 s later.
    wait_until(
        "the script's group to be killed",
        Duration::from_secs(5),
        || running(&lab, "86311").is_empty(),
    )?;
    println!("the group is gone {:?} after its start", started.elapsed());
    assert!(daemon.log().contains("VRRP_Script(hang) timed_out"));
    Ok(())
}

#[test]
fn a_failing_script_lowers_the_priority_and_the_backup_takes_over() -> Result<()> {
    let lab = Lab::new()?;
    let flag = lab.file("healthy", "")?;
    let check = |director: usize| {
        pair::routers_with(director, "", "track_script {\n        flag\n    }").replace(
            "vrrp_sync_group pair",
            &format!(
                "vrrp_script flag {{\n    script \"/usr/bin/test -e {}\"\n    interval 1\n    fall 2\n    \
                 rise 2\n}}\nvrrp_sync_group pair",
                if director == A { flag.display().to_string() } else { "/".to_owned() }
            ),
        )
    };
    let scene = pair::Pair::start(&lab, Program::under_test(), check)?;
    let fault = std::time::Instant::now();
    fs::remove_file(&flag)?;
    let log = scene.daemons[A].log();
    let line = log.wait_for(fault, "Entering FAULT STATE", Duration::from_secs(4))?;
    println!("{:?} after the fault: {}", line.at - fault, line.text);
    let master = scene.daemons[1].wait_for_master(fault, Duration::from_secs(3))?;
    println!("b is master {:?} after a is in fault", master - line.at);
    fs::write(&flag, "")?;
    log.wait_for(line.at, "Entering BACKUP STATE", Duration::from_secs(4))?;
    Ok(())
}
