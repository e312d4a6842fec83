//! The parent dies alone, or meets another one.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lab::daemon::{ChildKind, Daemon, binary, wait_for_address};
use crate::lab::process::{is_alive, wait_until_gone};
use crate::lab::wait::wait_until;
use crate::lab::{A, B, GATEWAY, Lab, Program, Result, VIP};
use crate::pair::{self, SCHEDULING, Scene, print_report};

#[test]
fn without_its_parent_vrrp_says_goodbye_and_the_next_parent_adopts_the_data_plane() -> Result<()> {
    let mut scene = Scene::start(pair::director)?;
    let master = &scene.pair.daemons[A];
    let pids = ChildKind::ALL.map(|kind| master.child(kind));
    println!(
        "children of a: vrrp {:?}, checker {:?}, data plane {:?}",
        pids[0], pids[1], pids[2]
    );
    let [Some(vrrp), Some(checker), data_plane] = pids else {
        panic!("children are missing")
    };

    let fault = Instant::now();
    master.signal(Signal::SIGKILL)?;
    scene.pair.daemons[B].wait_for_master(fault, Duration::from_secs(3))?;
    let takeover = fault.elapsed();
    wait_until_gone(vrrp, Duration::from_secs(2))?;
    wait_until_gone(checker, Duration::from_secs(2))?;
    wait_until("the addresses of a to go", Duration::from_secs(1), || {
        [VIP, GATEWAY]
            .iter()
            .all(|address| !scene.lab.directors[A].ns.has_address(*address))
    })?;
    println!("b is master {takeover:?} after the parent of a was killed");
    assert!(
        takeover <= Duration::from_millis(700) + SCHEDULING,
        "takeover after {takeover:?}"
    );
    scene.vip_on_one_node_only(fault);
    if let Some(pid) = data_plane {
        assert!(is_alive(pid), "the data-plane child ended with the parent");
    }

    let back = Instant::now();
    let config = scene.lab.directors[A].run.with_extension("conf");
    scene.pair.daemons[A] = Daemon::start_on(Program::Holdfast, &scene.lab.directors[A], &config)?;
    scene.pair.daemons[A].wait_for_master(back, Duration::from_secs(6))?;
    scene.wait_for_both_servers()?;
    assert_eq!(
        scene.pair.daemons[A].child(ChildKind::DataPlane),
        data_plane,
        "adopted"
    );
    scene.vip_on_one_node_only(back);
    print_report("from the return on", &scene.poller.so_far().since(back));
    Ok(())
}

#[test]
fn a_second_daemon_on_the_same_pid_file_is_refused_and_harms_nobody() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let mut first = Daemon::start(Program::Holdfast, director, &pair::routers(A))?;
    wait_for_address(director, VIP, Duration::from_secs(6))?;
    let config = director.run.with_extension("conf");
    let mut second = Daemon::start_on(Program::Holdfast, director, &config)?;
    let status = second.wait(Duration::from_secs(3))?;
    let said = second.log().tail(5);
    println!("{status}\n{said}");
    assert!(!status.success());
    assert!(said.contains("already running"), "{said}");
    assert!(first.is_running(), "{}", first.log().tail(20));
    assert!(director.ns.has_address(VIP), "{}", first.log().tail(20));
    let pid = fs::read_to_string(director.run.join("holdfast.pid"))?;
    assert_eq!(
        pid.trim(),
        first.pid().to_string(),
        "the pid file is still the first one's"
    );
    Ok(())
}

#[test]
fn a_start_in_the_background_returns_when_its_pid_file_is_held() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let config = director.run.with_extension("conf");
    fs::write(&config, pair::routers(A))?;
    let start = || {
        let mut command = Command::new(binary("holdfastd"));
        command
            .arg("-f")
            .arg(&config)
            .arg("--run-directory")
            .arg(&director.run);
        director.ns.enter(|| command.status())
    };
    assert!(start()??.success());
    let pid = fs::read_to_string(director.run.join("holdfast.pid"))?;
    let pid: i32 = pid.trim().parse().expect("a number");
    assert!(director.ns.pids().contains(&pid), "the daemon's own");
    // Whoever starts it again at once is told.
    assert!(!start()??.success());
    kill(Pid::from_raw(pid), Signal::SIGTERM)?;
    wait_until("the daemon to end", Duration::from_secs(10), || {
        !director.ns.pids().contains(&pid)
    })
}
