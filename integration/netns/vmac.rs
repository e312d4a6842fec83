//! Interfaces with virtual MAC addresses.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::lab::daemon::ChildKind;
use crate::lab::wait::wait_until;
use crate::lab::{A, B, Daemon, Director, Lab, Program, Result, VIP};
use crate::network::answers;
use crate::pair;

const VMAC: &str = "00:00:5e:00:01:33";

fn ip(director: &Director, words: &str) -> Result<String> {
    director.ns.run(Command::new("ip").args(words.split(' ')))
}

fn setting(director: &Director, key: &str) -> Result<String> {
    let path = format!("/proc/sys/net/ipv4/conf/{key}");
    let text = director.ns.run(Command::new("cat").arg(path))?;
    Ok(text.trim().to_owned())
}

fn config(director: usize, more: &str) -> String {
    let vip = format!(
        "vrrp_instance V {{\n    interface eth0\n    virtual_router_id 51\n    priority {}\n    use_vmac\n    \
         {more}\n    virtual_ipaddress {{\n        {VIP}/24\n    }}\n}}\n",
        pair::PRIORITIES[director]
    );
    format!("global_defs {{\n    script_user root\n}}\n{vip}")
}

#[test]
fn the_address_keeps_its_mac_address_over_a_failover() -> Result<()> {
    let lab = Lab::new()?;
    let neighbour = || -> Result<String> {
        assert!(answers(&lab), "{VIP}");
        lab.client
            .run(Command::new("ip").args(["neighbour", "show", &VIP.to_string()]))
    };
    let mut first = Daemon::start(Program::Holdfast, &lab.directors[A], &config(A, ""))?;
    first.wait_for_master(first.started(), Duration::from_secs(8))?;
    let second = Daemon::start(Program::Holdfast, &lab.directors[B], &config(B, ""))?;
    let seen = neighbour()?;
    assert!(seen.contains(VMAC), "{seen}");
    let shown = ip(&lab.directors[A], "-d address show dev vrrp.51")?;
    assert!(
        shown.contains("macvlan mode private") && shown.contains(VMAC),
        "{shown}"
    );
    assert!(shown.contains(&format!("{VIP}/24")), "{shown}");
    assert!(!ip(&lab.directors[A], "address show dev eth0")?.contains(&VIP.to_string()));
    let stopped = Instant::now();
    first.terminate(Duration::from_secs(5))?;
    second.wait_for_master(stopped, Duration::from_secs(5))?;
    let seen = neighbour()?;
    assert!(seen.contains(VMAC), "{seen}");
    // Both nodes agree about who is master all along: b has heard the adverts of a's VMAC.
    assert_eq!(
        second
            .log()
            .count_since(second.started(), "Entering MASTER STATE"),
        1
    );
    Ok(())
}

#[test]
fn an_address_on_another_interface_has_a_vmac_there() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let gateway = crate::lab::GATEWAY;
    let config = format!(
        "global_defs {{\n    script_user root\n    vmac_addr_prefix addr\n}}\nvrrp_instance V {{\n    interface eth0\n    \
         virtual_router_id 51\n    priority 150\n    virtual_ipaddress {{\n        {VIP}/24\n        \
         {gateway}/24 dev eth1 use_vmac\n    }}\n}}\n"
    );
    let mut daemon = Daemon::start(Program::Holdfast, director, &config)?;
    daemon.wait_for_master(daemon.started(), Duration::from_secs(8))?;
    wait_until("the address", Duration::from_secs(2), || {
        director.ns.has_address(gateway)
    })?;
    let shown = ip(director, "-d address show dev addr.51")?;
    assert!(
        shown.contains("addr.51@eth1") && shown.contains(VMAC),
        "{shown}"
    );
    assert!(shown.contains(&format!("{gateway}/24")), "{shown}");
    // Adverts and the other address stay where they are.
    assert!(ip(director, "address show dev eth0")?.contains(&VIP.to_string()));
    let server = &lab.real_servers[0].ns;
    let target = SocketAddr::from((gateway, 9));
    // Refused: an answer.
    let connect = || TcpStream::connect_timeout(&target, Duration::from_secs(2));
    let refused = server
        .enter(connect)?
        .is_err_and(|it| it.kind() == ErrorKind::ConnectionRefused);
    assert!(refused);
    let seen = server.run(Command::new("ip").args(["neighbour", "show", &gateway.to_string()]))?;
    assert!(seen.contains(VMAC), "{seen}");
    daemon.terminate(Duration::from_secs(5))?;
    assert!(!ip(director, "link show")?.contains("addr.51"));
    Ok(())
}

