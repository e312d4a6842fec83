//! The data-plane child: packet I/O, steering and the control sockets around the pure director.
//!
//! One thread, one epoll loop, nothing in it waits: packets in bounded batches, then whatever else has come. Not here:
//! starting and watching the child, which is the parent's, and what is to be balanced, which
//! the checker child says over `lvs.sock`.

mod control;
mod io;
mod rtnetlink;
mod steering;
mod topology;

use std::collections::BTreeSet;
use std::io::Error;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use ahash::RandomState;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use tracing::{error, info, warn};

use self::control::{Clients, Speaks};
use self::io::{Drained, PacketIo};
use self::steering::Program;
use self::topology::Topology;
use super::conn::Limits;
use super::director::{Director, OrphanPolicy, Settings};
use super::verdict::DropReason;
use crate::sys::tun::Tap;
use crate::types::InterfaceName;

/// Name of the TAP where nothing else is said.
pub const TAP_NAME: &str = "hflvs0";
/// Frames that may wait in the TAP.
const TAP_QUEUE: u32 = 4000;
/// How long real servers of lost connections may still speak up: as long as an established one was remembered.
const ORPHANS: Duration = Duration::from_secs(900);
/// After a restart packets wait in the TAP until the checker child has said what there is to balance, but no longer.
const UNCONFIGURED: Duration = Duration::from_secs(5);
/// A steering that the kernel has refused is tried again.
const STEERING_RETRY: Duration = Duration::from_secs(1);
/// A look at the steering that took longer is followed by a rest of this many times as long, in which changes gather.
const QUICK_STEERING: Duration = Duration::from_millis(2);
const STEERING_REST: u32 = 8;

/// What the child is started with.
#[derive(Debug)]
pub struct Setup {
    pub tap_name: InterfaceName,
    /// To the parent. Its end means that the parent has gone: forwarding goes on.
    pub parent: UnixStream,
    /// Where the parent connects and says hello, this one or a later one.
    pub hello: UnixListener,
    /// `lvs.sock`: where the checker child connects.
    pub control: UnixListener,
    pub limits: Limits,
    /// A predecessor has died: its connections are lost and are to be reset.
    pub restarted: bool,
}

/// Why the data plane cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// Trying again would not help.
    #[error("{attempted}: {source} (CAP_NET_ADMIN, CAP_NET_RAW and /dev/net/tun are needed)")]
    Permission {
        attempted: &'static str,
        source: Error,
    },
    #[error("{attempted}: {source}")]
    Fatal {
        attempted: &'static str,
        source: Error,
    },
}

/// Forwards until SIGTERM, SIGINT or a `stop` line. Then nothing is left behind in the kernel; after a crash
/// or an error the TAP and the steering stay, so that packets wait for the successor instead of being refused.
pub fn run(setup: Setup) -> Result<(), DriverError> {
    let mut driver = Driver::new(setup)?;
    driver.run()?;
    driver.clean_up();
    Ok(())
}

/// Removes the steering and the TAP that a child has left which died and gets no successor. That there are none is
/// no error.
pub fn remove_leftovers(tap_name: &InterfaceName) -> Result<(), DriverError> {
    steering::remove()
        .map_err(Error::other)
        .map_err(attempting("removing the steering"))?;
    let mut requests = rtnetlink::Requests::open().map_err(attempting("asking for links"))?;
    if !requests
        .has_link(tap_name.as_str())
        .map_err(attempting("asking for links"))?
    {
        return Ok(());
    }
    Tap::open(tap_name.as_str())
        .and_then(|tap| tap.set_persistent(false))
        .map_err(attempting("removing the TAP"))
}

mod token {
    pub(super) const TAP: u64 = 0;
    pub(super) const ANNOUNCEMENTS: u64 = 1;
    pub(super) const SIGNALS: u64 = 2;
    pub(super) const HELLO: u64 = 3;
    pub(super) const CONTROL: u64 = 4;
    pub(super) const FIRST_CLIENT: u64 = 16;
}

