//! Carrying out what the routers want done, in its order.

use std::io;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use tracing::{debug, info, trace, warn};

use super::flood::Admitted;
use super::garp::Announced;
use super::kept;
use super::run::Driver;
use super::socket::Outgoing;
use super::{DriverError, Report};
use crate::netlink::{AddressDeleted, NetlinkError};
use crate::types::{
    InterfaceName, Owned, OwnedAddress, OwnedObject, RouterIdentity, Routing, Tenure,
    VirtualAddress,
};
use crate::vrrp::{Action, Actions, Event};

impl Driver {
    pub(super) async fn carry_out(&mut self, actions: Actions) -> Result<(), DriverError> {
        self.carry_out_adverts(&actions).await;
        for action in actions {
            match action {
                // They went first.
                Action::SendAdvert { .. } | Action::RenewLease { .. } => {}
                Action::EndLease {
                    instance: _,
                    router,
                } => self.end_lease(&router),
                Action::AddAddresses {
                    instance,
                    addresses,
                } => self.add_addresses(&instance, &addresses).await?,
                Action::RemoveAddresses {
                    instance,
                    addresses,
                } => self.remove_addresses(&instance, &addresses).await?,
                Action::AddRouting { instance, routing } => {
                    self.add_routing(&instance, &routing).await?;
                }
                Action::RemoveRouting { instance, routing } => {
                    self.remove_routing(&instance, &routing).await?;
                }
                Action::SendGratuitousArp {
                    instance: _,
                    addresses,
                    repeat,
                } => self.send_gratuitous_arp(&addresses, repeat),
                Action::RunScript { script, command } => self.scripts.run(script, &command),
                Action::KillScript { script, force } => self.scripts.kill(&script, force),
                Action::Notify(it) => self.notifier.notify(&it.subject, it.command, it.arguments),
                Action::Announce(it) => self.announcer.announce(&it, &mut self.notifier),
                Action::Log(event) => self.log(&event),
            }
        }
        Ok(())
    }

    /// Adverts and their leases, before anything else. A lease that begins is told before a line is
    /// logged or an address added: who dies after its first advert shall go on as MASTER, for the others wait.
    async fn carry_out_adverts(&mut self, actions: &[Action]) {
        let mut failures = self.send_adverts(actions);
        let now = Instant::now();
        let mut has_begun = false;
        for action in actions {
            match action {
                Action::SendAdvert {
                    instance,
                    router,
                    priority: _,
                    packets,
                } => self.advert_sent(instance, router, packets, &mut failures),
                Action::RenewLease {
                    instance: _,
                    router,
                    term,
                    until,
                } => has_begun |= self.renew_lease(router, *term, *until, now) == Renewal::Told,
                _ => {}
            }
        }
        if has_begun {
            // Lets the wiring write that out.
            tokio::task::yield_now().await;
        }
    }

    /// All adverts that are among `actions`. What could not be sent comes back for
    /// each packet in turn.
    fn send_adverts(&self, actions: &[Action]) -> impl Iterator<Item = Option<io::Error>> + use<> {
        let mut outgoing = Vec::new();
        for action in actions {
            if let Action::SendAdvert {
                instance,
                router,
                packets,
                ..
            } = action
            {
                let interface = self.vmacs.sender(instance).unwrap_or(&router.interface);
                outgoing.extend(packets.iter().map(|(destination, packet)| Outgoing {
                    interface,
                    destination: *destination,
                    packet,
                }));
            }
        }
        self.sockets.send_all(&outgoing).into_iter()
    }

