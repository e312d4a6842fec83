//! `net_namespace` and `instance`: where the program runs, and several of it side by side.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::lab::daemon::binary;
use crate::lab::process::Process;
use crate::lab::wait::wait_until;
use crate::lab::{A, B, Director, Lab, Namespace, Result, VIP};

const BOUND: Duration = Duration::from_secs(8);

/// A virtual router of one address on `eth0` that is MASTER at once.
fn owner(top: &str, vrid: u8, address: &str) -> String {
    format!(
        "{top}\nglobal_defs {{\n    script_user root\n}}\nvrrp_instance V {{\n    interface eth0\n    \
         virtual_router_id {vrid}\n    priority 255\n    state MASTER\n    virtual_ipaddress {{\n        \
         {address}/24\n    }}\n}}\n"
    )
}

/// The program, started in `from` with a run directory that others may share.
fn start(from: &Namespace, name: &'static str, config: &Path, run: &Path) -> Result<Process> {
    let words: [&std::ffi::OsStr; 7] = [
        "-n".as_ref(),
        "-l".as_ref(),
        "-D".as_ref(),
        "-f".as_ref(),
        config.as_ref(),
        "--run-directory".as_ref(),
        run.as_ref(),
    ];
    Process::spawn(from, name, &binary("holdfastd"), &words)
}

fn fence(from: &Namespace, run: &Path) -> Result<String> {
    let mut command = std::process::Command::new(binary("holdfast"));
    from.run(command.arg("fence").arg("--run-directory").arg(run))
}

fn has_vip(director: &Director) -> Result<()> {
    wait_until("the address", BOUND, || director.ns.has_address(VIP))
}

#[test]
fn the_program_goes_into_the_namespace_that_the_file_names() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let name = director.ns.name();
    let top = format!("net_namespace {name}");
    let config = lab.file("a.conf", &owner(&top, 51, &VIP.to_string()))?;
    let run = lab.dir().join("run");
    // Started on a real server, which has no way to that interface.
    let mut daemon = start(&lab.real_servers[0].ns, "a", &config, &run)?;
    has_vip(director)?;
    let below: PathBuf = run.join(name);
    assert!(below.join("vrrp.pid").exists(), "{}", below.display());
    // All of it is killed: the journal says where to go. The parent writes it a moment after the address is there.
    wait_until("the journal", BOUND, || {
        let journal = fs::read_to_string(below.join("owned.json"));
        journal.is_ok_and(|text| text.contains(&VIP.to_string()))
    })?;
    daemon.kill_tree();
    assert!(director.ns.has_address(VIP));
    println!("{}", fence(&lab.real_servers[0].ns, &run)?);
    assert!(!director.ns.has_address(VIP));
    Ok(())
}

#[test]
fn a_namespace_that_does_not_exist_is_named_with_what_makes_one() -> Result<()> {
    let lab = Lab::new()?;
    let config = lab.file(
        "a.conf",
        &owner("net_namespace nosuchns", 51, "10.77.0.100"),
    )?;
    let started = Instant::now();
    let mut daemon = start(&lab.client, "a", &config, &lab.dir().join("run"))?;
    let status = daemon.wait(BOUND)?;
    daemon
        .log()
        .wait_for(started, "ip netns add nosuchns", Duration::from_secs(2))?;
    assert_eq!(status.code(), Some(2), "{}", daemon.log().tail(20));
    Ok(())
}

#[test]
fn two_instances_run_side_by_side_and_each_ends_alone() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[B];
    let run = lab.dir().join("run");
    let text = |name: &str, vrid, address| {
        let top = format!("instance {name}");
        // An address that is not accepted makes a table of nftables; an owner accepts its own.
        owner(&top, vrid, address).replace(
            "priority 255\n    state MASTER",
            "version 3\n    advert_int 0.1\n    no_accept",
        )
    };
    let one = lab.file("one.conf", &text("one", 51, "10.77.0.101"))?;
    let two = lab.file("two.conf", &text("two", 52, "10.77.0.102"))?;
    let mut first = start(&director.ns, "one", &one, &run)?;
    let second = start(&director.ns, "two", &two, &run)?;
    let has = |address: &str| {
        let address: std::net::Ipv4Addr = address.parse().expect("an address");
        director.ns.has_address(address)
    };
    wait_until("both addresses", BOUND, || {
        has("10.77.0.101") && has("10.77.0.102")
    })?;
    first.signal(nix::sys::signal::Signal::SIGTERM)?;
    first.wait(BOUND)?;
    assert!(!has("10.77.0.101") && has("10.77.0.102"));
    let mut tables = std::process::Command::new("nft");
    let tables = director.ns.run(tables.args(["list", "tables"]))?;
    assert!(
        tables.contains("keepalived_two") && !tables.contains("keepalived_one"),
        "{tables}"
    );
    drop(second);
    Ok(())
}

#[test]
fn a_second_daemon_in_a_namespace_is_refused_whatever_its_run_directory() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let config = lab.file("a.conf", &owner("", 51, &VIP.to_string()))?;
    let _first = start(&director.ns, "a", &config, &lab.dir().join("one"))?;
    has_vip(director)?;
    let started = Instant::now();
    let mut second = start(&director.ns, "b", &config, &lab.dir().join("two"))?;
    let status = second.wait(BOUND)?;
    second
        .log()
        .wait_for(started, "instance NAME", Duration::from_secs(2))?;
    assert_eq!(status.code(), Some(1), "{}", second.log().tail(20));
    assert!(director.ns.has_address(VIP));
    assert!(fs::exists(lab.dir().join("one/owned.json"))?);
    Ok(())
}
