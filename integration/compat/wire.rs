//! Byte for byte what keepalived sends, except the identification and checksum of the IP header.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::lab::advert::{Advert, Listener};
use crate::lab::{A, B, Lab, Program, Result, VIP};
use crate::router::{ELECTION, Router};

/// What a listener hears from a node that starts, becomes master and stops.
#[derive(Debug, Eq, PartialEq)]
struct Heard {
    first: Vec<u8>,
    ethernet: [u8; 14],
    last: Vec<u8>,
    /// Frames of gratuitous ARP right after becoming master.
    arp: Vec<Vec<u8>>,
}

fn listen(program: Program, router: &Router, unicast: bool) -> Result<Heard> {
    let lab = Lab::new()?;
    // Unicast adverts are for the peer alone; it must be there for their way to be found.
    let ns = if unicast {
        &lab.directors[B].ns
    } else {
        &lab.client
    };
    let source = lab.directors[A].outside;
    let adverts = Listener::open(ns, "eth0")?;
    let arp = Listener::open(&lab.client, "eth0")?;
    let mut node = router.start(&lab, A, program)?;
    let first = adverts.next(source, ELECTION)?;
    let announced = arp.frames_until(first.at + Duration::from_millis(700), |frame| {
        frame.len() >= 42 && frame[12..14] == [0x08, 0x06] && frame[28..32] == VIP.octets()
    })?;
    let second = adverts.next(source, Duration::from_secs(2))?;
    println!(
        "{program:?}: {} frames of ARP, second advert {:?} later",
        announced.len(),
        second.at - first.at
    );
    node.signal(Signal::SIGTERM)?;
    let end = Instant::now() + Duration::from_secs(2);
    let mut last: Option<Advert> = None;
    while let Some(advert) = adverts.until(end)? {
        if advert.source() == source {
            last = Some(advert);
        }
    }
    node.wait(Duration::from_secs(5))?;
    let last = last.map(|advert| {
        assert_eq!(advert.priority(), 0, "the last word is not a release");
        advert.comparable()
    });
    Ok(Heard {
        first: first.comparable(),
        ethernet: first.ethernet,
        last: last.unwrap_or_default(),
        arp: announced
            .into_iter()
            .map(|(_, frame)| frame[..42].to_owned())
            .collect(),
    })
}

fn equal(router: &Router, unicast: bool) -> Result<()> {
    let theirs = listen(Program::Keepalived, router, unicast)?;
    let ours = listen(Program::under_test(), router, unicast)?;
    println!("advert {}", hex(&theirs.first));
    println!("release {}", hex(&theirs.last));
    assert!(!theirs.arp.is_empty() && !theirs.last.is_empty());
    assert_eq!(hex(&theirs.first), hex(&ours.first), "first advert");
    assert_eq!(
        hex(&theirs.ethernet),
        hex(&ours.ethernet),
        "Ethernet header"
    );
    assert_eq!(hex(&theirs.last), hex(&ours.last), "release");
    assert_eq!(theirs.arp, ours.arp, "gratuitous ARP");
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn multicast_adverts_with_a_password_are_equal() -> Result<()> {
    equal(&Router::of_priority(150), false)
}

#[test]
fn multicast_adverts_without_authentication_are_equal() -> Result<()> {
    let mut router = Router::of_priority(1);
    router.authentication = false;
    equal(&router, false)
}

#[test]
fn unicast_adverts_are_equal() -> Result<()> {
    let router = Router::of_priority(200)
        .with("unicast_src_ip 10.77.0.3")
        .with("unicast_peer {\n        10.77.0.4\n    }");
    equal(&router, true)
}

#[test]
fn adverts_of_several_addresses_are_equal() -> Result<()> {
    let more = "virtual_ipaddress_excluded {\n        10.77.0.103/24\n    }";
    equal(
        &Router::of_priority(100)
            .with(more)
            .with("garp_master_repeat 2"),
        false,
    )
}

#[test]
fn an_owners_adverts_are_equal() -> Result<()> {
    equal(&Router::of_priority(255), false)
}
