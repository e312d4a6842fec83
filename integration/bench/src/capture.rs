//! Adverts as they arrive at the other end of the wire, with the kernel's time stamps: a capture that is read late
//! still knows when each of them came.

use std::collections::HashMap;
use std::io::IoSliceMut;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;
use socket2::{Domain, Protocol, Socket, Type};

use crate::lab::{LabError, Namespace, Result};

/// ETH_P_IP of `linux/if_ether.h`.
const IPV4: u16 = 0x0800;
const VRRP: u8 = 112;
const BUFFER: usize = 256 << 20;

/// A virtual router by interface index at the far end and VRID.
pub(crate) type Router = (usize, u8);

/// One advert: when it came (CLOCK_REALTIME), and how many addresses it carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) at: Duration,
    pub(crate) addresses: u8,
}

type Arrivals = HashMap<Router, Vec<Arrival>>;

pub(crate) struct Capture {
    arrivals: Arc<Mutex<Arrivals>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Capture {
    /// Of all interfaces of a namespace.
    pub(crate) fn start(ns: &Namespace) -> Result<Self> {
        let socket = ns.enter(open)??;
        let arrivals = Arc::new(Mutex::new(Arrivals::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (record, stopped) = (Arc::clone(&arrivals), Arc::clone(&stop));
        let thread = std::thread::spawn(move || follow(&socket, &record, &stopped));
        Ok(Self {
            arrivals,
            stop,
            thread: Some(thread),
        })
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&Arrivals) -> T) -> T {
        look(&self.arrivals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How much later than `interval` after the one before it each advert between `from` and `to` came, in
    /// order of size.
    pub(crate) fn lateness(
        &self,
        interval: Duration,
        from: Duration,
        to: Duration,
    ) -> Vec<Duration> {
        self.with(|arrivals| {
            let mut late: Vec<Duration> = arrivals
                .values()
                .flat_map(|of_router| of_router.windows(2))
                .filter(|pair| pair[0].at >= from && pair[1].at < to)
                .map(|pair| {
                    pair[1]
                        .at
                        .saturating_sub(pair[0].at)
                        .saturating_sub(interval)
                })
                .collect();
            late.sort_unstable();
            late
        })
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn open() -> Result<Socket> {
    let protocol = Protocol::from(i32::from(IPV4.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
    setsockopt(&socket, sockopt::RcvBufForce, &BUFFER)?;
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    Ok(socket)
}

fn follow(socket: &Socket, arrivals: &Mutex<Arrivals>, stop: &AtomicBool) {
    let mut buffer = [0_u8; 2048];
    let mut control = nix::cmsg_space!(TimeSpec);
    while !stop.load(Ordering::Relaxed) {
        let mut slices = [IoSliceMut::new(&mut buffer)];
        let received = recvmsg::<LinkAddr>(
            socket.as_raw_fd(),
            &mut slices,
            Some(&mut control),
            MsgFlags::empty(),
        );
        let Ok(message) = received else {
            continue;
        };
        let stamp = message.cmsgs().ok().and_then(|mut all| {
            all.find_map(|one| match one {
                ControlMessageOwned::ScmTimestampns(stamp) => Some(Duration::from(stamp)),
                _ => None,
            })
        });
        let (Some(at), Some(index)) = (stamp, message.address.map(|from| from.ifindex())) else {
            continue;
        };
        let length = message.bytes;
        if let Some((vrid, arrival)) = advert(&buffer[..length], at) {
            let mut arrivals = arrivals.lock().unwrap_or_else(PoisonError::into_inner);
            arrivals.entry((index, vrid)).or_default().push(arrival);
        }
    }
}

/// An Ethernet frame that carries an advert.
fn advert(frame: &[u8], at: Duration) -> Option<(u8, Arrival)> {
    let packet = frame.get(14..)?;
    let header = usize::from(packet.first()? & 0xf) * 4;
    if *packet.get(9)? != VRRP {
        return None;
    }
    let message = packet.get(header..)?;
    let arrival = Arrival {
        at,
        addresses: *message.get(3)?,
    };
    Some((*message.get(1)?, arrival))
}

/// Now, on the clock of the time stamps.
pub(crate) fn now() -> Result<Duration> {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_err(|error| LabError::Failed(error.to_string()))
}
