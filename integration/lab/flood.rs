//! Somebody on the segment who sends VRRP packets as fast as asked, most of them nonsense.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::arp::PacketSocket;
use super::{LabError, Namespace, Result};

/// Where VRRP adverts go.
const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
const TICK: Duration = Duration::from_millis(1);

pub struct Flood {
    sent: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// Sends the frames in turn, so many a second, from an interface of `ns`, until it is dropped.
    pub fn start(
        ns: &Namespace,
        interface: &'static str,
        frames: Vec<Vec<u8>>,
        per_second: u32,
    ) -> Result<Self> {
        let socket = ns.enter(|| PacketSocket::open(interface))??;
        let (sent, stop) = (
            Arc::new(AtomicU64::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let (counter, stopped) = (Arc::clone(&sent), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let start = Instant::now();
            let mut all = frames.iter().cycle();
            while !stopped.load(Ordering::Relaxed) {
                let due = start.elapsed().as_secs_f64() * f64::from(per_second);
                while (counter.load(Ordering::Relaxed) as f64) < due {
                    if let Some(frame) = all.next() {
                        // A full queue loses one of many.
                        socket.send(frame).ok();
                    }
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(TICK);
            }
        });
        Ok(Self {
            sent,
            stop,
            thread: Some(thread),
        })
    }

    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// One kind of each packet that is no advert for the virtual router `vrid` of version 3, and one of each that is one
/// but changes nothing: repeated, of a lower priority, of somebody else. `source` is nobody on the segment.
pub fn nonsense(
    vrid: u8,
    priority: u8,
    centis: u16,
    source: Ipv4Addr,
    vip: Ipv4Addr,
) -> Vec<Vec<u8>> {
    let valid = advert(vrid, priority, centis, source, vip);
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut packet = valid.clone();
        change(&mut packet);
        frame(&packet)
    };
    vec![
        // A master of lower priority, over and over.
        with(&|_| {}),
        with(&|packet| packet[8] = 1),
        with(&|packet| packet[20] = 0x41),
        with(&|packet| packet[20] = 0x3f),
        with(&|packet| packet[26] ^= 0xff),
        with(&|packet| packet[23] = 255),
        with(&|packet| packet[24..26].fill(0)),
        with(&|packet| packet.truncate(26)),
        with(&|packet| packet.truncate(21)),
        // Longer than it says, and as long as a segment takes.
        with(&|packet| packet.resize(1500, 0xaa)),
        with(&|packet| {
            packet.resize(1500, 0xaa);
            packet[2..4].copy_from_slice(&1500_u16.to_be_bytes());
        }),
        frame(&advert(vrid.wrapping_add(1), 200, centis, source, vip)),
        frame(&advert(vrid, priority, centis / 2, source, vip)),
    ]
}

/// An IPv4 packet with an advert of version 3.
pub fn advert(vrid: u8, priority: u8, centis: u16, source: Ipv4Addr, vip: Ipv4Addr) -> Vec<u8> {
    let mut message = vec![0x31, vrid, priority, 1];
    message.extend(centis.to_be_bytes());
    message.extend([0, 0]);
    message.extend(vip.octets());
    let length = u16::try_from(message.len()).unwrap_or_default();
    let mut pseudo = [source.octets(), GROUP.octets()].concat();
    pseudo.extend([0, 112]);
    pseudo.extend(length.to_be_bytes());
    let sum = checksum(&[pseudo, message.clone()].concat());
    message[6..8].copy_from_slice(&sum.to_be_bytes());
    let mut packet = vec![0x45, 0xc0];
    packet.extend((20 + length).to_be_bytes());
    packet.extend([0, 1, 0, 0, 255, 112, 0, 0]);
    packet.extend(source.octets());
    packet.extend(GROUP.octets());
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(message);
    packet
}

/// In an Ethernet frame to the group, its IPv4 checksum made right.
pub fn frame(packet: &[u8]) -> Vec<u8> {
    let mut frame = vec![1, 0, 0x5e, 0, 0, 0x12, 2, 0x77, 0, 0, 0, 0x66, 8, 0];
    let mut packet = packet.to_vec();
    if packet.len() >= 20 {
        packet[10..12].fill(0);
        let sum = checksum(&packet[..20]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    frame.extend(packet);
    frame
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair.get(1).copied().unwrap_or(0)))
        .sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !u16::try_from(sum).unwrap_or(0)
}

/// Resident memory of a process, in KiB.
pub fn resident(pid: i32) -> Result<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    text.lines()
        .find(|line| line.starts_with("Rss:"))
        .and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .ok_or_else(|| LabError::Failed("no Rss".to_owned()))
}
