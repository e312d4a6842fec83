//! Starts that cannot succeed end with one clear line and keepalived's exit status.

use std::time::{Duration, Instant};

use crate::lab::daemon::binary;
use crate::lab::process::Process;
use crate::lab::{A, Daemon, Lab, Program, Result};
use crate::pair;

#[test]
fn without_the_capabilities_it_says_so_in_one_line_and_exits_with_4() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let config = lab.file("a.conf", &pair::routers(A))?;
    let (program, config, run) = (
        binary("holdfastd"),
        config.display().to_string(),
        director.run.display().to_string(),
    );
    let dropped = "-net_admin,-net_raw";
    let arguments = [
        "--bounding-set",
        dropped,
        "--inh-caps",
        dropped,
        "--",
        &program,
        "-n",
        "-l",
        "-D",
        "-f",
        &config,
        "--run-directory",
        &run,
    ];
    let started = Instant::now();
    let mut daemon = Process::spawn(&director.ns, "a", "setpriv", &arguments)?;
    let status = daemon.wait(Duration::from_secs(5))?;
    // What it wrote last may still be on its way through the pipe when it has ended.
    daemon
        .log()
        .wait_for(started, "CAP_NET_", Duration::from_secs(2))?;
    let lines = daemon.log().lines();
    let clear: Vec<&str> = lines
        .iter()
        .map(|line| line.text.as_str())
        .filter(|text| text.contains("CAP_NET_ADMIN") || text.contains("CAP_NET_RAW"))
        .collect();
    println!("{status}: {clear:?}");
    assert_eq!(status.code(), Some(4), "{}", daemon.log().tail(20));
    assert_eq!(clear.len(), 1, "{}", daemon.log().tail(20));
    Ok(())
}

#[test]
fn an_interface_that_does_not_exist_is_named_with_those_that_do() -> Result<()> {
    let lab = Lab::new()?;
    let config = pair::routers(A).replace("interface eth1", "interface eth7");
    let mut daemon = Daemon::start(Program::Holdfast, &lab.directors[A], &config)?;
    let status = daemon.wait(Duration::from_secs(5))?;
    let said = daemon.log().tail(20);
    println!("{status}\n{said}");
    assert_eq!(status.code(), Some(2));
    assert!(said.lines().any(|line| line.contains("eth7")), "{said}");
    assert!(
        said.lines()
            .any(|line| line.contains("eth0") && line.contains("eth1")),
        "{said}"
    );
    Ok(())
}

#[test]
fn with_dynamic_interfaces_it_waits_for_the_interface_in_fault() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let config = pair::routers_with(A, "dynamic_interfaces", "")
        .replace("interface eth1", "interface late0")
        .replace("/24", "/32");
    let daemon = Daemon::start(Program::Holdfast, director, &config)?;
    daemon.log().wait_for(
        daemon.started(),
        "Entering FAULT STATE",
        Duration::from_secs(3),
    )?;
    director.ns.ip("link add late0 type veth peer name late1\n\
         addr add 10.79.0.3/24 dev late0\n\
         link set late1 up\n\
         link set late0 up\n")?;
    daemon.wait_for_master(daemon.started(), Duration::from_secs(8))?;
    Ok(())
}

#[test]
fn a_broken_file_stops_the_start_with_2_and_names_the_line() -> Result<()> {
    let lab = Lab::new()?;
    let config = pair::routers(A).replace("virtual_router_id 51", "virtual_router_id 999");
    let mut daemon = Daemon::start(Program::Holdfast, &lab.directors[A], &config)?;
    let status = daemon.wait(Duration::from_secs(5))?;
    let said = daemon.log().tail(30);
    println!("{status}\n{said}");
    assert_eq!(status.code(), Some(2));
    assert!(said.contains("a.conf") && said.contains("999"), "{said}");
    Ok(())
}

#[test]
fn the_log_says_once_which_plane_carries_the_virtual_servers_and_why() -> Result<()> {
    let lab = Lab::new()?;
    let plane = |global: &str| -> Result<Vec<String>> {
        let config = pair::routers_with(A, global, "") + &pair::web("rr", [1, 1]);
        let mut daemon = Daemon::start(Program::Holdfast, &lab.directors[A], &config)?;
        daemon.wait_for_master(daemon.started(), Duration::from_secs(6))?;
        daemon.terminate(Duration::from_secs(5))?;
        let lines = daemon.log().lines().into_iter().map(|line| line.text);
        Ok(lines
            .filter_map(|line| Some(line.split_once(": Virtual servers")?.1.to_owned()))
            .collect())
    };
    // The host's own kernel decides what `auto` means; the guest of `integration/vm` has IPVS.
    let auto = plane("")?;
    println!("{auto:?}");
    let by_auto = [
        " are carried by the userspace plane (lvs_plane auto: the kernel has no IPVS)",
        " are carried by IPVS (lvs_plane auto: the kernel has IPVS)",
    ];
    assert_eq!(auto.len(), 1, "{auto:?}");
    assert!(by_auto.contains(&auto[0].as_str()), "{auto:?}");
    let chosen = plane("lvs_plane userspace")?;
    println!("{chosen:?}");
    assert_eq!(chosen.len(), 1, "{chosen:?}");
    assert!(
        chosen[0].contains("userspace plane (lvs_plane userspace"),
        "{chosen:?}"
    );
    Ok(())
}

#[test]
fn scripts_of_the_parent_run_around_the_life_of_its_children_and_the_dump_has_no_password()
-> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let marks = lab.dir().join("marks");
    let script = lab.file(
        "around.sh",
        &format!(
            "#!/bin/sh\necho \"$1 $(ls {} | grep -c hello)\" >>{}\n",
            director.run.display(),
            marks.display()
        ),
    )?;
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let script = script.display();
    let global =
        format!("startup_script \"{script} start\"\n    shutdown_script \"{script} stop\"");
    let config = lab.file("around.conf", &pair::routers_with(A, &global, ""))?;
    let mut daemon = Daemon::start_with(Program::Holdfast, director, &config, &["-d"])?;
    daemon.wait_for_master(daemon.started(), Duration::from_secs(8))?;
    daemon.terminate(Duration::from_secs(8))?;
    // Neither time has a child its socket there.
    assert_eq!(std::fs::read_to_string(&marks)?, "start 0\nstop 0\n");
    let log = daemon.log();
    assert!(log.contains("virtual_router_id 51"), "{}", log.tail(200));
    assert!(
        !log.lines()
            .iter()
            .any(|line| line.text.contains("auth_pass holdfast"))
    );
    Ok(())
}