/// Settings of the node that a VMAC needs otherwise.
fn settings(director: &Director) -> Result<Vec<String>> {
    let keys = [
        "eth0/arp_ignore",
        "eth0/arp_filter",
        "eth0/arp_announce",
        "eth0/promote_secondaries",
        "all/rp_filter",
        "eth0/rp_filter",
        "eth1/rp_filter",
    ];
    keys.iter().map(|key| setting(director, key)).collect()
}

/// MASTER with a VMAC and `promote_secondaries`, and the settings before. `all` filters by reverse path.
fn changed(director: &Director) -> Result<(Daemon, Vec<String>)> {
    director.ns.sysctl("net/ipv4/conf/all/rp_filter", "1")?;
    let before = settings(director)?;
    let config = config(A, "promote_secondaries");
    let daemon = Daemon::start(Program::Holdfast, director, &config)?;
    daemon.wait_for_master(daemon.started(), Duration::from_secs(8))?;
    assert_eq!(
        settings(director)?,
        ["1", "1", "2", "1", "0", "1", "1"],
        "{before:?}"
    );
    Ok((daemon, before))
}

#[test]
fn interface_and_settings_are_as_before_when_the_program_has_ended() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let (mut daemon, before) = changed(director)?;
    assert_eq!(setting(director, "vrrp.51/arp_ignore")?, "1");
    assert_eq!(setting(director, "vrrp.51/rp_filter")?, "0");
    daemon.terminate(Duration::from_secs(5))?;
    assert!(!ip(director, "link show")?.contains("vrrp.51"));
    assert_eq!(settings(director)?, before);
    Ok(())
}

#[test]
fn settings_are_as_before_also_when_a_child_died_meanwhile() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let (mut daemon, before) = changed(director)?;
    let old = daemon.signal_child(ChildKind::Vrrp, Signal::SIGKILL)?;
    daemon.wait_for_successor(ChildKind::Vrrp, old, Duration::from_secs(5))?;
    wait_until("the address again", Duration::from_secs(8), || {
        director.ns.has_address(VIP)
    })?;
    assert_eq!(setting(director, "all/rp_filter")?, "0");
    daemon.terminate(Duration::from_secs(5))?;
    assert_eq!(settings(director)?, before);
    Ok(())
}

#[test]
fn a_vmac_interface_that_somebody_deletes_comes_back_with_its_address() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let daemon = Daemon::start(Program::Holdfast, director, &config(A, ""))?;
    daemon.wait_for_master(daemon.started(), Duration::from_secs(8))?;
    wait_until("the address", Duration::from_secs(2), || {
        director.ns.has_address(VIP)
    })?;
    ip(director, "link del vrrp.51")?;
    let deleted = Instant::now();
    wait_until("the address again", Duration::from_secs(5), || {
        ip(director, "address show dev vrrp.51").is_ok_and(|it| it.contains(&VIP.to_string()))
    })?;
    println!("back after {:?}", deleted.elapsed());
    assert!(
        deleted.elapsed() < Duration::from_millis(500),
        "{:?}",
        deleted.elapsed()
    );
    assert_eq!(
        daemon
            .log()
            .count_since(daemon.started(), "Entering BACKUP STATE"),
        1
    );
    Ok(())
}

#[test]
fn with_vmac_xmit_base_adverts_leave_from_the_interface_itself() -> Result<()> {
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let daemon = Daemon::start(Program::Holdfast, director, &config(A, "vmac_xmit_base"))?;
    daemon.wait_for_master(daemon.started(), Duration::from_secs(8))?;
    let sent = |interface: &str| -> Result<u64> {
        let text = ip(director, &format!("-s link show dev {interface}"))?;
        let line = text.lines().last().unwrap_or_default().to_owned();
        Ok(line
            .split_whitespace()
            .nth(1)
            .and_then(|it| it.parse().ok())
            .unwrap_or(0))
    };
    let (base, vmac) = (sent("eth0")?, sent("vrrp.51")?);
    crate::lab::wait::watch_for(Duration::from_millis(3500));
    assert!(sent("eth0")? >= base + 3);
    println!("{} frames through the VMAC", sent("vrrp.51")? - vmac);
    Ok(())
}

#[test]
fn fence_deletes_the_vmac_interface_and_puts_settings_back_when_everything_was_killed() -> Result<()>
{
    let lab = Lab::new()?;
    let director = &lab.directors[A];
    let (mut daemon, before) = changed(director)?;
    daemon.kill_tree();
    assert!(ip(director, "link show")?.contains("vrrp.51"));
    println!("{}", crate::lab::daemon::fence(director)?);
    assert!(!ip(director, "link show")?.contains("vrrp.51"));
    assert_eq!(settings(director)?, before);
    Ok(())
}
