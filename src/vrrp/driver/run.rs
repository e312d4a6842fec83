//! The loop of the VRRP child.
//!
//! Input before timers: whatever woke it, the loop first reads every socket and the netlink
//! monitor, and only then obeys an order and lets the routers act on what has run out. So a backup
//! that was held up for ten seconds finds its master's adverts before it takes over, and a master
//! learns that it has been replaced before it sends anything.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::accept::AcceptFilter;
use super::announce::Announcer;
use super::auto_priority::AutoPriority;
use super::filter::Strictness;
use super::flood::{FloodGuard, LineLimit};
use super::garp::GarpSocket;
use super::kept::Kept;
use super::kernel::Kernel;
use super::leases::Leases;
use super::linkbeat::Linkbeat;
use super::scripts::Scripts;
use super::socket::Sockets;
use super::trackers::Trackers;
use super::vmac::Vmacs;
use super::work::Work;
use super::{DriverError, Inherited, Order, Report};
use crate::config::{Config, StaticNetwork};
use crate::netlink::Handle;
use crate::notify::driver::Notifier;
use crate::sys::memory;
use crate::sys::poll_set::PollSet;
use crate::types::RouterIdentity;
use crate::vrrp::pacing::Pacing;
use crate::vrrp::{Actions, Clocks, Input, VirtualRouters, WallClock};

/// Key of the netlink monitor in the poll set; those of sockets have 33 bits.
const MONITOR: u64 = u64::MAX;
/// Key of the monitor of routes and rules.
const ROUTE_MONITOR: u64 = u64::MAX - 1;
/// Longest packet that is read whole: 255 addresses need 1104 bytes with a header with options, 4128 over IPv6.
const PACKET_BUFFER: usize = 5120;
/// Packets read from one socket before the next one gets a turn.
const PACKETS_A_TURN: usize = 64;
/// Packets read, per socket, before timers and orders get a turn. More than a receive buffer holds (at least 768 octets
/// each of 1 MiB), so that no stall leaves one unread, and a bound, so that no flood stops the timers.
const PACKETS_A_ROUND: usize = 1536;
/// Longest work between two looks at the sockets and the timers.
const SLICE: Duration = Duration::from_millis(5);
/// Stop scripts get this long (keepalived: one second).
const STOP_SCRIPTS: Duration = Duration::from_secs(1);
/// A wall clock that is off by less has not been set.
const CLOCK_DRIFT: Duration = Duration::from_millis(10);
/// Waking up later than this is worth a line.
const HELD_UP: Duration = Duration::from_secs(1);

/// Runs the virtual routers of `config` until ordered to stop, or until `orders` is closed, which
/// means the same.
///
/// Needs a current-thread tokio runtime and, in
/// its network namespace, CAP_NET_RAW and CAP_NET_ADMIN.
pub async fn run(
    config: Box<Config>,
    inherited: Inherited,
    mut orders: mpsc::Receiver<Order>,
    reports: mpsc::UnboundedSender<Report>,
) -> Result<(), DriverError> {
    let mut driver = Driver::start(&config, inherited, reports).await?;
    drop(config);
    driver.work_off().await?;
    memory::give_back();
    driver.report_when_done(Report::Ready);
    let mut backlog = Backlog::Some;
    loop {
        let wake = driver.wait(&mut orders, backlog).await?;
        driver.look_at_clock().await?;
        backlog = driver.read_everything().await?;
        driver.guard();
        match wake {
            Wake::Again => {}
            Wake::ScriptEnded(input) => driver.handle(input).await?,
            Wake::Tracked(inputs) => {
                for input in inputs {
                    driver.handle(input).await?;
                }
            }
            Wake::Linkbeat => driver.take_beats().await?,
            Wake::Order(Order::Hello(answer)) => {
                let _ = answer.send(());
            }
            Wake::Order(Order::Reload(config)) => driver.reload(&config).await?,
            Wake::Order(Order::Dump {
                clear_counters,
                answer,
            }) => {
                let _ = answer.send(driver.routers.dump());
                if clear_counters {
                    driver.routers.clear_counters();
                }
            }
            Wake::Order(Order::Stop) => return driver.stop().await,
        }
        driver.act_on_timers().await?;
        driver.work_off().await?;
        driver.renew_leases();
    }
}

