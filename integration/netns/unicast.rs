//! Unicast without `interface`: adverts go where routes lead.

use std::time::{Duration, Instant};

use crate::lab::wait::{wait_until, watch_for};
use crate::lab::{A, B, Daemon, Lab, Program, Result, VIP};
use crate::pair::PRIORITIES;

const SOON: Duration = Duration::from_secs(8);

/// One virtual router whose adverts come from an address of `lo`, as where every interface is but a way.
fn config(director: usize, own: &str, peer: &str) -> String {
    let advertised = if own.contains(':') {
        "fe80::100/64 dev eth0\n    }\n    virtual_ipaddress_excluded {\n        "
    } else {
        ""
    };
    format!(
        "global_defs {{\n    script_user root\n}}\nvrrp_instance V {{\n    virtual_router_id 51\n    version 3\n    \
         priority {}\n    advert_int 0.2\n    unicast_src_ip {own}\n    unicast_peer {{\n        {peer}\n    }}\n    \
         virtual_ipaddress {{\n        {advertised}{VIP}/24 dev eth0\n    }}\n}}\n",
        PRIORITIES[director]
    )
}

fn nodes_without_an_interface(addresses: [&str; 2], gateways: [&str; 2]) -> Result<()> {
    let lab = Lab::new()?;
    for (director, peer) in [(A, B), (B, A)] {
        let ns = &lab.directors[director].ns;
        let (own, other, gateway) = (addresses[director], addresses[peer], gateways[peer]);
        let mut dad = "";
        if gateway.contains(':') {
            dad = "nodad";
            let own = gateways[director];
            ns.ip(&format!("addr add {own}/64 dev eth0 nodad\n"))?;
        }
        ns.ip(&format!(
            "addr add {own} dev lo {dad}\nroute add {other} via {gateway} src {own}\n"
        ))?;
    }
    let start = |director: usize| {
        let config = config(director, addresses[director], addresses[1 - director]);
        Daemon::start(Program::Holdfast, &lab.directors[director], &config)
    };
    let has_vip = || lab.directors.each_ref().map(|it| it.ns.has_address(VIP));
    let mut first = start(A)?;
    wait_until("the address on a", SOON, || has_vip() == [true, false])?;
    let second = start(B)?;
    second
        .log()
        .wait_for(second.started(), "Entering BACKUP STATE", SOON)?;
    watch_for(Duration::from_secs(2));
    assert_eq!(has_vip(), [true, false], "{}", second.log().tail(20));
    let stopped = Instant::now();
    first.terminate(SOON)?;
    second.wait_for_master(stopped, SOON)?;
    wait_until("the address on b", SOON, || has_vip() == [false, true])?;
    // It comes back and is heard.
    let _again = start(A)?;
    wait_until("the address on a again", SOON, || {
        has_vip() == [true, false]
    })
}

#[test]
fn unicast_over_ipv4_needs_no_interface() -> Result<()> {
    nodes_without_an_interface(["10.99.0.3", "10.99.0.4"], ["10.77.0.3", "10.77.0.4"])
}

#[test]
fn unicast_over_ipv6_needs_no_interface() -> Result<()> {
    nodes_without_an_interface(["fd99::3", "fd99::4"], ["fd77::3", "fd77::4"])
}