    /// What follows from how it was sent; `failures`: of each packet.
    fn advert_sent(
        &mut self,
        instance: &str,
        router: &RouterIdentity,
        packets: &[(IpAddr, Vec<u8>)],
        failures: impl Iterator<Item = Option<io::Error>>,
    ) {
        let mut failed = None;
        let mut sent = false;
        for ((destination, _), failure) in packets.iter().zip(failures) {
            match failure {
                None => sent = true,
                Some(error) => failed = Some((*destination, error)),
            }
        }
        if !sent {
            self.unheard.push(router.clone());
        }
        if failed.is_none() && self.unsent.is_empty() {
            return;
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

    fn log(&mut self, event: &Event) {
        let instances = self.routers.len();
        match self.lines.admit(instances, Instant::now()) {
            Admitted::No => {}
            Admitted::Yes { suppressed: 0 } => log(event),
            Admitted::Yes { suppressed } => {
                info!("{suppressed} lines of a flood were not logged");
                log(event);
            }
        }
    }

    /// Nobody stays away because of an advert that was not sent.
    fn renew_lease(
        &mut self,
        router: &RouterIdentity,
        term: Duration,
        until: Instant,
        now: Instant,
    ) -> Renewal {
        if self.unheard.last() == Some(router) {
            self.end_lease(router);
            return Renewal::Told;
        }
        match self.leases.renew(router, term, until, now) {
            Some(report) => {
                self.report(report);
                Renewal::Told
            }
            None => Renewal::LaterWithOthers,
        }
    }

    fn end_lease(&mut self, router: &RouterIdentity) {
        if let Some(report) = self.leases.end(router) {
            self.report(report);
        }
    }

    pub(super) fn renew_leases(&mut self) {
        for report in self.leases.due(Instant::now()) {
            let _ = self.reports.send(report);
        }
    }

    async fn add_addresses(
        &mut self,
        instance: &str,
        addresses: &[(OwnedAddress, VirtualAddress)],
    ) -> Result<(), DriverError> {
        for (address, _) in addresses {
            self.report(Report::Own(of_master(address.clone().into())));
        }
        // Lets the wiring write that out before the kernel hears of it.
        tokio::task::yield_now().await;
        let results = self.kernel.add(addresses).await;
        for ((address, _), result) in addresses.iter().zip(results) {
            if let Err(error) = result {
                refused(instance, error)?;
                self.report(Report::Disown(of_master(address.clone().into())));
            }
        }
        Ok(())
    }

    async fn add_routing(&mut self, instance: &str, routing: &Routing) -> Result<(), DriverError> {
        for object in kept::objects(routing) {
            self.report(Report::Own(of_master(object)));
        }
        // Lets the wiring write that out before the kernel hears of it.
        tokio::task::yield_now().await;
        let handle = self.kernel.handle().clone();
        self.kept.add(Some(instance), routing, &handle).await?;
        self.watch_routing()
    }

    async fn remove_routing(
        &mut self,
        instance: &str,
        routing: &Routing,
    ) -> Result<(), DriverError> {
        let handle = self.kernel.handle().clone();
        let still_there = self.kept.remove(Some(instance), routing, &handle).await?;
        let gone = kept::objects(routing).filter(|it| !still_there.contains(it));
        for object in gone.filter(|it| !self.kept.is_wanted(it)) {
            self.report(Report::Disown(of_master(object)));
        }
        if !still_there.is_empty() {
            let still_there = still_there.into_iter().map(of_master);
            self.report(Report::NotRemoved(still_there.collect()));
        }
        Ok(())
    }

    async fn remove_addresses(
        &mut self,
        instance: &str,
        addresses: &[OwnedAddress],
    ) -> Result<(), DriverError> {
        self.pacing.forget(addresses);
        let results = self.kernel.remove(addresses).await;
        for report in after_removal(instance, addresses, results)? {
            self.report(report);
        }
        Ok(())
    }

    fn send_gratuitous_arp(&mut self, addresses: &[(InterfaceName, IpAddr)], repeat: u32) {
        let due = self.pacing.push(addresses, repeat, Instant::now());
        self.announce_all(&due);
    }

    /// What had to wait for its turn.
    pub(super) fn announce_due(&mut self) {
        let due = self.pacing.due(Instant::now());
        self.announce_all(&due);
    }

    fn announce_all(&mut self, announcements: &[(InterfaceName, IpAddr)]) {
        for (interface, address) in announcements {
            self.announce(interface, *address);
        }
    }

    fn announce(&mut self, interface: &InterfaceName, address: IpAddr) {
        let Some(link) = self.kernel.interfaces().link(interface) else {
            return;
        };
        let what = match address {
            IpAddr::V4(_) => "gratuitous ARP",
            IpAddr::V6(_) => "unsolicited Neighbour Advert",
        };
        match self.garp.announce(link, address) {
            Ok(Announced::Sent) => debug!("Sending {what} on {interface} for {address}"),
            Ok(Announced::NoArp) => trace!("{interface} has no ARP: nothing sent for {address}"),
            Err(error) => warn!(
                "Error {} ({error}) sending {what} on {interface} for {address}",
                error.raw_os_error().unwrap_or_default()
            ),
        }
    }
}

/// Whether the parent has been told of a lease by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Renewal {
    Told,
    LaterWithOthers,
}

fn of_master(object: OwnedObject) -> Owned {
    Owned {
        object,
        tenure: Tenure::Master,
    }
}

/// What the parent has to know of a removal: it takes over what is still there, since no lease stands for it any more.
fn after_removal(
    instance: &str,
    addresses: &[OwnedAddress],
    results: Vec<Result<AddressDeleted, NetlinkError>>,
) -> Result<Vec<Report>, DriverError> {
    let (mut reports, mut still_there) = (Vec::new(), Vec::new());
    for (address, result) in addresses.iter().zip(results) {
        let owned = of_master(address.clone().into());
        match result {
            Ok(AddressDeleted::Deleted | AddressDeleted::WasNotThere) => {
                reports.push(Report::Disown(owned));
            }
            Err(error) => {
                refused(instance, error)?;
                still_there.push(owned);
            }
        }
    }
    if !still_there.is_empty() {
        reports.push(Report::NotRemoved(still_there));
    }
    Ok(reports)
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::netlink::Attempted;

    fn address(last: u8) -> OwnedAddress {
        OwnedAddress {
            interface: InterfaceName::new("eth0").expect("a name"),
            address: Ipv4Addr::new(192, 0, 2, last).into(),
            prefix_len: 24,
            peer: None,
        }
    }

    fn failed(last: u8, cause: io::Error) -> Result<AddressDeleted, NetlinkError> {
        let attempted = Attempted::DeleteAddress(address(last));
        Err(NetlinkError { attempted, cause })
    }

    #[test]
    fn an_address_that_could_not_be_removed_is_the_parent_s_and_the_others_are_nobody_s() {
        let results = vec![
            Ok(AddressDeleted::Deleted),
            failed(2, io::Error::from_raw_os_error(libc::ENOBUFS)),
            Ok(AddressDeleted::WasNotThere),
        ];
        let addresses = [address(1), address(2), address(3)];
        let reports = after_removal("VI_1", &addresses, results).expect("refused");
        let owned = |last| of_master(address(last).into());
        assert_eq!(
            reports,
            [
                Report::Disown(owned(1)),
                Report::Disown(owned(3)),
                Report::NotRemoved(vec![owned(2)]),
            ]
        );
    }

    #[test]
    fn a_kernel_that_does_not_answer_ends_the_loop_and_the_parent_takes_everything() {
        for cause in [
            io::Error::other("no answer"),
            io::Error::from_raw_os_error(libc::EPERM),
        ] {
            let results = vec![failed(1, cause)];
            assert!(after_removal("VI_1", &[address(1)], results).is_err());
        }
    }
}
