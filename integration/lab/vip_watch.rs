//! On how many nodes was the VIP, and for how long?
//!
//! Two witnesses: netlink address events in both directors, and the ARP answers that the client
//! gets. A director whose link is cut keeps its addresses and harms nobody, so the time in which it
//! is cut does not count; the ARP answers are not forgiven anything.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::arp::{self, Claim};
use super::{CLIENT, Lab, LabError, Namespace, Result};

/// RTMGRP_IPV4_IFADDR of rtnetlink(7).
const IPV4_ADDRESS_EVENTS: u32 = 0x10;
/// What the data plane's TAP has, so that the reverse path filter lets its packets pass (RFC 7600).
const TAP_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);
/// How often the client asks who has the VIP.
const ASK_EVERY: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Change {
    Has(bool),
    Reachable(bool),
}

#[derive(Clone, Copy, Debug)]
struct Event {
    at: Instant,
    director: usize,
    change: Change,
}

/// Any address that came or went on a director.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AddressEvent {
    pub at: Instant,
    pub director: usize,
    pub address: Ipv4Addr,
    pub added: bool,
}

#[derive(Debug, Default)]
struct Seen {
    events: Vec<Event>,
    addresses: Vec<AddressEvent>,
    claims: Vec<Claim>,
}

pub struct VipWatch {
    vip: Ipv4Addr,
    macs: [[u8; 6]; 2],
    seen: Arc<Mutex<Seen>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Result<()>>>,
}

impl VipWatch {
    /// Watches `vip` on both directors of `lab` from now on.
    pub fn start(lab: &Lab, vip: Ipv4Addr) -> Result<Self> {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for (director, node) in lab.directors.iter().enumerate() {
            let (seen, stop) = (Arc::clone(&seen), Arc::clone(&stop));
            let socket = subscribe(&node.ns)?;
            if node.ns.has_address(vip) {
                note(&seen, director, Change::Has(true));
            }
            threads.push(
                node.ns
                    .thread(move || follow(&socket, director, vip, &seen, &stop))?,
            );
        }
        let (record, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        threads.push(lab.client.thread(move || {
            arp::ask_for(vip, CLIENT, ASK_EVERY, &stopped, |claim| {
                lock(&record).claims.push(claim)
            })
        })?);
        let macs = [lab.directors[0].mac, lab.directors[1].mac];
        Ok(Self {
            vip,
            macs,
            seen,
            stop,
            threads,
        })
    }

    /// From now on the director's link is cut, so its addresses do not count.
    pub fn cut(&self, director: usize) {
        note(&self.seen, director, Change::Reachable(false));
    }

    pub fn uncut(&self, director: usize) {
        note(&self.seen, director, Change::Reachable(true));
    }

    /// Address events on both directors since `from`, without those of the data plane's own TAP.
    pub fn address_events(&self, from: Instant) -> Vec<AddressEvent> {
        let seen = lock(&self.seen);
        seen.addresses
            .iter()
            .filter(|event| event.at >= from && event.address != TAP_ADDRESS)
            .cloned()
            .collect()
    }

    /// When the director got the VIP after `from`.
    pub fn gained(&self, director: usize, from: Instant) -> Option<Instant> {
        self.first(director, from, Change::Has(true))
    }

    pub fn lost(&self, director: usize, from: Instant) -> Option<Instant> {
        self.first(director, from, Change::Has(false))
    }

    fn first(&self, director: usize, from: Instant, change: Change) -> Option<Instant> {
        let seen = lock(&self.seen);
        let found = seen
            .events
            .iter()
            .find(|event| event.at >= from && event.director == director && event.change == change);
        found.map(|event| event.at)
    }

    /// What was seen between `from` and `to`.
    pub fn verdict(&self, from: Instant, to: Instant) -> Verdict {
        let seen = lock(&self.seen);
        let (both, nobody) = overlap(&seen.events, from, to);
        let claims: Vec<&Claim> = seen
            .claims
            .iter()
            .filter(|claim| claim.at >= from && claim.at < to)
            .collect();
        let answered_by = self
            .macs
            .map(|mac| claims.iter().filter(|claim| claim.mac == mac).count());
        let strangers = claims.len() - answered_by[0] - answered_by[1];
        Verdict {
            both,
            nobody,
            double_answers: double_answers(&claims),
            answered_by,
            strangers,
        }
    }

    /// Ends the watch; an observer that failed spoils the verdict.
    pub fn finish(mut self, from: Instant, to: Instant) -> Result<Verdict> {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let ended = thread.join();
            ended.map_err(|_| LabError::Failed("an observer of the VIP died".to_owned()))??;
        }
        Ok(self.verdict(from, to))
    }

