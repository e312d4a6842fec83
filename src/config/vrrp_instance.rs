//! `vrrp_instance NAME { }`: one virtual router.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{NotifyScripts, TrackObject};
use crate::types::{
    AddressFamily, AdvertInterval, InterfaceName, Priority, Route, Rule, TrackWeight,
    VirtualAddress, Vrid, VrrpVersion,
};

mod address_vmac;
mod addresses;
mod auth_hmac;
mod authentication;
mod capacity;
mod draft;
pub(crate) mod keywords;
mod network;
mod resolve;
mod strict;
mod unicast;
mod vmac;
mod without_interface;

pub use address_vmac::AddressVmac;
pub use auth_hmac::{AntiReplay, AuthHmac, HmacKey, HmacMode};
pub(crate) use auth_hmac::{BLOCK as AUTH_HMAC_BLOCK, KEYWORDS as AUTH_HMAC};
pub(crate) use draft::{Draft, GarpDraft};
pub use network::GarpExtraIf;
pub use vmac::{Ipvlan, IpvlanMode, Vmac};

pub(crate) use vmac::name_all as name_vmacs;

pub(crate) use authentication::{BLOCK as AUTHENTICATION_BLOCK, KEYWORDS as AUTHENTICATION};
pub(crate) use keywords::{BLOCK, KEYWORDS};
pub(crate) use network::garp_extra_if;

/// Keyword `state`: a hint only; every instance below priority 255 starts as BACKUP.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum InitialState {
    Master,
    #[default]
    Backup,
}

/// Block `authentication` (VRRPv2 only).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Authentication {
    #[default]
    None,
    /// `auth_type PASS`: eight bytes, zero padded (RFC 2338 §5.3.10).
    Pass([u8; 8]),
    /// `auth_type AH`: the key of the IP authentication header (RFC 2338 §5.3.6).
    Ah([u8; 8]),
}

/// An entry of `unicast_peer`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct UnicastPeer {
    pub address: IpAddr,
    /// Least TTL or hop limit that its adverts may arrive with, default 0.
    pub min_ttl: u8,
    /// Greatest, default 255.
    pub max_ttl: u8,
}

impl From<IpAddr> for UnicastPeer {
    fn from(address: IpAddr) -> Self {
        Self {
            address,
            min_ttl: 0,
            max_ttl: u8::MAX,
        }
    }
}

/// Keyword `old_unicast_checksum`: keepalived up to 1.3.6 put the multicast group into the checksum of a version 3
/// unicast advert over IPv4.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum OldUnicastChecksum {
    /// Sent to peers that send it.
    #[default]
    Detect,
    Always,
    Never,
}

/// An entry of `track_interface`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TrackInterface {
    pub interface: InterfaceName,
    pub weight: TrackWeight,
    pub reverse: bool,
}

/// An entry of `track_script`; the script of that name exists.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TrackScript {
    pub script: String,
    /// The entry's weight, or the script's where the entry has none.
    pub weight: TrackWeight,
    pub reverse: bool,
}

/// When and how often gratuitous ARP is sent. A delay or refresh of zero means "not at all".
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct GarpSettings {
    /// Second set this long after becoming MASTER, default 5 s.
    pub garp_master_delay: Duration,
    /// Messages per address in a set, default 5.
    pub garp_master_repeat: u32,
    /// Further sets this far apart while MASTER, default 60 s: a neighbour or switch that missed the others has a
    /// way back that needs nobody's hand.
    pub garp_master_refresh: Duration,
    pub garp_master_refresh_repeat: u32,
    /// As the first two, after an advert of lower priority was seen.
    pub garp_lower_prio_delay: Duration,
    pub garp_lower_prio_repeat: u32,
    pub garp_extra_if: GarpExtraIf,
}

impl Default for GarpSettings {
    fn default() -> Self {
        Self {
            garp_master_delay: Duration::from_secs(5),
            garp_master_repeat: 5,
            garp_master_refresh: Duration::from_secs(60),
            garp_master_refresh_repeat: 1,
            garp_lower_prio_delay: Duration::from_secs(5),
            garp_lower_prio_repeat: 5,
            garp_extra_if: GarpExtraIf::default(),
        }
    }
}

