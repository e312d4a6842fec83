//! Frames in from the TAP, out through the packet socket, in batches over buffers that are made once.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tracing::{debug, warn};

use super::topology::Topology;
use crate::dataplane::director::Director;
use crate::dataplane::packet::{DATAGRAM, ETHERNET_HEADER, MacAddress, Packet, VIRTIO_HEADER};
use crate::dataplane::verdict::{NextHop, Verdict};
use crate::dataplane::{ClientReset, Datagram};
use crate::sys::packet::{BATCH, Outgoing, PacketSocket};
use crate::sys::tun::Tap;

/// The longest datagram with its headers. BIG TCP is longer and is dropped.
const FRAME: usize = DATAGRAM + 65_536;
/// Batches before the loop looks at something else.
const BATCHES: usize = 8;
/// Frames that wait for their real server's neighbour entry, and how long.
const WAITING: usize = 256;
const PATIENCE: Duration = Duration::from_secs(3);
/// What one peer's packets can bring about must not fill the log.
const FAILURES_SAID_EVERY: Duration = Duration::from_secs(60);

pub(super) struct PacketIo {
    tap: Tap,
    tap_mac: MacAddress,
    socket: PacketSocket,
    /// Sends what the kernel is to route by itself.
    routed: Socket,
    buffers: Vec<Vec<u8>>,
    /// Length and interface of the frame to send in each buffer.
    outgoing: Vec<(usize, u32)>,
    waiting: VecDeque<Waiting>,
    /// When the log last heard of packets that could not be sent.
    failure_said: Option<Instant>,
}

struct Waiting {
    real_server: Ipv4Addr,
    since: Instant,
    frame: Vec<u8>,
}

/// Whether the TAP has been emptied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Drained {
    Yes,
    /// There is more: come back soon.
    No,
}

impl PacketIo {
    pub(super) fn new(tap: Tap, tap_mac: MacAddress) -> io::Result<Self> {
        // IPPROTO_RAW: the header is ours.
        let raw = Protocol::from(libc::IPPROTO_RAW);
        let routed = Socket::new(Domain::IPV4, Type::RAW.nonblocking(), Some(raw))?;
        // Every protocol is sent, none received: 0 bytes of queue are as good as any.
        routed.set_recv_buffer_size(0)?;
        Ok(Self {
            tap,
            tap_mac,
            socket: PacketSocket::open()?,
            routed,
            buffers: (0..BATCH).map(|_| vec![0; FRAME]).collect(),
            outgoing: Vec::with_capacity(BATCH),
            waiting: VecDeque::with_capacity(WAITING),
            failure_said: None,
        })
    }

    pub(super) fn tap(&self) -> &Tap {
        &self.tap
    }

    /// Takes what has come, a bounded number of batches. An error: the TAP is gone, somebody has removed it.
    pub(super) fn forward(
        &mut self,
        director: &mut Director,
        topology: &Topology,
        now: Instant,
    ) -> io::Result<Drained> {
        for _ in 0..BATCHES {
            let drained = self.batch(director, topology, now);
            self.flush(now);
            if drained? == Drained::Yes {
                return Ok(Drained::Yes);
            }
        }
        Ok(Drained::No)
    }

