//! VRRP adverts as a third party on the wire sees them.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::arp::PacketSocket;
use super::{LabError, Namespace, Result};

/// An IPv4 packet of protocol 112 without its Ethernet header.
#[derive(Clone, Debug)]
pub struct Advert {
    pub at: Instant,
    pub ethernet: [u8; 14],
    pub packet: Vec<u8>,
}

impl Advert {
    pub fn source(&self) -> Ipv4Addr {
        Ipv4Addr::new(
            self.packet[12],
            self.packet[13],
            self.packet[14],
            self.packet[15],
        )
    }

    /// The VRRP message behind the IP header.
    pub fn message(&self) -> &[u8] {
        let header = usize::from(self.packet[0] & 0xf) * 4;
        self.packet.get(header..).unwrap_or_default()
    }

    pub fn priority(&self) -> u8 {
        self.message().get(2).copied().unwrap_or_default()
    }

    /// The packet with what may differ between two runs set to zero: identification and checksum
    /// of the IP header.
    pub fn comparable(&self) -> Vec<u8> {
        let mut packet = self.packet.clone();
        packet[4..6].fill(0);
        packet[10..12].fill(0);
        packet
    }
}

/// Listens on one interface of a namespace.
pub struct Listener {
    socket: PacketSocket,
}

impl Listener {
    pub fn open(ns: &Namespace, interface: &str) -> Result<Self> {
        Ok(Self {
            socket: ns.enter(|| PacketSocket::open(interface))??,
        })
    }

    /// The next advert from `source`.
    pub fn next(&self, source: Ipv4Addr, bound: Duration) -> Result<Advert> {
        let end = Instant::now() + bound;
        while let Some(advert) = self.until(end)? {
            if advert.source() == source {
                return Ok(advert);
            }
        }
        Err(LabError::Timeout {
            condition: format!("an advert from {source}"),
            bound,
            detail: String::new(),
        })
    }

    /// The next advert from anybody before `end`.
    pub fn until(&self, end: Instant) -> Result<Option<Advert>> {
        let mut buffer = [0; 2048];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let step = left
                .min(Duration::from_millis(100))
                .max(Duration::from_millis(1));
            if let Some(frame) = self.socket.receive(&mut buffer, step)?
                && let Some(advert) = parse(frame)
            {
                return Ok(Some(advert));
            }
        }
    }

    /// Every frame before `end` that `wanted` accepts.
    pub fn frames_until(
        &self,
        end: Instant,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Vec<(Instant, Vec<u8>)>> {
        let mut buffer = [0; 2048];
        let mut frames = Vec::new();
        while Instant::now() < end {
            if let Some(frame) = self
                .socket
                .receive(&mut buffer, Duration::from_millis(20))?
                && wanted(frame)
            {
                frames.push((Instant::now(), frame.to_owned()));
            }
        }
        Ok(frames)
    }
}

/// Waits for an advert: a fault right after one is the worst case for the backup.
pub fn wait_for_advert(ns: &Namespace, source: Ipv4Addr, bound: Duration) -> Result<Instant> {
    Ok(Listener::open(ns, "eth0")?.next(source, bound)?.at)
}

fn parse(frame: &[u8]) -> Option<Advert> {
    let ethernet: [u8; 14] = frame.get(..14)?.try_into().ok()?;
    let packet = frame.get(14..)?;
    let is_vrrp = ethernet[12..14] == [0x08, 0x00] && packet.len() >= 28 && packet[9] == 112;
    if !is_vrrp {
        return None;
    }
    // Ethernet padding is not part of the packet.
    let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    Some(Advert {
        at: Instant::now(),
        ethernet,
        packet: packet.get(..length)?.to_owned(),
    })
}