/// One virtual router, with every default and global setting resolved.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VrrpInstance {
    pub name: String,
    pub state: InitialState,
    /// Its VRF or none in particular, where unicast does without.
    pub interface: InterfaceName,
    pub virtual_router_id: Vrid,
    pub priority: Priority,
    pub advert_int: AdvertInterval,
    pub version: VrrpVersion,
    pub authentication: Authentication,
    pub auth_hmac: Option<AuthHmac>,
    /// Advertised addresses, at least one with version 3.
    pub virtual_ipaddress: Vec<VirtualAddress>,
    /// Added and removed with the state, not advertised.
    pub virtual_ipaddress_excluded: Vec<VirtualAddress>,
    /// Added behind the addresses, in this order.
    pub virtual_routes: Vec<Route>,
    /// Added behind the routes, in this order.
    pub virtual_rules: Vec<Rule>,
    /// Keep the other addresses of a network when its first one is taken away (net.ipv4.conf.promote_secondaries).
    pub promote_secondaries: bool,
    /// The carrier of `interface` is asked for, because its driver does not tell the kernel.
    pub linkbeat_use_polling: bool,
    /// Packets to the addresses are let in although this node does not own them; false with `no_accept`.
    pub accept: bool,
    pub use_vmac: Option<Vmac>,
    /// Adverts leave through `interface` and not through the VMAC.
    pub vmac_xmit_base: bool,
    /// Addresses on other interfaces get a VMAC there too.
    pub use_vmac_addr: bool,
    /// What follows from `use_vmac_addr` and from `use_vmac` at addresses; `dev` of those is here.
    pub address_vmacs: Vec<AddressVmac>,
    pub use_ipvlan: Option<Ipvlan>,
    /// False with `nopreempt`.
    pub preempt: bool,
    /// Zero: at once.
    pub preempt_delay: Duration,
    pub track_interface: Vec<TrackInterface>,
    pub track_script: Vec<TrackScript>,
    pub track_file: Vec<TrackObject>,
    pub track_process: Vec<TrackObject>,
    pub track_bfd: Vec<TrackObject>,
    /// The state of `interface` does not matter.
    pub dont_track_primary: bool,
    /// Source of multicast adverts; the interface's first address where the file says nothing.
    pub mcast_src_ip: Option<IpAddr>,
    pub unicast_src_ip: Option<IpAddr>,
    /// FAULT while `interface` does not have the configured source of adverts.
    pub track_src_ip: bool,
    /// Octets of the receive buffer of its sockets, where more than they have anyhow.
    pub kernel_rx_buf_size: u32,
    /// Empty: multicast.
    pub unicast_peer: Vec<UnicastPeer>,
    /// TTL or hop limit of unicast adverts, default 255.
    pub unicast_ttl: u8,
    /// FAULT without peers, instead of multicast.
    pub unicast_fault_no_peer: bool,
    pub old_unicast_checksum: OldUnicastChecksum,
    /// The group of its multicast adverts; the RFCs' where the file says nothing.
    pub mcast_dst_ip: Option<IpAddr>,
    /// IPv6 where no address tells.
    pub native_ipv6: bool,
    /// Version 3 over IPv4 has no pseudo header in its checksum.
    pub v3_checksum_as_v2: bool,
    /// The address owner drops every advert.
    pub owner_ignore_adverts: bool,
    /// A MASTER that was held up for so long that a peer of this priority has taken over goes BACKUP first; 0: off.
    pub timer_expired_backup: u8,
    pub garp: GarpSettings,
    /// Adverts that may be missed before taking over, default 3.
    pub down_timer_adverts: u8,
    /// Do not answer an advert of lower priority.
    pub lower_prio_no_advert: bool,
    /// Send one more advert before yielding to a higher priority.
    pub higher_prio_send_advert: bool,
    /// Compare the address list only when the master changes.
    pub skip_check_adv_addr: bool,
    /// RFC 5798 to the letter; what follows from it is in the other fields.
    pub strict_mode: bool,
    /// Drop unicast adverts from others than `unicast_peer`.
    pub check_unicast_src: bool,
    pub notify: NotifyScripts,
    /// The FIFOs are told of changes of its priority.
    pub notify_priority_changes: bool,
    /// Mail is sent about its states.
    pub smtp_alert: bool,
}

