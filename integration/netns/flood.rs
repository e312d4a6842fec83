//! A flood of VRRP packets on the segment.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use crate::lab::flood::{Flood, nonsense, resident};
use crate::lab::wait::watch_for;
use crate::lab::{A, B, Lab, Program, Result, VIP, daemon::ChildKind};
use crate::pair::Pair;

/// Nobody's.
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 66);
const RATE: u32 = 20_000;
const SPAN: Duration = Duration::from_secs(4);

fn routers(director: usize) -> String {
    let priority = [150, 100][director];
    format!(
        "global_defs {{\n    router_id {director}\n    vrrp_version 3\n}}\n\
         vrrp_instance outside {{\n    state BACKUP\n    interface eth0\n    virtual_router_id 51\n    \
         priority {priority}\n    advert_int 1\n    virtual_ipaddress {{\n        {VIP}/24\n    }}\n}}\n\
         vrrp_instance inside {{\n    state BACKUP\n    interface eth1\n    virtual_router_id 52\n    \
         priority {priority}\n    advert_int 1\n    virtual_ipaddress {{\n        10.78.0.254/24\n    }}\n}}\n"
    )
}

#[test]
fn twenty_thousand_bad_adverts_a_second_move_no_address_and_take_no_memory() -> Result<()> {
    let lab = Lab::new()?;
    let pair = Pair::start(&lab, Program::Holdfast, routers)?;
    let pids = [A, B].map(|director| {
        let daemon = &pair.daemons[director];
        daemon.wait_for_child(ChildKind::Vrrp, Duration::from_secs(2))
    });
    let pids = [
        pids[0].as_ref().copied().unwrap_or(0),
        pids[1].as_ref().copied().unwrap_or(0),
    ];
    let frames = nonsense(51, 90, 100, STRANGER, VIP);
    let flood = Flood::start(&lab.client, "eth0", frames, RATE)?;
    // The first second brings buffers to their size and the filter into place.
    watch_for(Duration::from_secs(1));
    let from = Instant::now();
    let before = [resident(pids[A])?, resident(pids[B])?];
    watch_for(SPAN);
    let after = [resident(pids[A])?, resident(pids[B])?];
    println!(
        "{} packets; memory {before:?} -> {after:?} KiB",
        flood.sent()
    );
    drop(flood);
    for director in [A, B] {
        let log = pair.daemons[director].log();
        let changes = log.count_since(from, "Entering");
        assert_eq!(changes, 0, "{}", log.tail(40));
        assert!(
            after[director] <= before[director] + 1024,
            "{before:?} {after:?}"
        );
    }
    assert!(lab.directors[A].ns.has_address(VIP));
    assert!(!lab.directors[B].ns.has_address(VIP));
    assert!(
        pair.daemons[A].log().contains("A flood of bad adverts"),
        "{}",
        pair.daemons[A].log().tail(40)
    );
    Ok(())
}