    pub fn vip(&self) -> Ipv4Addr {
        self.vip
    }
}

impl Drop for VipWatch {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().ok();
        }
    }
}

/// What the two witnesses say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Verdict {
    /// Time in which both reachable directors had the VIP, by netlink.
    pub both: Duration,
    /// Time in which no reachable director had it.
    pub nobody: Duration,
    /// Times that the client heard one director, the other, and the first again within 100 ms:
    /// two nodes answering at the same time.
    pub double_answers: usize,
    /// ARP claims by each director.
    pub answered_by: [usize; 2],
    /// ARP claims by anybody else.
    pub strangers: usize,
}

/// Integrates the events between `from` and `to`: time on both nodes, time on none.
fn overlap(events: &[Event], from: Instant, to: Instant) -> (Duration, Duration) {
    let mut has = [false; 2];
    let mut reachable = [true; 2];
    let (mut both, mut nobody) = (Duration::ZERO, Duration::ZERO);
    let mut events: Vec<Event> = events
        .iter()
        .copied()
        .filter(|event| event.at < to)
        .collect();
    events.sort_by_key(|event| event.at);
    let mut last = from;
    for event in events {
        if event.at > last {
            add(has, reachable, event.at - last, &mut both, &mut nobody);
            last = event.at;
        }
        match event.change {
            Change::Has(has_it) => has[event.director] = has_it,
            Change::Reachable(is) => reachable[event.director] = is,
        }
    }
    add(
        has,
        reachable,
        to.saturating_duration_since(last),
        &mut both,
        &mut nobody,
    );
    (both, nobody)
}

fn add(
    has: [bool; 2],
    reachable: [bool; 2],
    span: Duration,
    both: &mut Duration,
    nobody: &mut Duration,
) {
    match [has[0] && reachable[0], has[1] && reachable[1]] {
        [true, true] => *both += span,
        [false, false] => *nobody += span,
        [true, false] | [false, true] => {}
    }
}

/// A, B, A within 100 ms cannot be a move of the address.
fn double_answers(claims: &[&Claim]) -> usize {
    let mut changes: Vec<&Claim> = Vec::new();
    for claim in claims {
        if changes.last().is_none_or(|last| last.mac != claim.mac) {
            changes.push(claim);
        }
    }
    changes
        .windows(3)
        .filter(|three| three[0].mac == three[2].mac)
        .filter(|three| three[2].at - three[1].at < Duration::from_millis(100))
        .count()
}

fn subscribe(ns: &Namespace) -> Result<Socket> {
    let mut socket = ns.enter(|| Socket::new(NETLINK_ROUTE))??;
    socket.bind(&SocketAddr::new(0, IPV4_ADDRESS_EVENTS))?;
    socket.set_non_blocking(true)?;
    Ok(socket)
}

/// One director's address events.
fn follow(
    socket: &Socket,
    director: usize,
    vip: Ipv4Addr,
    seen: &Mutex<Seen>,
    stop: &AtomicBool,
) -> Result<()> {
    while !stop.load(Ordering::Relaxed) {
        wait_readable(socket);
        let Ok((bytes, _)) = socket.recv_from_full() else {
            continue;
        };
        let at = Instant::now();
        for (address, added) in parse(&bytes) {
            let mut seen = lock(seen);
            seen.addresses.push(AddressEvent {
                at,
                director,
                address,
                added,
            });
            if address == vip {
                seen.events.push(Event {
                    at,
                    director,
                    change: Change::Has(added),
                });
            }
        }
    }
    Ok(())
}

fn wait_readable(socket: &Socket) {
    let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::from(50_u8)).ok();
}

fn parse(mut bytes: &[u8]) -> Vec<(Ipv4Addr, bool)> {
    let mut found = Vec::new();
    while let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes) {
        let length = (message.header.length as usize).next_multiple_of(4);
        match message.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewAddress(address)) => {
                found.extend(local(&address).map(|address| (address, true)));
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelAddress(address)) => {
                found.extend(local(&address).map(|address| (address, false)));
            }
            _ => {}
        }
        if length == 0 || length >= bytes.len() {
            break;
        }
        bytes = &bytes[length..];
    }
    found
}

fn local(message: &AddressMessage) -> Option<Ipv4Addr> {
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Local(std::net::IpAddr::V4(address)) => Some(*address),
            _ => None,
        })
}

fn note(seen: &Mutex<Seen>, director: usize, change: Change) {
    lock(seen).events.push(Event {
        at: Instant::now(),
        director,
        change,
    });
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