pub(super) struct Driver {
    pub(super) routers: VirtualRouters,
    pub(super) kernel: Kernel,
    pub(super) kept: Kept,
    pub(super) vmacs: Vmacs,
    accept: AcceptFilter,
    pub(super) sockets: Sockets,
    pub(super) garp: GarpSocket,
    pub(super) pacing: Pacing,
    pub(super) set: PollSet,
    pub(super) scripts: Scripts,
    trackers: Trackers,
    linkbeat: Linkbeat,
    pub(super) announcer: Announcer,
    pub(super) notifier: Notifier,
    pub(super) reports: mpsc::UnboundedSender<Report>,
    /// Adverts of an instance that could not be sent, since the last one that could.
    pub(super) unsent: HashMap<String, u64>,
    /// Whose last advert could not be sent, as far as the routers have not been told.
    pub(super) unheard: Vec<RouterIdentity>,
    pub(super) leases: Leases,
    work: Work,
    /// To be said when all work is done.
    done: Vec<Report>,
    flood: FloodGuard,
    auto_priority: AutoPriority,
    pub(super) lines: LineLimit,
    /// What the routers were told last.
    clock: WallClock,
}

/// Whether something is left to read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Backlog {
    None,
    Some,
}

enum Wake {
    /// The sockets or the time.
    Again,
    ScriptEnded(Input<'static>),
    Tracked(Vec<Input<'static>>),
    /// An interface has lost its carrier or has it again.
    Linkbeat,
    Order(Order),
}

impl Driver {
    async fn start(
        config: &Config,
        inherited: Inherited,
        reports: mpsc::UnboundedSender<Report>,
    ) -> Result<Self, DriverError> {
        let garp = GarpSocket::open().map_err(DriverError::io("open a packet socket"))?;
        let set = PollSet::new().map_err(DriverError::io("open an epoll set"))?;
        let handle = Handle::connect()?;
        let mut vmacs = Vmacs::new(inherited.settings);
        for report in vmacs.configure(config, &handle).await? {
            let _ = reports.send(report);
        }
        let mut accept = AcceptFilter::default();
        for report in accept.configure(config) {
            let _ = reports.send(report);
        }
        // They are among the interfaces that are listed now.
        let mut kernel = Kernel::open(config).await?;
        // Adverts may come from an address that is static, and virtual addresses be in its network.
        let mut kept = Kept::default();
        let network = &config.static_network;
        let configured = kept
            .configure(network, kernel.interfaces(), &handle)
            .await?;
        for report in configured {
            let _ = reports.send(report);
        }
        kernel.list_anew().await?;
        set.add(kernel.monitor(), MONITOR)
            .map_err(DriverError::io("watch the netlink monitor"))?;
        let mut sockets = Sockets::default();
        sockets.want(config);
        sockets.follow(kernel.interfaces(), &set);
        let mut linkbeat = Linkbeat::new(config);
        linkbeat.first().await;
        kernel.set_beats(linkbeat.beats());
        let states = kernel.watch(config);
        let mut trackers =
            Trackers::new().map_err(DriverError::io("open an epoll set for trackers"))?;
        let tracked = trackers.start(config).await;
        let clocks = clocks();
        let now = clocks.wall.at;
        let (routers, actions) = VirtualRouters::with_clocks(
            config,
            &states,
            &tracked,
            &inherited.resume,
            Some(clocks),
            now,
        );
        let mut driver = Self {
            routers,
            kernel,
            kept,
            vmacs,
            accept,
            sockets,
            garp,
            pacing: pacing(config),
            set,
            scripts: Scripts::default(),
            trackers,
            linkbeat,
            announcer: Announcer::default(),
            notifier: Notifier::default(),
            reports,
            unsent: HashMap::new(),
            unheard: Vec::new(),
            leases: Leases::default(),
            work: Work::default(),
            done: Vec::new(),
            flood: FloodGuard::new(Instant::now()),
            auto_priority: AutoPriority::new(&config.global_defs.processes),
            lines: LineLimit::new(Instant::now()),
            clock: clocks.wall,
        };
        driver.watch_routing()?;
        driver.announcer.configure(config, &mut driver.notifier);
        driver.take_on(actions).await?;
        driver.tell_unheard().await?;
        Ok(driver)
    }

    /// Nobody waits for the parent: the wiring writes reports out.
    pub(super) fn report(&self, report: Report) {
        let _ = self.reports.send(report);
    }

    async fn handle(&mut self, input: Input<'_>) -> Result<(), DriverError> {
        let actions = self.routers.handle(input, Instant::now());
        self.take_on(actions).await?;
        self.tell_unheard().await
    }

    /// Adverts and leases at once, the rest in slices.
    async fn take_on(&mut self, actions: Actions) -> Result<(), DriverError> {
        let urgent = self.work.take_on(actions);
        self.carry_out(urgent).await
    }

    /// At least one piece of work, and as many as leave the next timer in peace.
    async fn work_off(&mut self) -> Result<(), DriverError> {
        let slice = Instant::now() + SLICE;
        let until = self
            .routers
            .next_timeout()
            .map_or(slice, |next| next.min(slice));
        while let Some(action) = self.work.next() {
            self.carry_out(vec![action]).await?;
            if Instant::now() >= until {
                break;
            }
        }
        if self.work.is_empty() {
            for report in std::mem::take(&mut self.done) {
                self.report(report);
            }
        }
        Ok(())
    }

    fn report_when_done(&mut self, report: Report) {
        if self.work.is_empty() {
            self.report(report);
        } else {
            self.done.push(report);
        }
    }

    /// What follows from it can send nothing that fails anew without end: each round is one input for each router.
    async fn tell_unheard(&mut self) -> Result<(), DriverError> {
        for router in std::mem::take(&mut self.unheard) {
            let input = Input::AdvertUnsent(router);
            let actions = self.routers.handle(input, Instant::now());
            self.take_on(actions).await?;
        }
        Ok(())
    }

    /// Tells the routers when the wall clock has been set.
    async fn look_at_clock(&mut self) -> Result<(), DriverError> {
        if !self.routers.needs_clock() {
            return Ok(());
        }
        let clock = wall_clock();
        let drift = self.clock.unix(clock.at).abs_diff(clock.unix);
        if drift < CLOCK_DRIFT {
            return Ok(());
        }
        self.clock = clock;
        self.handle(Input::Clock(clock)).await
    }

    async fn read_everything(&mut self) -> Result<Backlog, DriverError> {
        let mut left = PACKETS_A_ROUND * self.sockets.len().max(1);
        loop {
            let ready = self
                .set
                .ready()
                .map_err(DriverError::io("poll the sockets"))?;
            if ready.is_empty() {
                return Ok(Backlog::None);
            }
            if left == 0 {
                return Ok(Backlog::Some);
            }
            for key in ready {
                match key {
                    MONITOR => self.read_monitor().await?,
                    ROUTE_MONITOR => self.restore_routing().await?,
                    key => left = left.saturating_sub(self.read_packets(key).await?),
                }
            }
        }
    }

    /// In a flood of bad packets the kernel drops them, uncounted.
    fn guard(&mut self) {
        let Some(strictness) = self.flood.look(self.routers.refused(), Instant::now()) else {
            return;
        };
        match strictness {
            Strictness::Flooded => {
                warn!("A flood of bad adverts: they are dropped uncounted for 10 seconds")
            }
            Strictness::Counting => info!("Bad adverts are counted again"),
        }
        self.sockets.filter(strictness);
    }

    /// Returns how many were read, counting at least one, so that every turn brings the round's end
    /// nearer.
    async fn read_packets(&mut self, key: u64) -> Result<usize, DriverError> {
        let mut buffer = [0; PACKET_BUFFER];
        for count in 0..PACKETS_A_TURN {
            let Some((interface, bytes)) = self.sockets.receive(key, &mut buffer) else {
                return Ok(count.max(1));
            };
            let packet = Input::Packet { interface, bytes };
            let actions = self.routers.handle(packet, Instant::now());
            self.take_on(actions).await?;
            self.tell_unheard().await?;
        }
        Ok(PACKETS_A_TURN)
    }

    async fn read_monitor(&mut self) -> Result<(), DriverError> {
        let changes = self.kernel.changes().await?;
        if changes.more {
            return Ok(());
        }
        // The interfaces of ours first: what has gone with them is added again on them.
        let handle = self.kernel.handle().clone();
        let made = self.vmacs.restore(self.kernel.interfaces(), &handle);
        let made = made.await?;
        self.kernel.tell_again(&made);
        // Then the sockets: what the routers do next may have to go out through a new one.
        self.sockets.follow(self.kernel.interfaces(), &self.set);
        for input in changes.inputs {
            self.handle(input).await?;
        }
        // Routes go without a word with an address or a link.
        self.restore_kept().await
    }

    async fn take_beats(&mut self) -> Result<(), DriverError> {
        self.kernel.set_beats(self.linkbeat.beats());
        for input in self.kernel.compare() {
            self.handle(input).await?;
        }
        Ok(())
    }

    /// Routes or rules have gone; ours may be among them.
    async fn restore_routing(&mut self) -> Result<(), DriverError> {
        if self.kept.has_changed() {
            self.restore_kept().await?;
        }
        Ok(())
    }

    async fn restore_kept(&mut self) -> Result<(), DriverError> {
        if self.kept.is_empty() {
            return Ok(());
        }
        let handle = self.kernel.handle().clone();
        let restored = self.kept.restore(self.kernel.interfaces(), &handle).await?;
        for it in restored {
            if let Some(instance) = it.instance {
                self.handle(Input::RoutingRestored { instance }).await?;
            }
        }
        Ok(())
    }

    /// What the node has as long as the program runs.
    async fn configure_static(&mut self, network: &StaticNetwork) -> Result<(), DriverError> {
        let handle = self.kernel.handle().clone();
        let interfaces = self.kernel.interfaces();
        for report in self.kept.configure(network, interfaces, &handle).await? {
            self.report(report);
        }
        self.watch_routing()
    }

    pub(super) fn watch_routing(&mut self) -> Result<(), DriverError> {
        if self.kept.watch()?
            && let Some(monitor) = self.kept.monitor()
        {
            self.set
                .add(monitor, ROUTE_MONITOR)
                .map_err(DriverError::io("watch the monitor of routes"))?;
        }
        Ok(())
    }

    async fn act_on_timers(&mut self) -> Result<(), DriverError> {
        let timeout = self.routers.next_timeout();
        if timeout.is_some_and(|timeout| timeout <= Instant::now()) {
            self.handle(Input::Timeout).await?;
        }
        self.announce_due();
        Ok(())
    }

    /// When something is to be done, whatever comes in.
    fn next_timeout(&self) -> Option<Instant> {
        let timeouts = [self.routers.next_timeout(), self.pacing.next_timeout()];
        timeouts.into_iter().flatten().min()
    }

    async fn wait(
        &mut self,
        orders: &mut mpsc::Receiver<Order>,
        backlog: Backlog,
    ) -> Result<Wake, DriverError> {
        let goes_on = backlog == Backlog::Some || !self.work.is_empty();
        if goes_on {
            // The others of this thread, the parent's hello among them, must not starve in a flood.
            tokio::task::yield_now().await;
        }
        let timeout = self.next_timeout();
        let wake = tokio::select! {
            biased;
            order = orders.recv() => Wake::Order(order.unwrap_or(Order::Stop)),
            ended = self.scripts.ended() => Wake::ScriptEnded(ended),
            inputs = self.trackers.news() => Wake::Tracked(inputs),
            () = self.linkbeat.changed() => Wake::Linkbeat,
            () = self.notifier.ended() => Wake::Again,
            readable = self.set.readable() => {
                readable.map_err(DriverError::io("wait for the sockets"))?;
                Wake::Again
            }
            () = sleep_until(timeout) => Wake::Again,
            () = std::future::ready(()), if goes_on => Wake::Again,
        };
        let late = timeout.map(|timeout| timeout.elapsed()).unwrap_or_default();
        self.auto_priority.woken(late);
        if late > HELD_UP {
            warn!("Held up for {:.3} seconds", late.as_secs_f64());
        }
        Ok(wake)
    }

    async fn reload(&mut self, config: &Config) -> Result<(), DriverError> {
        let handle = self.kernel.handle().clone();
        for report in self.vmacs.configure(config, &handle).await? {
            self.report(report);
        }
        for report in self.accept.configure(config) {
            self.report(report);
        }
        self.kernel.list_anew().await?;
        self.linkbeat.reload(config);
        self.kernel.set_beats(self.linkbeat.beats());
        let states = self.kernel.watch(config);
        // What an instance that goes has to say goes out before its sockets are closed.
        self.sockets.want_also(config);
        self.sockets.follow(self.kernel.interfaces(), &self.set);
        self.pacing = pacing(config);
        self.configure_static(&config.static_network).await?;
        self.announcer.configure(config, &mut self.notifier);
        let actions = self.routers.reload(config, &states, Instant::now());
        self.trackers.reload(config);
        self.take_on(actions).await?;
        self.tell_unheard().await?;
        for report in self.vmacs.retire(config, &handle).await? {
            self.report(report);
        }
        self.sockets.want(config);
        self.sockets.follow(self.kernel.interfaces(), &self.set);
        self.auto_priority = AutoPriority::new(&config.global_defs.processes);
        self.report_when_done(Report::Reloaded);
        Ok(())
    }

    async fn stop(mut self) -> Result<(), DriverError> {
        self.scripts.kill_all();
        let actions = self.routers.stop(Instant::now());
        self.take_on(actions).await?;
        while let Some(action) = self.work.next() {
            self.carry_out(vec![action]).await?;
        }
        let handle = self.kernel.handle().clone();
        let interfaces = self.kernel.interfaces();
        for report in self.kept.clear(interfaces, &handle).await? {
            self.report(report);
        }
        for report in self.vmacs.retire(&Config::default(), &handle).await? {
            self.report(report);
        }
        for report in self.accept.configure(&Config::default()) {
            self.report(report);
        }
        self.notifier.finish(STOP_SCRIPTS).await;
        Ok(())
    }
}

fn pacing(config: &Config) -> Pacing {
    let defs = &config.global_defs;
    Pacing::new(
        defs.vrrp_garp_interval,
        defs.vrrp_gna_interval,
        &config.garp_groups,
    )
}

fn wall_clock() -> WallClock {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    WallClock {
        at: Instant::now(),
        unix: unix.unwrap_or_default(),
    }
}

fn clocks() -> Clocks {
    Clocks {
        wall: wall_clock(),
        since_boot: clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::MAX, Duration::from),
    }
}

async fn sleep_until(timeout: Option<Instant>) {
    match timeout {
        Some(timeout) => tokio::time::sleep_until(timeout.into()).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
