//! A client that asks an address every 10 ms and remembers what was not answered.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::lab::{Namespace, Result};

const EVERY: Duration = Duration::from_millis(10);
const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;
const IDENTIFIER: [u8; 2] = [0x48, 0x46];

#[derive(Clone, Copy, Debug)]
struct Request {
    at: Instant,
    answered: bool,
}

pub(crate) struct Pinger {
    requests: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pinger {
    pub(crate) fn start(ns: &Namespace, address: Ipv4Addr) -> Result<Self> {
        let socket =
            ns.enter(|| Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)))??;
        let requests = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (record, stopped) = (Arc::clone(&requests), Arc::clone(&stop));
        let thread = std::thread::spawn(move || ask(&socket, address, &record, &stopped));
        Ok(Self {
            requests,
            stop,
            thread: Some(thread),
        })
    }

    /// The longest time after `from` in which no request was answered.
    pub(crate) fn longest_gap(&self, from: Instant) -> Duration {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let answered: Vec<Instant> = requests
            .iter()
            .filter(|request| request.answered && request.at >= from)
            .map(|request| request.at)
            .collect();
        let gaps = answered.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.max().unwrap_or_default()
    }

    /// The last of them have been answered for that long.
    pub(crate) fn is_answered_for(&self, span: Duration) -> bool {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        // The very last may be on its way.
        let mut recent = requests
            .iter()
            .rev()
            .skip(2)
            .take_while(|request| request.at.elapsed() < span);
        requests.len() > 3 && recent.all(|request| request.answered)
    }
}

impl Drop for Pinger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn ask(socket: &Socket, address: Ipv4Addr, requests: &Mutex<Vec<Request>>, stop: &AtomicBool) {
    let to = SockAddr::from(SocketAddrV4::new(address, 0));
    let mut next = Instant::now();
    let mut buffer = [0; 256];
    while !stop.load(Ordering::Relaxed) {
        let number = {
            let mut requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
            requests.push(Request {
                at: Instant::now(),
                answered: false,
            });
            requests.len() - 1
        };
        socket.send_to(&echo(number), &to).ok();
        next += EVERY;
        loop {
            let left = next.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            socket
                .set_read_timeout(Some(left.max(Duration::from_micros(100))))
                .ok();
            let Ok(length) = (&*socket).read(&mut buffer) else {
                continue;
            };
            if let Some(number) = answer(&buffer[..length]) {
                let mut requests = requests.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(request) = requests.get_mut(number) {
                    request.answered = true;
                }
            }
        }
    }
}

/// ICMP echo request with a number of eight octets.
fn echo(number: usize) -> Vec<u8> {
    let mut message = vec![ECHO_REQUEST, 0, 0, 0];
    message.extend(IDENTIFIER);
    message.extend([0, 0]);
    message.extend((number as u64).to_be_bytes());
    let sum: u32 = message
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
        .sum();
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = !u16::try_from((sum >> 16) + (sum & 0xffff)).unwrap_or(0);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    message
}

fn answer(packet: &[u8]) -> Option<usize> {
    let header = usize::from(packet.first()? & 0xf) * 4;
    let message = packet.get(header..)?;
    let is_ours = *message.first()? == ECHO_REPLY && message.get(4..6)? == IDENTIFIER;
    let number = message.get(8..16).filter(|_| is_ours)?;
    usize::try_from(u64::from_be_bytes(number.try_into().ok()?)).ok()
}