    /// Sends what has waited for a neighbour entry that is there now, and gives up on what waited for long.
    pub(super) fn retry_waiting(&mut self, topology: &Topology, now: Instant) {
        for _ in 0..self.waiting.len() {
            let Some(mut entry) = self.waiting.pop_front() else {
                break;
            };
            match topology.hop(entry.real_server) {
                Some(hop) => {
                    if let Some(mut packet) = Packet::new(&mut entry.frame, 0) {
                        packet.set_ethernet(hop.destination, hop.source);
                    }
                    let frame = Outgoing {
                        bytes: &entry.frame,
                        interface: hop.interface,
                    };
                    let sent = self.socket.send([frame].into_iter());
                    self.report(sent.error, sent.failed, now);
                }
                None if now.saturating_duration_since(entry.since) < PATIENCE => {
                    self.waiting.push_back(entry);
                }
                None => debug!("real server {} has not been resolved", entry.real_server),
            }
        }
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    fn batch(
        &mut self,
        director: &mut Director,
        topology: &Topology,
        now: Instant,
    ) -> io::Result<Drained> {
        // What is read counts, not what is sent: a flood of packets to drop must end a batch as well.
        for _ in 0..BATCH {
            let Some(buffer) = self.buffers.get_mut(self.outgoing.len()) else {
                break;
            };
            let length = match self.tap.read(buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Drained::Yes);
                }
                Err(error) if is_gone(&error) => return Err(error),
                Err(error) => {
                    debug!("reading from the TAP: {error}");
                    return Ok(Drained::Yes);
                }
            };
            // What the kernel itself sends to the TAP was not steered there.
            let frame = &mut buffer[..length];
            let Some(mut packet) = Packet::from_tap(frame) else {
                continue;
            };
            match director.handle(&mut packet, now) {
                Verdict::Forward(next_hop) => self.queue(next_hop, length, topology, now),
                Verdict::Reply(datagram) => self.reply(&datagram, topology),
                Verdict::Pass => self.pass(length),
                Verdict::PassAndReset(ClientReset { reset, keep_alive }) => {
                    self.pass(length);
                    self.route(&reset);
                    self.route(&keep_alive);
                }
                Verdict::Drop(_) => {}
            }
        }
        Ok(Drained::No)
    }

    /// Addresses the frame in the current buffer and keeps it for the end of the batch.
    fn queue(&mut self, next_hop: NextHop, length: usize, topology: &Topology, now: Instant) {
        let place = self.outgoing.len();
        let frame = &mut self.buffers[place][..length];
        let Some(mut packet) = Packet::new(frame, 0) else {
            return;
        };
        packet.prepare_transmission();
        match next_hop {
            NextHop::Client { mac, interface } => {
                if let Some(source) = topology.mac(interface) {
                    packet.set_ethernet(mac, source);
                    self.outgoing.push((length, interface));
                }
            }
            NextHop::RealServer(real_server) => match topology.hop(real_server) {
                Some(hop) => {
                    packet.set_ethernet(hop.destination, hop.source);
                    self.outgoing.push((length, hop.interface));
                }
                None if self.waiting.len() < WAITING => self.waiting.push_back(Waiting {
                    real_server,
                    since: now,
                    frame: packet.bytes().to_vec(),
                }),
                None => {}
            },
        }
    }

    /// Puts `datagram` in the place of the packet in the current buffer, and sends it back.
    fn reply(&mut self, datagram: &Datagram, topology: &Topology) {
        let place = self.outgoing.len();
        let buffer = &mut self.buffers[place];
        let Some((sender, interface)) =
            Packet::from_tap(buffer).map(|packet| (packet.source_mac(), packet.interface()))
        else {
            return;
        };
        let Some(source) = topology.mac(interface) else {
            return;
        };
        let datagram = datagram.as_bytes();
        let length = DATAGRAM + datagram.len();
        buffer[..VIRTIO_HEADER].fill(0);
        buffer[DATAGRAM..length].copy_from_slice(datagram);
        if let Some(mut packet) = Packet::new(&mut buffer[..length], interface) {
            packet.set_ethernet(sender, source);
            self.outgoing.push((length, interface));
        }
    }

    /// Gives the packet in the current buffer to the kernel, as if it had come in by the TAP.
    fn pass(&mut self, length: usize) {
        let place = self.outgoing.len();
        let frame = &mut self.buffers[place][..length];
        frame[VIRTIO_HEADER..VIRTIO_HEADER + 6].copy_from_slice(&self.tap_mac);
        debug_assert!(frame.len() > VIRTIO_HEADER + ETHERNET_HEADER);
        if let Err(error) = self.tap.write(frame) {
            debug!("passing a packet to the kernel: {error}");
        }
    }

    fn route(&self, datagram: &Datagram) {
        let bytes = datagram.as_bytes();
        let Some(destination) = bytes.get(16..20).and_then(|bytes| bytes.first_chunk::<4>()) else {
            return;
        };
        let address = SocketAddrV4::new(Ipv4Addr::from(*destination), 0);
        if let Err(error) = self.routed.send_to(bytes, &address.into()) {
            debug!("sending to {}: {error}", address.ip());
        }
    }

    fn flush(&mut self, now: Instant) {
        if self.outgoing.is_empty() {
            return;
        }
        let frames = self.buffers.iter().zip(&self.outgoing);
        let frames = frames.map(|(buffer, (length, interface))| Outgoing {
            bytes: &buffer[..*length],
            interface: *interface,
        });
        let sent = self.socket.send(frames);
        self.outgoing.clear();
        self.report(sent.error, sent.failed, now);
    }

    /// Batches that fail and batches that do not take turns: the log hears of it once in a while.
    fn report(&mut self, error: Option<io::Error>, failed: usize, now: Instant) {
        let Some(error) = error else { return };
        let said = |at: Instant| now.saturating_duration_since(at) < FAILURES_SAID_EVERY;
        if !self.failure_said.is_some_and(said) {
            warn!("{failed} packets could not be sent: {error}");
            self.failure_said = Some(now);
        }
    }
}

/// Of a device that was removed under its descriptor (drivers/net/tun.c). Epoll reports it for ever.
fn is_gone(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EBADFD)
}