struct Driver {
    epoll: Epoll,
    signals: SignalFd,
    hello: UnixListener,
    control: UnixListener,
    clients: Clients,
    director: Director,
    topology: Topology,
    io: PacketIo,
    tap_index: u32,
    tap_name: InterfaceName,
    /// What the kernel has been told, and what the director wanted then.
    installed: Option<Program>,
    generation: Option<u64>,
    steering_retry: Option<Instant>,
    /// Steering is not looked at again before this: with many real servers that takes its time.
    steering_rest: Option<Instant>,
    /// Why the kernel refuses, as far as the log knows.
    steering_refused: Option<String>,
    /// Until when packets wait for the first commands.
    unconfigured: Option<Instant>,
    /// Reasons for which packets have been dropped, as far as the log knows.
    drops_said: BTreeSet<DropReason>,
}

impl Driver {
    fn new(setup: Setup) -> Result<Self, DriverError> {
        let Setup {
            tap_name,
            parent,
            hello,
            control,
            limits,
            restarted,
        } = setup;
        let now = Instant::now();
        let signals = block_signals().map_err(attempting("waiting for signals"))?;
        let tap = Tap::open(tap_name.as_str()).map_err(attempting("opening the TAP"))?;
        let mut topology =
            Topology::open().map_err(attempting("asking for links and addresses"))?;
        let (tap_index, tap_mac) = topology
            .set_up_tap(tap_name.as_str(), TAP_QUEUE)
            .map_err(attempting("setting up the TAP"))?;
        relax_tap(tap_name.as_str());
        let io = PacketIo::new(tap, tap_mac).map_err(attempting("opening the packet socket"))?;
        let orphans = if restarted {
            OrphanPolicy::ResetUntil(now + ORPHANS)
        } else {
            OrphanPolicy::Pass
        };
        let settings = Settings {
            limits,
            hash: RandomState::new(),
            orphans,
        };
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)
            .map_err(|errno| fatal("making the epoll set", errno.into()))?;
        let mut driver = Self {
            epoll,
            signals,
            hello,
            control,
            clients: Clients::new(token::FIRST_CLIENT),
            director: Director::new(settings, now),
            topology,
            io,
            tap_index,
            tap_name,
            installed: None,
            generation: None,
            steering_retry: None,
            steering_rest: None,
            steering_refused: None,
            unconfigured: restarted.then_some(now + UNCONFIGURED),
            drops_said: BTreeSet::new(),
        };
        driver
            .register(parent)
            .map_err(attempting("registering the sockets"))?;
        // Last: a start that fails leaves nothing behind.
        let tap = driver.io.tap();
        tap.set_persistent(true)
            .map_err(attempting("making the TAP persistent"))?;
        info!(
            "Userspace LVS director: packets come in by {}",
            driver.tap_name
        );
        Ok(driver)
    }

    fn register(&mut self, parent: UnixStream) -> Result<(), Error> {
        let add = |fd: BorrowedFd<'_>, token| {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, token);
            self.epoll.add(fd, event).map_err(Error::from)
        };
        self.hello.set_nonblocking(true)?;
        self.control.set_nonblocking(true)?;
        add(self.topology.announcements().as_fd(), token::ANNOUNCEMENTS)?;
        add(self.signals.as_fd(), token::SIGNALS)?;
        add(self.hello.as_fd(), token::HELLO)?;
        add(self.control.as_fd(), token::CONTROL)?;
        if self.unconfigured.is_none() {
            add(self.io.tap().as_fd(), token::TAP)?;
        }
        self.clients.add(parent, Speaks::Hello, &self.epoll);
        Ok(())
    }

    fn run(&mut self) -> Result<(), DriverError> {
        let mut events = [EpollEvent::empty(); 32];
        let mut busy = false;
        loop {
            self.update_steering(Instant::now());
            self.clients.flush();
            let resumable = self.clients.resumable();
            let timeout = self.timeout(busy || resumable.is_some());
            let count = match self.epoll.wait(&mut events, timeout) {
                Ok(count) => count,
                Err(Errno::EINTR) => 0,
                Err(errno) => return Err(fatal("waiting for events", errno.into())),
            };
            let now = Instant::now();
            let ready = events.iter().take(count).map(EpollEvent::data);
            let ready = ready.chain(resumable);
            let mut packets = busy;
            for token in ready.collect::<BTreeSet<u64>>() {
                match token {
                    token::TAP => packets = true,
                    token::ANNOUNCEMENTS => self.on_announcements(now)?,
                    token::SIGNALS => {
                        if self.is_told_to_stop()? {
                            return Ok(());
                        }
                    }
                    token::HELLO => self.clients.accept(&self.hello, Speaks::Hello, &self.epoll),
                    token::CONTROL => self.clients.accept(&self.control, Speaks::Lvs, &self.epoll),
                    client => {
                        let outcome = self.clients.on_ready(client, &mut self.director);
                        if outcome.stop {
                            return Ok(());
                        }
                        if outcome.applied {
                            self.configured()?;
                        }
                    }
                }
            }
            busy = packets && self.forward(now)? == Drained::No;
            busy |= self.on_timeouts(now)?;
        }
    }

    fn forward(&mut self, now: Instant) -> Result<Drained, DriverError> {
        self.io
            .forward(&mut self.director, &self.topology, now)
            .map_err(|source| fatal("reading from the TAP", source))
    }

    fn on_announcements(&mut self, now: Instant) -> Result<(), DriverError> {
        self.topology
            .on_announcements(now)
            .map_err(|source| fatal("listening to links and addresses", source))?;
        self.io.retry_waiting(&self.topology, now);
        Ok(())
    }

    /// Whether there is more to do at once.
    fn on_timeouts(&mut self, now: Instant) -> Result<bool, DriverError> {
        if self.unconfigured.is_some_and(|until| until <= now) {
            self.configured()?;
        }
        self.topology.on_timeout(now);
        if self.io.has_waiting() {
            self.io.retry_waiting(&self.topology, now);
        }
        self.say_drops();
        let due = self.director.next_timeout().is_some_and(|due| due <= now);
        Ok(due && self.director.expire(now))
    }

    /// Each reason once: what a peer sends must not fill the log.
    fn say_drops(&mut self) {
        for (reason, count) in self.director.drops() {
            if count > 0 && self.drops_said.insert(reason) {
                info!("Dropping packets: {reason}");
            }
        }
    }

    fn timeout(&self, busy: bool) -> EpollTimeout {
        if busy {
            return EpollTimeout::ZERO;
        }
        let waiting = self
            .io
            .has_waiting()
            .then(|| Instant::now() + STEERING_RETRY);
        let next = [
            self.director.next_timeout(),
            self.topology.next_timeout(),
            self.steering_retry,
            self.steering_rest,
            self.unconfigured,
            waiting,
        ];
        let Some(next) = next.into_iter().flatten().min() else {
            return EpollTimeout::NONE;
        };
        // One more millisecond: what is rounded down would wake up too early.
        let left = next.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        EpollTimeout::try_from(left).unwrap_or(EpollTimeout::MAX)
    }

    /// The first commands have come, or nobody has any: packets need not wait any more.
    fn configured(&mut self) -> Result<(), DriverError> {
        if self.unconfigured.take().is_some() {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, token::TAP);
            self.epoll
                .add(self.io.tap().as_fd(), event)
                .map_err(|errno| fatal("registering the TAP", errno.into()))?;
        }
        Ok(())
    }

    fn is_told_to_stop(&mut self) -> Result<bool, DriverError> {
        let signal = self
            .signals
            .read_signal()
            .map_err(|errno| fatal("reading signals", errno.into()))?;
        let stopping = [Signal::SIGTERM, Signal::SIGINT];
        Ok(signal.is_some_and(|info| {
            stopping
                .iter()
                .any(|signal| u32::try_from(*signal as i32) == Ok(info.ssi_signo))
        }))
    }

    /// Tells the kernel what to steer, if that has changed.
    fn update_steering(&mut self, now: Instant) {
        if self.steering_rest.is_some_and(|rest| now < rest) {
            return;
        }
        self.steering_rest = None;
        let generation = self.director.steering_generation();
        let is_new = self.generation != Some(generation);
        let retry = self.steering_retry.is_some_and(|due| due <= now);
        // What a predecessor has steered stays until it is known what there is to balance.
        if self.unconfigured.is_some() || !(self.topology.take_changed() | is_new | retry) {
            return;
        }
        self.generation = Some(generation);
        self.steering_retry = None;
        let began = Instant::now();
        let program = self.wanted_steering(now);
        if self.installed.as_ref() != Some(&program) {
            self.install_steering(program, now);
        }
        let took = began.elapsed();
        self.steering_rest = (took > QUICK_STEERING).then(|| now + took * STEERING_REST);
    }

    fn wanted_steering(&mut self, now: Instant) -> Program {
        let steering = self.director.steering();
        let real_servers = steering.real_servers.values().flatten();
        let addresses = real_servers.map(|endpoint| endpoint.address).collect();
        self.topology.set_real_servers(&addresses, now);
        self.director.set_paths(self.topology.paths());
        Program::new(self.topology.steerable(), &steering, |address| {
            self.topology.is_local_only(address)
        })
    }

    fn install_steering(&mut self, program: Program, now: Instant) {
        let installed = match self.installed.take() {
            Some(installed) => program.replace(&installed, self.tap_index),
            // Nothing is known of what is there.
            None => program.install(self.tap_index),
        };
        match installed {
            Ok(()) => {
                self.installed = Some(program);
                if self.steering_refused.take().is_some() {
                    info!("Packets are steered as wanted again");
                }
            }
            Err(error) => {
                let reason = error.to_string();
                if self.steering_refused.as_ref() != Some(&reason) {
                    warn!("{reason}; trying again every {STEERING_RETRY:?}");
                    self.steering_refused = Some(reason);
                }
                self.steering_retry = Some(now + STEERING_RETRY);
            }
        }
    }

    /// Undoes everything, whatever fails.
    fn clean_up(&mut self) {
        if let Err(error) = steering::remove() {
            error!("{error}");
        }
        self.topology.release();
        if let Err(error) = self.io.tap().set_persistent(false) {
            error!("removing {}: {error}", self.tap_name);
        }
    }
}

fn block_signals() -> Result<SignalFd, Error> {
    let signals: SigSet = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]
        .into_iter()
        .collect();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&signals), None)?;
    Ok(SignalFd::with_flags(
        &signals,
        SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC,
    )?)
}

/// What is passed on comes in by the TAP: its source is reached by another interface, and that is in order.
fn relax_tap(name: &str) {
    for (file, value) in [
        ("ipv4/conf", "rp_filter 2"),
        ("ipv6/conf", "disable_ipv6 1"),
    ] {
        let Some((setting, value)) = value.split_once(' ') else {
            continue;
        };
        let path = format!("/proc/sys/net/{file}/{name}/{setting}");
        // A kernel without IPv6 has no such file.
        if let Err(error) = std::fs::write(&path, value)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            warn!("{path}: {error}");
        }
    }
}

fn attempting(attempted: &'static str) -> impl FnOnce(Error) -> DriverError {
    move |source| match source.kind() {
        std::io::ErrorKind::PermissionDenied => DriverError::Permission { attempted, source },
        _ => fatal(attempted, source),
    }
}

fn fatal(attempted: &'static str, source: Error) -> DriverError {
    DriverError::Fatal { attempted, source }
}
