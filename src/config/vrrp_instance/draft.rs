//! A `vrrp_instance` as it is written: what the file does not say is `None`.

use std::net::IpAddr;
use std::time::Duration;

use super::authentication::AuthenticationDraft;
use super::vmac::VmacDraft;
use super::{GarpExtraIf, GarpSettings, InitialState, OldUnicastChecksum, UnicastPeer, auth_hmac};
use crate::config::keyword::Spanned;
use crate::config::lines::Span;
use crate::config::notify_scripts::{HasNotify, NotifyDraft};
use crate::config::routes::RouteDraft;
use crate::config::rules::RuleDraft;
use crate::config::track::{HasTrack, TrackDraft};
use crate::types::{AdvertInterval, InterfaceName, Priority, VirtualAddress, Vrid, VrrpVersion};

#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) name: Spanned<String>,
    pub(crate) state: Option<Spanned<InitialState>>,
    pub(crate) interface: Option<Spanned<InterfaceName>>,
    pub(crate) virtual_router_id: Option<Spanned<Vrid>>,
    /// Its value is none, which has been said.
    pub(crate) refused_interface: bool,
    pub(crate) refused_virtual_router_id: bool,
    pub(crate) priority: Option<Priority>,
    pub(crate) advert_int: Option<Spanned<AdvertInterval>>,
    pub(crate) version: Option<Spanned<VrrpVersion>>,
    pub(crate) authentication: Option<AuthenticationDraft>,
    pub(crate) auth_hmac: Option<auth_hmac::Draft>,
    pub(crate) virtual_ipaddress: Vec<Spanned<VirtualAddress>>,
    pub(crate) virtual_ipaddress_excluded: Vec<Spanned<VirtualAddress>>,
    pub(crate) virtual_routes: Vec<RouteDraft>,
    pub(crate) virtual_rules: Vec<RuleDraft>,
    pub(crate) promote_secondaries: Option<Span>,
    pub(crate) linkbeat_use_polling: bool,
    pub(crate) track_src_ip: bool,
    pub(crate) kernel_rx_buf_size: u32,
    pub(crate) accept: Option<bool>,
    pub(crate) vmac: VmacDraft,
    pub(crate) nopreempt: Option<Span>,
    pub(crate) preempt_delay: Option<Spanned<Duration>>,
    pub(crate) track: TrackDraft,
    pub(crate) dont_track_primary: bool,
    pub(crate) mcast_src_ip: Option<Spanned<IpAddr>>,
    pub(crate) unicast_src_ip: Option<Spanned<IpAddr>>,
    pub(crate) unicast_peer: Vec<Spanned<UnicastPeer>>,
    /// The keyword of a `unicast_peer` with an entry that is no address.
    pub(crate) refused_unicast_peer: Option<Span>,
    pub(crate) unicast_ttl: Option<u8>,
    pub(crate) unicast_ttl_keyword: Option<Span>,
    pub(crate) unicast_fault_no_peer: bool,
    pub(crate) old_unicast_checksum: OldUnicastChecksum,
    pub(crate) mcast_dst_ip: Option<Spanned<IpAddr>>,
    pub(crate) v3_checksum_as_v2: Option<bool>,
    pub(crate) owner_ignore_adverts: Option<bool>,
    pub(crate) timer_expired_backup: Option<Spanned<u8>>,
    pub(crate) no_virtual_ipaddress: bool,
    pub(crate) native_ipv6: bool,
    pub(crate) vrf: Option<Spanned<InterfaceName>>,
    /// A keyword that only makes sense with unicast peers.
    pub(crate) unicast_keyword: Option<Span>,
    pub(crate) garp: GarpDraft,
    pub(crate) down_timer_adverts: Option<u8>,
    pub(crate) lower_prio_no_advert: Option<bool>,
    pub(crate) higher_prio_send_advert: Option<bool>,
    pub(crate) skip_check_adv_addr: Option<bool>,
    pub(crate) check_unicast_src: Option<bool>,
    pub(crate) strict_mode: Option<bool>,
    pub(crate) notify: NotifyDraft,
}

