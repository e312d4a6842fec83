//! Adverts from somebody who should not send any: counted, ignored, harmless.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

use crate::lab::wait::watch_for;
use crate::lab::{A, B, Result};
use crate::pair::{self, Scene, print_report};

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// A small generator, so that a failure repeats.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.to_le_bytes()[3]
    }
}

/// A well-formed version 2 advert of priority 255 for the pair's router, without its password.
fn forged() -> Vec<u8> {
    let mut advert = vec![
        0x21, 51, 255, 1, 0, 1, 0, 0, 10, 77, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let sum: u32 = advert
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let checksum = !u16::try_from(folded & 0xffff).unwrap_or_default();
    advert[6..8].copy_from_slice(&checksum.to_be_bytes());
    advert
}

#[test]
fn malformed_adverts_change_nothing() -> Result<()> {
    let mut scene = Scene::start(pair::director)?;
    let socket = scene.lab.client.enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(112)))?;
        socket.set_multicast_ttl_v4(255)?;
        socket.set_multicast_if_v4(&crate::lab::CLIENT)?;
        Ok::<_, std::io::Error>(socket)
    })??;
    let to = SocketAddr::from((GROUP, 0)).into();
    let from = Instant::now();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let genuine = forged();
    let mut sent = 0;
    for round in 0..2000_usize {
        let mut packet = genuine.clone();
        match round % 4 {
            0 => packet.truncate(round / 4 % genuine.len()),
            1 => packet[round / 4 % genuine.len()] = dice.roll(),
            2 => packet = (0..round % 1400).map(|_| dice.roll()).collect(),
            // Everything right except the password.
            _ => {}
        }
        sent += usize::from(socket.send_to(&packet, &to).is_ok());
        if round % 100 == 99 {
            watch_for(Duration::from_millis(20));
        }
    }
    socket.set_multicast_ttl_v4(3)?;
    socket.send_to(&genuine, &to)?;
    watch_for(Duration::from_secs(5));
    println!("{sent} packets sent");
    assert!(sent > 1900);
    for director in [A, B] {
        assert!(scene.pair.daemons[director].is_running());
        let lines = scene.log_since(director, from);
        let transitions: Vec<_> = lines
            .iter()
            .filter(|line| line.text.contains("Entering"))
            .collect();
        assert!(transitions.is_empty(), "{transitions:#?}");
        println!("{} log lines on director {director}", lines.len());
        assert!(
            lines.len() < 200,
            "the log was flooded with {} lines",
            lines.len()
        );
    }
    let report = scene.poller.so_far().since(from);
    print_report("during it", &report);
    assert_eq!(report.failures(), 0);
    assert_eq!(scene.watch.address_events(from), []);
    Ok(())
}
