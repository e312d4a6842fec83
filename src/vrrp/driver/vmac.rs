//! The interfaces of the virtual routers' own (`use_vmac`, RFC 5798 §7.3, and `use_ipvlan`): made when the program starts, made anew when
//! somebody deletes them, deleted when it ends.

use std::collections::{BTreeMap, BTreeSet};

use tracing::{info, warn};

use super::sysctl::{self, Sysctls};
use super::{DriverError, Report};
use crate::config::{Config, IpvlanMode, VrrpInstance};
use crate::netlink::{Handle, Interfaces, IpvlanPorts, VirtualLink, VirtualLinkKind};
use crate::types::{
    AddressFamily, InterfaceName, Owned, OwnedAddress, OwnedObject, Tenure, VirtualAddress,
};

/// Of the instance's own interface while a VMAC is on it: the kernel must not answer ARP there for what is on the VMAC,
/// nor ask there in the name of a virtual address, because neighbours would learn the wrong MAC address from the question.
const BASE_SETTINGS: [(&str, &str); 3] = [
    ("arp_ignore", "1"),
    ("arp_filter", "1"),
    ("arp_announce", "2"),
];
/// Of an IPv4 VMAC: answers for its own addresses only, takes what comes from its base's, and is not judged by where
/// answers would go.
const VMAC_SETTINGS: [(&str, &str); 4] = [
    ("arp_ignore", "1"),
    ("accept_local", "1"),
    ("rp_filter", "0"),
    (PROMOTE, "1"),
];

const PROMOTE: &str = "promote_secondaries";

/// A VMAC of an instance.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Vmac {
    /// Its name.
    instance: String,
    link: VirtualLink,
    family: AddressFamily,
    /// Some address on it is IPv6.
    has_ipv6: bool,
    /// Adverts leave through it.
    sends: bool,
    /// The node's own on it.
    address: Option<OwnedAddress>,
}

#[derive(Debug, Default)]
pub(super) struct Vmacs {
    /// By their names.
    vmacs: BTreeMap<InterfaceName, Vmac>,
    /// By the name of the instance whose adverts leave there.
    senders: BTreeMap<String, InterfaceName>,
    sysctls: Sysctls,
    /// Interfaces with `promote_secondaries`.
    promoted: BTreeSet<InterfaceName>,
    /// Settings of reverse path filters that hide each other.
    rp_filter: Vec<String>,
}

impl Vmacs {
    /// `settings` are what an earlier life of this child has changed.
    pub(super) fn new(settings: BTreeMap<String, String>) -> Self {
        Self {
            sysctls: Sysctls::inherit(settings),
            ..Self::default()
        }
    }

    /// The interface that multicast adverts of the instance leave through, where it is not the instance's own.
    pub(super) fn sender(&self, instance: &str) -> Option<&InterfaceName> {
        self.senders.get(instance)
    }

    /// Makes what `config` wants. What is not wanted any more stays until [`Self::retire`], because addresses are on it.
    pub(super) async fn configure(
        &mut self,
        config: &Config,
        handle: &Handle,
    ) -> Result<Vec<Report>, DriverError> {
        let mut reports = Vec::new();
        for (name, vmac) in wanted(config) {
            if self.vmacs.get(&name) == Some(&vmac) {
                continue;
            }
            if let Some(old) = self.vmacs.remove(&name) {
                self.release(&old);
            }
            reports.push(Report::Own(owned(&name)));
            self.prepare(&vmac);
            self.make(&vmac, handle).await?;
            self.vmacs.insert(name, vmac);
        }
        let senders = wanted(config).filter(|(_, vmac)| vmac.sends);
        self.senders = senders.map(|(name, vmac)| (vmac.instance, name)).collect();
        self.promote(config);
        self.sysctls.release_unused();
        reports.extend(self.sysctls.reports());
        Ok(reports)
    }

