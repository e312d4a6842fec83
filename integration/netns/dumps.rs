//! What operators and scripts get on a signal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::lab::daemon::{ChildKind, binary};
use crate::lab::wait::{wait_for, wait_until};
use crate::lab::{A, B, Daemon, Lab, Program, Result};
use crate::pair;

const SOON: Duration = Duration::from_secs(8);

/// Where dumps go, instead of `/tmp`.
fn global(lab: &Lab, director: usize) -> String {
    let run = lab.directors[director].run.display();
    format!("state_dump_file {run}/\n    stats_dump_file {run}/\n    json_dump_file {run}/")
}

/// The number that scripts ask for.
fn number(name: &str) -> Result<i32> {
    let output = Command::new(binary("holdfastd"))
        .arg(format!("--signum={name}"))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.trim().parse().unwrap_or_default())
}

/// Asks process `pid` for a dump and gives what it has written.
fn dump(lab: &Lab, director: usize, pid: i32, name: &str, file: &str) -> Result<String> {
    let path: PathBuf = lab.directors[director].run.join(file);
    let _ = fs::remove_file(&path);
    let number = number(name)?;
    Command::new("kill")
        .args([format!("-{number}"), pid.to_string()])
        .status()?;
    wait_for(&path.display().to_string(), SOON, || {
        fs::read_to_string(&path).ok()
    })
}

#[test]
fn dumps_say_what_each_node_is_and_why_and_count_what_it_does() -> Result<()> {
    let lab = Lab::new()?;
    let start = |director| {
        let config = pair::routers_with(director, &global(&lab, director), "");
        Daemon::start(Program::Holdfast, &lab.directors[director], &config)
    };
    let first = start(A)?;
    first.wait_for_master(first.started(), SOON)?;
    let second = start(B)?;
    // A request that comes before there is a child is nobody's.
    let log = second.log();
    log.wait_for(second.started(), "Entering BACKUP STATE", SOON)?;

    let data = dump(&lab, A, first.pid(), "DATA", "keepalived.data")?;
    assert!(data.contains("   State = MASTER\n"), "{data}");
    assert!(
        data.contains("     10.77.0.100/24 dev eth0 scope global set\n"),
        "{data}"
    );
    assert!(
        !data.contains("holdfast\n"),
        "the password is shown: {data}"
    );
    let named = "   Reason = 10.77.0.3 is master with priority 150\n";
    wait_until("the backup to name its master", SOON, || {
        dump(&lab, B, second.pid(), "DATA", "keepalived.data").is_ok_and(|it| it.contains(named))
    })?;

    // A script may ask the child itself (keepalived).
    let child = first.wait_for_child(ChildKind::Vrrp, SOON)?;
    let stats = dump(&lab, A, child, "STATS", "keepalived.stats")?;
    assert!(
        stats.contains("VRRP Instance: outside\n  Advertisements:\n"),
        "{stats}"
    );
    assert!(stats.contains("  Became master: 1\n"), "{stats}");
    dump(&lab, A, first.pid(), "STATS_CLEAR", "keepalived.stats")?;
    let stats = dump(&lab, A, first.pid(), "STATS", "keepalived.stats")?;
    assert!(stats.contains("  Became master: 0\n"), "{stats}");

    let json = dump(&lab, A, first.pid(), "JSON", "keepalived.json")?;
    assert!(
        json.starts_with("[{\"data\":{\"iname\":\"outside\","),
        "{json}"
    );
    assert_eq!(
        second.log().count_since(second.started(), "MASTER STATE"),
        0
    );
    Ok(())
}

#[test]
fn processes_have_the_names_and_files_the_mode_that_the_file_says() -> Result<()> {
    let lab = Lab::new()?;
    let global = format!("{}\n    process_names\n    umask 027", global(&lab, A));
    let config = pair::routers_with(A, &global, "");
    let daemon = Daemon::start(Program::Holdfast, &lab.directors[A], &config)?;
    let child = daemon.wait_for_child(ChildKind::Vrrp, SOON)?;
    let name = format!("/proc/{child}/comm");
    wait_until("the name of the child", SOON, || {
        fs::read_to_string(&name).is_ok_and(|it| it == "holdfast_vrrp\n")
    })?;
    daemon.wait_for_master(daemon.started(), SOON)?;
    dump(&lab, A, daemon.pid(), "DATA", "keepalived.data")?;
    let file = lab.directors[A].run.join("keepalived.data");
    assert_eq!(fs::metadata(file)?.permissions().mode() & 0o777, 0o640);
    Ok(())
}