impl VrrpInstance {
    /// An instance with keepalived's defaults.
    pub fn new(name: &str, interface: InterfaceName, virtual_router_id: Vrid) -> Self {
        Self {
            name: name.to_owned(),
            state: InitialState::Backup,
            interface,
            virtual_router_id,
            priority: Priority::DEFAULT,
            advert_int: AdvertInterval::DEFAULT,
            version: VrrpVersion::V2,
            authentication: Authentication::None,
            auth_hmac: None,
            virtual_ipaddress: Vec::new(),
            virtual_ipaddress_excluded: Vec::new(),
            virtual_routes: Vec::new(),
            virtual_rules: Vec::new(),
            promote_secondaries: false,
            linkbeat_use_polling: false,
            accept: true,
            use_vmac: None,
            vmac_xmit_base: false,
            use_vmac_addr: false,
            address_vmacs: Vec::new(),
            use_ipvlan: None,
            preempt: true,
            preempt_delay: Duration::ZERO,
            track_interface: Vec::new(),
            track_script: Vec::new(),
            track_file: Vec::new(),
            track_process: Vec::new(),
            track_bfd: Vec::new(),
            dont_track_primary: false,
            mcast_src_ip: None,
            unicast_src_ip: None,
            track_src_ip: false,
            kernel_rx_buf_size: 0,
            unicast_peer: Vec::new(),
            unicast_ttl: u8::MAX,
            unicast_fault_no_peer: false,
            old_unicast_checksum: OldUnicastChecksum::Detect,
            mcast_dst_ip: None,
            native_ipv6: false,
            v3_checksum_as_v2: false,
            owner_ignore_adverts: false,
            timer_expired_backup: 0,
            garp: GarpSettings::default(),
            down_timer_adverts: 3,
            lower_prio_no_advert: false,
            higher_prio_send_advert: false,
            skip_check_adv_addr: false,
            strict_mode: false,
            check_unicast_src: false,
            notify: NotifyScripts::default(),
            notify_priority_changes: false,
            smtp_alert: false,
        }
    }

    /// The interface that is made for it: with the virtual MAC address, or an ipvlan.
    pub fn own_interface(&self) -> Option<&InterfaceName> {
        match (&self.use_vmac, &self.use_ipvlan) {
            (Some(vmac), _) => vmac.name.as_ref(),
            (None, Some(ipvlan)) => ipvlan.name.as_ref(),
            (None, None) => None,
        }
    }

    /// Where an address belongs that names no interface.
    pub fn address_interface(&self) -> &InterfaceName {
        self.own_interface().unwrap_or(&self.interface)
    }

    /// The source of its adverts that the file says.
    pub fn configured_source(&self) -> Option<IpAddr> {
        if self.unicast_peer.is_empty() {
            self.mcast_src_ip.or(self.unicast_src_ip)
        } else {
            self.unicast_src_ip.or(self.mcast_src_ip)
        }
    }

    /// Where its adverts go if they go by multicast.
    pub fn multicast_group(&self) -> IpAddr {
        // RFC 3768 §5.2.2, RFC 5798 §5.1.2.2
        let default = match self.family() {
            AddressFamily::Inet => IpAddr::from([224, 0, 0, 18]),
            AddressFamily::Inet6 => IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 0x12]),
        };
        self.mcast_dst_ip.unwrap_or(default)
    }

    /// The version of IP of its adverts: that of the first address that says so.
    pub fn family(&self) -> AddressFamily {
        let virtual_address = self.virtual_ipaddress.first().map(|it| it.address);
        let address = virtual_address
            .or(self.unicast_src_ip)
            .or(self.mcast_src_ip)
            .or_else(|| self.unicast_peer.first().map(|peer| peer.address));
        match address {
            Some(address) => AddressFamily::of(address),
            None if self.native_ipv6 => AddressFamily::Inet6,
            None => AddressFamily::Inet,
        }
    }
}