    /// Deletes what `config` does not want.
    pub(super) async fn retire(
        &mut self,
        config: &Config,
        handle: &Handle,
    ) -> Result<Vec<Report>, DriverError> {
        let wanted: BTreeSet<_> = wanted(config).map(|(name, _)| name).collect();
        let is_gone = |name: &&InterfaceName| !wanted.contains(*name);
        let gone: Vec<_> = self.vmacs.keys().filter(is_gone).cloned().collect();
        let mut reports = Vec::new();
        for name in gone {
            let Some(vmac) = self.vmacs.remove(&name) else {
                continue;
            };
            self.release(&vmac);
            let (instance, kind) = (&vmac.instance, vmac.kind());
            match handle.delete_link(&name).await {
                Ok(_) => {
                    info!("({instance}): Success removing {kind} interface {name}");
                    reports.push(Report::Disown(owned(&name)));
                }
                Err(error) if error.errno().is_some() => {
                    warn!("({instance}) {error}");
                    reports.push(Report::NotRemoved(vec![owned(&name)]));
                }
                Err(error) => return Err(error.into()),
            }
        }
        if self.vmacs.is_empty() {
            for key in std::mem::take(&mut self.rp_filter) {
                self.sysctls.release(&key);
            }
        }
        if config.vrrp_instances.is_empty() {
            self.promote(config);
        }
        reports.extend(self.sysctls.reports());
        Ok(reports)
    }

    /// `promote_secondaries` of the instances' interfaces.
    fn promote(&mut self, config: &Config) {
        let wanting = config.vrrp_instances.iter();
        let wanting = wanting.filter(|it| it.promote_secondaries);
        let wanted: BTreeSet<_> = wanting.map(|it| it.interface.clone()).collect();
        for interface in wanted.difference(&self.promoted) {
            self.sysctls.set(&setting_of(interface, PROMOTE), "1");
        }
        for interface in self.promoted.difference(&wanted) {
            self.sysctls.release(&setting_of(interface, PROMOTE));
        }
        self.promoted = wanted;
    }

    /// Makes anew what somebody has deleted, and returns it.
    pub(super) async fn restore(
        &mut self,
        interfaces: &Interfaces,
        handle: &Handle,
    ) -> Result<Vec<InterfaceName>, DriverError> {
        let mut made = Vec::new();
        for vmac in self.vmacs.values() {
            let is_there = interfaces.link(&vmac.link.name).is_some();
            if is_there || interfaces.link(&vmac.link.base).is_none() {
                continue;
            }
            self.make(vmac, handle).await?;
            made.push(vmac.link.name.clone());
        }
        Ok(made)
    }

    /// What the instance's own interface needs.
    fn prepare(&mut self, vmac: &Vmac) {
        for (setting, value) in BASE_SETTINGS {
            let key = setting_of(&vmac.link.base, setting);
            self.sysctls.set(&key, value);
        }
        if vmac.family == AddressFamily::Inet && self.rp_filter.is_empty() {
            self.open_reverse_path();
        }
    }

    fn release(&mut self, vmac: &Vmac) {
        for (setting, _) in BASE_SETTINGS {
            let key = setting_of(&vmac.link.base, setting);
            self.sysctls.release(&key);
        }
    }

    /// The kernel filters by the stricter of `all` and the interface's own setting. So `all` is taken back, and every
    /// other interface keeps what it had by its own (keepalived).
    fn open_reverse_path(&mut self) {
        let all = "ipv4/conf/all/rp_filter";
        let Some(filter) = self.number(all).filter(|filter| *filter > 0) else {
            return;
        };
        let entries = std::fs::read_dir("/proc/sys/net/ipv4/conf").into_iter();
        for entry in entries.flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let key = format!("ipv4/conf/{name}/rp_filter");
            if name != "all" && self.number(&key).is_some_and(|own| own < filter) {
                self.sysctls.set(&key, &filter.to_string());
                self.rp_filter.push(key);
            }
        }
        self.sysctls.set(all, "0");
        self.rp_filter.push(all.to_owned());
    }

    /// A setting before this program changed it.
    fn number(&self, key: &str) -> Option<u8> {
        self.sysctls.before(key).ok()?.parse().ok()
    }

    async fn make(&self, vmac: &Vmac, handle: &Handle) -> Result<(), DriverError> {
        let (instance, name) = (&vmac.instance, &vmac.link.name);
        match handle.add_virtual_link(&vmac.link).await {
            Ok(_) => {
                if vmac.family == AddressFamily::Inet {
                    for (setting, value) in VMAC_SETTINGS {
                        sysctl::set(&setting_of(name, setting), value);
                    }
                } else {
                    sysctl::set(&setting_of(name, "arp_ignore"), "1");
                }
                let ipv6 = format!("ipv6/conf/{name}");
                if vmac.has_ipv6 {
                    // No address of its own: it would be the same on every node of the virtual router.
                    sysctl::set(&format!("{ipv6}/addr_gen_mode"), "1");
                    sysctl::set(&format!("{ipv6}/accept_ra"), "0");
                } else {
                    sysctl::set(&format!("{ipv6}/disable_ipv6"), "1");
                }
                said(instance, handle.set_up(name).await)?;
                if let Some(address) = &vmac.address {
                    let options = VirtualAddress::new(address.address, address.prefix_len);
                    let added = handle.add_address(address, &options).await;
                    said(instance, added.map(|_| ()))?;
                }
                let kind = vmac.kind();
                info!("({instance}): Success creating {kind} interface {name}");
                Ok(())
            }
            Err(error) => said(instance, Err(error)),
        }
    }
}