impl Draft {
    pub(crate) fn new(name: Spanned<String>) -> Self {
        Self {
            name,
            state: None,
            interface: None,
            virtual_router_id: None,
            refused_interface: false,
            refused_virtual_router_id: false,
            priority: None,
            advert_int: None,
            version: None,
            authentication: None,
            auth_hmac: None,
            virtual_ipaddress: Vec::new(),
            virtual_ipaddress_excluded: Vec::new(),
            virtual_routes: Vec::new(),
            virtual_rules: Vec::new(),
            promote_secondaries: None,
            linkbeat_use_polling: false,
            track_src_ip: false,
            kernel_rx_buf_size: 0,
            accept: None,
            vmac: VmacDraft::default(),
            nopreempt: None,
            preempt_delay: None,
            track: TrackDraft::default(),
            dont_track_primary: false,
            mcast_src_ip: None,
            unicast_src_ip: None,
            unicast_peer: Vec::new(),
            refused_unicast_peer: None,
            unicast_ttl: None,
            unicast_ttl_keyword: None,
            unicast_fault_no_peer: false,
            old_unicast_checksum: OldUnicastChecksum::Detect,
            mcast_dst_ip: None,
            v3_checksum_as_v2: None,
            owner_ignore_adverts: None,
            timer_expired_backup: None,
            no_virtual_ipaddress: false,
            native_ipv6: false,
            vrf: None,
            unicast_keyword: None,
            garp: GarpDraft::default(),
            down_timer_adverts: None,
            lower_prio_no_advert: None,
            higher_prio_send_advert: None,
            skip_check_adv_addr: None,
            check_unicast_src: None,
            strict_mode: None,
            notify: NotifyDraft::default(),
        }
    }
}

impl HasNotify for Draft {
    fn notify(&mut self) -> &mut NotifyDraft {
        &mut self.notify
    }
}

impl HasTrack for Draft {
    fn track(&mut self) -> &mut TrackDraft {
        &mut self.track
    }
}

/// The gratuitous ARP settings of an instance or of `global_defs`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GarpDraft {
    pub(crate) master_delay: Option<Duration>,
    pub(crate) master_repeat: Option<u32>,
    pub(crate) master_refresh: Option<Duration>,
    pub(crate) master_refresh_repeat: Option<u32>,
    pub(crate) lower_prio_delay: Option<Duration>,
    pub(crate) lower_prio_repeat: Option<u32>,
    pub(crate) extra_if: Option<GarpExtraIf>,
}

impl GarpDraft {
    /// This instance's settings, then those of `global_defs`, then keepalived's defaults.
    pub(crate) fn resolve(self, global: Self) -> GarpSettings {
        let default = GarpSettings::default();
        GarpSettings {
            garp_master_delay: self
                .master_delay
                .or(global.master_delay)
                .unwrap_or(default.garp_master_delay),
            garp_master_repeat: self
                .master_repeat
                .or(global.master_repeat)
                .unwrap_or(default.garp_master_repeat),
            garp_master_refresh: self
                .master_refresh
                .or(global.master_refresh)
                .unwrap_or(default.garp_master_refresh),
            garp_master_refresh_repeat: self
                .master_refresh_repeat
                .or(global.master_refresh_repeat)
                .unwrap_or(default.garp_master_refresh_repeat),
            // keepalived: where nothing is said, these two follow the master's of `global_defs`, not of the instance.
            garp_lower_prio_delay: self
                .lower_prio_delay
                .or(global.lower_prio_delay)
                .or(global.master_delay)
                .unwrap_or(default.garp_lower_prio_delay),
            garp_lower_prio_repeat: self
                .lower_prio_repeat
                .or(global.lower_prio_repeat)
                .or(global.master_repeat)
                .unwrap_or(default.garp_lower_prio_repeat),
            garp_extra_if: self.extra_if.or(global.extra_if).unwrap_or_default(),
        }
    }
}
