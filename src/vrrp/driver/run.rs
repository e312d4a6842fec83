//! The loop of the VRRP child.
//!
//! Input before timers: whatever woke it, the loop first reads every socket and the netlink monitor, and
//! only then lets the routers act on what has run out. A backup that was held up for ten seconds so finds
//! its master's adverts first, and a master learns that it has been replaced before it sends anything.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tracing::{debug, info, trace, warn};

use super::garp::{Announced, GarpSocket};
use super::kernel::Kernel;
use super::scripts::Scripts;
use super::socket::Sockets;
use super::{DriverError, Order, Report};
use crate::config::Config;
use crate::netlink::{AddressDeleted, NetlinkError};
use crate::notify::driver::Notifier;
use crate::sys::poll_set::PollSet;
use crate::types::{InterfaceName, OwnedAddress, VirtualAddress};
use crate::vrrp::{Action, Actions, Event, Input, Resume, VirtualRouters};

/// Key of the netlink monitor in the poll set; interface indexes have 32 bits.
const MONITOR: u64 = u64::MAX;
/// Longest packet that is read whole: a header with options and 255 addresses need 1104 bytes.
const PACKET_BUFFER: usize = 2048;
/// Packets read from one socket before the next one gets a turn.
const PACKETS_A_TURN: usize = 64;
/// Packets read, per socket, before timers and orders get a turn. More than a receive buffer holds, so that no stall
/// leaves one unread, and a bound, so that no flood stops the timers.
const PACKETS_A_ROUND: usize = 4096;
/// Stop scripts get this long (keepalived: one second).
const STOP_SCRIPTS: Duration = Duration::from_secs(1);
/// A timer that is served later than this is worth a line.
const HELD_UP: Duration = Duration::from_secs(1);

/// Runs the virtual routers of `config` until ordered to stop, or until `orders` is closed, which means the same.
///
/// `resume` names the instances that go on as MASTER. Needs a current-thread tokio runtime and, in its network
/// namespace, CAP_NET_RAW and CAP_NET_ADMIN.
pub async fn run(
    config: Box<Config>,
    resume: Vec<Resume>,
    mut orders: mpsc::Receiver<Order>,
    reports: mpsc::UnboundedSender<Report>,
) -> Result<(), DriverError> {
    let mut driver = Driver::start(&config, &resume, reports).await?;
    driver.report(Report::Ready);
    loop {
        let backlog = driver.read_everything().await?;
        driver.act_on_timers().await?;
        match driver.wait(&mut orders, backlog).await? {
            Wake::Again => {}
            Wake::Order(Order::Hello(answer)) => {
                let _ = answer.send(());
            }
            Wake::Order(Order::Reload(config)) => driver.reload(&config).await?,
            Wake::Order(Order::Stop) => return driver.stop().await,
        }
    }
}

struct Driver {
    routers: VirtualRouters,
    kernel: Kernel,
    sockets: Sockets,
    garp: GarpSocket,
    set: PollSet,
    scripts: Scripts,
    notifier: Notifier,
    reports: mpsc::UnboundedSender<Report>,
    /// Adverts of an instance that could not be sent, since the last one that could.
    unsent: HashMap<String, u64>,
}

/// Whether something is left to read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Backlog {
    None,
    Some,
}

enum Wake {
    Again,
    Order(Order),
}

impl Driver {
    async fn start(
        config: &Config,
        resume: &[Resume],
        reports: mpsc::UnboundedSender<Report>,
    ) -> Result<Self, DriverError> {
        let garp = GarpSocket::open().map_err(DriverError::io("open a packet socket"))?;
        let set = PollSet::new().map_err(DriverError::io("open an epoll set"))?;
        let mut kernel = Kernel::open(config).await?;
        set.add(kernel.monitor(), MONITOR)
            .map_err(DriverError::io("watch the netlink monitor"))?;
        let mut sockets = Sockets::default();
        sockets.want(config);
        sockets.follow(kernel.interfaces(), &set);
        let states = kernel.watch(config);
        let (routers, actions) = VirtualRouters::new(config, &states, resume, Instant::now());
        let mut driver = Self {
            routers,
            kernel,
            sockets,
            garp,
            set,
            scripts: Scripts::default(),
            notifier: Notifier::default(),
            reports,
            unsent: HashMap::new(),
        };
        driver.carry_out(actions).await?;
        Ok(driver)
    }