impl Vmac {
    /// For the log.
    fn kind(&self) -> &'static str {
        match self.link.kind {
            VirtualLinkKind::Macvlan { .. } => "VMAC",
            VirtualLinkKind::Ipvlan(_) => "IPVLAN",
        }
    }
}

fn wanted(config: &Config) -> impl Iterator<Item = (InterfaceName, Vmac)> {
    let of_instance = |instance| own(instance).into_iter().chain(of_addresses(instance));
    let vmacs = config.vrrp_instances.iter().flat_map(of_instance);
    vmacs.map(|vmac| (vmac.link.name.clone(), vmac))
}

fn own(instance: &VrrpInstance) -> Option<Vmac> {
    let addresses = instance
        .virtual_ipaddress
        .iter()
        .chain(&instance.virtual_ipaddress_excluded);
    let has_ipv6 = addresses
        .filter(|it| it.dev.is_none())
        .any(|it| it.address.is_ipv6());
    let (kind, group, address) = kind_and_address(instance)?;
    Some(Vmac {
        instance: instance.name.clone(),
        link: VirtualLink {
            name: instance.own_interface()?.clone(),
            base: instance.interface.clone(),
            kind,
            group,
        },
        family: instance.family(),
        has_ipv6,
        sends: !instance.vmac_xmit_base && instance.unicast_peer.is_empty(),
        address,
    })
}

/// Addresses on other interfaces have theirs there; no advert leaves through it.
fn of_addresses(instance: &VrrpInstance) -> impl Iterator<Item = Vmac> {
    instance.address_vmacs.iter().map(|it| Vmac {
        instance: instance.name.clone(),
        link: VirtualLink {
            name: it.name.clone(),
            base: it.base.clone(),
            kind: VirtualLinkKind::Macvlan { mac: it.mac },
            group: None,
        },
        family: it.family,
        has_ipv6: it.family == AddressFamily::Inet6,
        sends: false,
        address: None,
    })
}

fn kind_and_address(
    instance: &VrrpInstance,
) -> Option<(VirtualLinkKind, Option<u32>, Option<OwnedAddress>)> {
    if let Some(vmac) = &instance.use_vmac {
        let kind = VirtualLinkKind::Macvlan { mac: vmac.mac? };
        return Some((kind, vmac.group, None));
    }
    let ipvlan = instance.use_ipvlan.as_ref()?;
    let ports = match ipvlan.mode {
        IpvlanMode::Bridge => IpvlanPorts::Bridge,
        IpvlanMode::Private => IpvlanPorts::Private,
        IpvlanMode::Vepa => IpvlanPorts::Vepa,
    };
    let interface = ipvlan.name.clone()?;
    let address = ipvlan.address.map(|own| OwnedAddress {
        interface,
        address: own.address,
        prefix_len: own.prefix_len,
        peer: None,
    });
    Some((VirtualLinkKind::Ipvlan(ports), ipvlan.group, address))
}

fn owned(name: &InterfaceName) -> Owned {
    Owned {
        object: OwnedObject::Interface(name.clone()),
        tenure: Tenure::Program,
    }
}

fn setting_of(interface: &InterfaceName, setting: &str) -> String {
    // A name with a dot is written with the dot: it is a file name here.
    format!("ipv4/conf/{interface}/{setting}")
}

fn said(
    instance: &str,
    result: Result<(), crate::netlink::NetlinkError>,
) -> Result<(), DriverError> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.errno().is_some() && !error.is_permission_denied() => {
            warn!("({instance}) {error}");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