    /// Nobody waits for the parent: the wiring writes reports out.
    fn report(&self, report: Report) {
        let _ = self.reports.send(report);
    }

    async fn handle(&mut self, input: Input<'_>) -> Result<(), DriverError> {
        let actions = self.routers.handle(input, Instant::now());
        self.carry_out(actions).await
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
                match u32::try_from(key) {
                    Ok(index) => left = left.saturating_sub(self.read_packets(index).await?),
                    Err(_) => self.read_monitor().await?,
                }
            }
        }
    }

    /// Returns how many were read, counting at least one, so that every turn brings the round's end nearer.
    async fn read_packets(&mut self, index: u32) -> Result<usize, DriverError> {
        let mut buffer = [0; PACKET_BUFFER];
        for count in 0..PACKETS_A_TURN {
            let Some((interface, bytes)) = self.sockets.receive(index, &mut buffer) else {
                return Ok(count.max(1));
            };
            let packet = Input::Packet { interface, bytes };
            let actions = self.routers.handle(packet, Instant::now());
            self.carry_out(actions).await?;
        }
        Ok(PACKETS_A_TURN)
    }

    async fn read_monitor(&mut self) -> Result<(), DriverError> {
        let changes = self.kernel.changes().await?;
        if changes.more {
            return Ok(());
        }
        // The sockets first: what the routers do next may have to go out through a new one.
        self.sockets.follow(self.kernel.interfaces(), &self.set);
        for input in changes.inputs {
            self.handle(input).await?;
        }
        Ok(())
    }

    async fn act_on_timers(&mut self) -> Result<(), DriverError> {
        let now = Instant::now();
        let Some(late) = self
            .routers
            .next_timeout()
            .and_then(|timeout| now.checked_duration_since(timeout))
        else {
            return Ok(());
        };
        if late > HELD_UP {
            warn!("Held up for {:.3} seconds", late.as_secs_f64());
        }
        self.handle(Input::Timeout).await
    }

    async fn wait(
        &mut self,
        orders: &mut mpsc::Receiver<Order>,
        backlog: Backlog,
    ) -> Result<Wake, DriverError> {
        if backlog == Backlog::Some {
            // The others of this thread, the parent's hello among them, must not starve in a flood.
            tokio::task::yield_now().await;
        }
        let timeout = self.routers.next_timeout();
        tokio::select! {
            biased;
            order = orders.recv() => Ok(Wake::Order(order.unwrap_or(Order::Stop))),
            ended = self.scripts.ended() => {
                self.handle(ended).await?;
                Ok(Wake::Again)
            }
            () = self.notifier.ended() => Ok(Wake::Again),
            readable = self.set.readable() => {
                readable.map_err(DriverError::io("wait for the sockets"))?;
                Ok(Wake::Again)
            }
            () = sleep_until(timeout) => Ok(Wake::Again),
            () = std::future::ready(()), if backlog == Backlog::Some => Ok(Wake::Again),
        }
    }

    async fn reload(&mut self, config: &Config) -> Result<(), DriverError> {
        let states = self.kernel.watch(config);
        // What an instance that goes has to say goes out before its sockets are closed.
        self.sockets.want_also(config);
        self.sockets.follow(self.kernel.interfaces(), &self.set);
        let actions = self.routers.reload(config, &states, Instant::now());
        self.carry_out(actions).await?;
        self.sockets.want(config);
        self.sockets.follow(self.kernel.interfaces(), &self.set);
        self.report(Report::Reloaded);
        Ok(())
    }

    async fn stop(mut self) -> Result<(), DriverError> {
        self.scripts.kill_all();
        let actions = self.routers.stop(Instant::now());
        self.carry_out(actions).await?;
        self.notifier.finish(STOP_SCRIPTS).await;
        Ok(())
    }

    async fn carry_out(&mut self, actions: Actions) -> Result<(), DriverError> {
        for action in actions {
            match action {
                Action::SendAdvert {
                    instance,
                    interface,
                    priority: _,
                    packets,
                } => self.send_advert(&instance, &interface, &packets),
                Action::RenewLease { instance, until } => {
                    let remaining = until.saturating_duration_since(Instant::now());
                    self.report(Report::RenewLease {
                        instance,
                        remaining,
                    });
                }
                Action::EndLease { instance } => self.report(Report::EndLease { instance }),
                Action::AddAddresses {
                    instance,
                    addresses,
                } => self.add_addresses(&instance, &addresses).await?,
                Action::RemoveAddresses {
                    instance,
                    addresses,
                } => self.remove_addresses(&instance, &addresses).await?,
                Action::SendGratuitousArp {
                    instance: _,
                    addresses,
                    repeat,
                } => self.send_gratuitous_arp(&addresses, repeat),
                Action::RunScript { script, command } => self.scripts.run(script, &command),
                Action::KillScript { script, force } => self.scripts.kill(&script, force),
                Action::Notify(it) => self.notifier.notify(&it.subject, it.command, it.arguments),
                Action::Log(event) => log(&event),
            }
        }
        Ok(())
    }

    fn send_advert(
        &mut self,
        instance: &str,
        interface: &InterfaceName,
        packets: &[(Ipv4Addr, Vec<u8>)],
    ) {
        let mut failed = None;
        for (destination, packet) in packets {
            if let Err(error) = self.sockets.send(interface, *destination, packet) {
                failed = Some((*destination, error));
            }
        }
        let unsent = self.unsent.get(instance).copied().unwrap_or_default();
        match failed {
            Some((destination, error)) => {
                // Once, not with every advert.
                if unsent == 0 {
                    info!("({instance}) Cant send advert to {destination} ({error})");
                }
                self.unsent.insert(instance.to_owned(), unsent + 1);
            }
            None if unsent > 0 => {
                info!("({instance}) Sending adverts again after {unsent} that could not be sent");
                self.unsent.remove(instance);
            }
            None => {}
        }
    }

    async fn add_addresses(
        &mut self,
        instance: &str,
        addresses: &[(OwnedAddress, VirtualAddress)],
    ) -> Result<(), DriverError> {
        for (address, _) in addresses {
            self.report(Report::Own {
                instance: instance.to_owned(),
                address: address.clone(),
            });
        }
        // Lets the wiring write that out before the kernel hears of it.
        tokio::task::yield_now().await;
        let results = self.kernel.add(addresses).await;
        for ((address, _), result) in addresses.iter().zip(results) {
            if let Err(error) = result {
                refused(instance, error)?;
                self.report(Report::Disown {
                    instance: instance.to_owned(),
                    address: address.clone(),
                });
            }
        }
        Ok(())
    }

    async fn remove_addresses(
        &mut self,
        instance: &str,
        addresses: &[OwnedAddress],
    ) -> Result<(), DriverError> {
        let results = self.kernel.remove(addresses).await;
        for (address, result) in addresses.iter().zip(results) {
            match result {
                Ok(AddressDeleted::Deleted | AddressDeleted::WasNotThere) => {
                    self.report(Report::Disown {
                        instance: instance.to_owned(),
                        address: address.clone(),
                    });
                }
                // Still there, so still ours in the parent's eyes.
                Err(error) => refused(instance, error)?,
            }
        }
        Ok(())
    }

    fn send_gratuitous_arp(&self, addresses: &[(InterfaceName, Ipv4Addr)], repeat: u32) {
        for _ in 0..repeat {
            for (interface, address) in addresses {
                let Some(link) = self.kernel.interfaces().link(interface) else {
                    continue;
                };
                match self.garp.announce(link, *address) {
                    Ok(Announced::Sent) => {
                        debug!("Sending gratuitous ARP on {interface} for {address}");
                    }
                    Ok(Announced::NoArp) => {
                        trace!("{interface} has no ARP, so nothing is sent for {address}");
                    }
                    Err(error) => warn!(
                        "Error {} ({error}) sending gratuitous ARP on {interface} for {address}",
                        error.raw_os_error().unwrap_or_default()
                    ),
                }
            }
        }
    }
}

async fn sleep_until(timeout: Option<Instant>) {
    match timeout {
        Some(timeout) => tokio::time::sleep_until(timeout.into()).await,
        None => std::future::pending().await,
    }
}

/// The kernel's refusal concerns one address; no answer at all ends the loop.
fn refused(instance: &str, error: NetlinkError) -> Result<(), DriverError> {
    match error.errno() {
        Some(_) if !error.is_permission_denied() => {
            warn!("({instance}) {error}");
            Ok(())
        }
        _ => Err(error.into()),
    }
}

fn log(event: &Event) {
    if event.is_detail() {
        debug!("{event}");
    } else {
        info!("{event}");
    }
}
