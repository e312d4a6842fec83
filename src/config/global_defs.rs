//! `global_defs { }`: what concerns the whole program.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

mod files;
mod firewall;
mod keywords;
mod lvs;
mod parent_scripts;
mod processes;
mod snmp;
mod vrrp;

pub use files::{Files, IncludeCheck, IncludeFailure, Reload};
pub use firewall::{Firewall, IptablesChains};
pub use lvs::{FlushOnStop, Lvs, LvsTimeouts, SyncDaemon};
pub use parent_scripts::ParentScripts;
pub use processes::{Process, Processes};
pub use snmp::{Dbus, Snmp};
pub use vrrp::{RxBufsPolicy, Vrrp};

pub(crate) use keywords::{BLOCK, KEYWORDS};

use lvs::SyncDaemonDraft;
use parent_scripts::ParentScriptsDraft;

use super::keyword::Spanned;
use super::notify_fifo::FifoDraft;
use super::scripts::{UserText, Ways};
use super::smtp::SmtpDraft;
use super::vrrp_instance::GarpDraft;
use super::{NotifyFifo, Smtp};
use crate::types::{AddressFamily, InterfaceName, VrrpVersion};

/// Which plane carries virtual servers; our keyword `lvs_plane`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum LvsPlane {
    /// IPVS where the kernel has it, our own elsewhere.
    #[default]
    Auto,
    Ipvs,
    Userspace,
}

/// Settings of `global_defs` that are not defaults of some other block.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct GlobalDefs {
    /// Name of this node; the host name where the file says nothing.
    pub router_id: String,
    /// Time between two hellos of the parent to a child; ours, default 5 s.
    pub hello_interval: Duration,
    /// Interfaces may be missing when the program starts.
    pub dynamic_interfaces: bool,
    pub enable_script_security: bool,
    pub lvs_plane: LvsPlane,
    pub lvs: Lvs,
    /// VRRP takes part only after this time.
    pub vrrp_startup_delay: Duration,
    /// Between two gratuitous ARPs on an interface that is in no `garp_group`; zero: none.
    pub vrrp_garp_interval: Duration,
    /// The same for unsolicited neighbour advertisements.
    pub vrrp_gna_interval: Duration,
    /// Told of state changes of instances and sync groups.
    pub vrrp_notify_fifo: Option<NotifyFifo>,
    /// Told of those of virtual and real servers.
    pub lvs_notify_fifo: Option<NotifyFifo>,
    /// Told of both.
    pub notify_fifo: Option<NotifyFifo>,
    /// The FIFOs are told of all states after a reload, changed or not.
    pub fifo_write_vrrp_states_on_reload: bool,
    /// `None`: no mail is sent.
    pub smtp: Option<Smtp>,
    pub vrrp: Vrrp,
    pub processes: Processes,
    pub parent_scripts: ParentScripts,
    pub files: Files,
    pub reload: Reload,
    pub firewall: Firewall,
    pub snmp: Snmp,
    pub dbus: Dbus,
}

impl Default for GlobalDefs {
    fn default() -> Self {
        Self {
            router_id: String::new(),
            hello_interval: Duration::from_secs(5),
            dynamic_interfaces: false,
            enable_script_security: false,
            lvs_plane: LvsPlane::Auto,
            lvs: Lvs::default(),
            vrrp_startup_delay: Duration::ZERO,
            vrrp_garp_interval: Duration::ZERO,
            vrrp_gna_interval: Duration::ZERO,
            vrrp_notify_fifo: None,
            lvs_notify_fifo: None,
            notify_fifo: None,
            fifo_write_vrrp_states_on_reload: false,
            smtp: None,
            vrrp: Vrrp::default(),
            processes: Processes::default(),
            parent_scripts: ParentScripts::default(),
            files: Files::default(),
            reload: Reload::default(),
            firewall: Firewall::default(),
            snmp: Snmp::default(),
            dbus: Dbus::default(),
        }
    }
}

/// The block as it is written. Several blocks add to one another.
#[derive(Debug)]
pub(crate) struct Draft {
    /// What goes into the configuration as it is.
    pub(crate) defs: GlobalDefs,
    pub(crate) script_user: Option<Spanned<UserText>>,
    pub(crate) default_interface: Option<InterfaceName>,
    pub(crate) vrrp_version: Option<VrrpVersion>,
    pub(crate) vrrp_strict: bool,
    pub(crate) garp: GarpDraft,
    pub(crate) vrrp_down_timer_adverts: u8,
    pub(crate) vrrp_lower_prio_no_advert: bool,
    pub(crate) vrrp_higher_prio_send_advert: bool,
    pub(crate) vrrp_skip_check_adv_addr: bool,
    pub(crate) vrrp_check_unicast_src: bool,
    pub(crate) vrrp_mcast_group4: Option<IpAddr>,
    pub(crate) vrrp_mcast_group6: Option<IpAddr>,
    pub(crate) v3_checksum_as_v2: bool,
    pub(crate) vrrp_owner_ignore_adverts: bool,
    pub(crate) checker_log_all_failures: bool,
    pub(crate) ways: Ways,
    pub(crate) vrrp_notify_fifo: FifoDraft,
    pub(crate) lvs_notify_fifo: FifoDraft,
    pub(crate) notify_fifo: FifoDraft,
    pub(crate) vrrp_notify_priority_changes: bool,
    pub(crate) smtp: SmtpDraft,
    pub(crate) parent_scripts: ParentScriptsDraft,
    pub(crate) lvs_sync_daemon: Option<SyncDaemonDraft>,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            defs: GlobalDefs::default(),
            script_user: None,
            default_interface: None,
            vrrp_version: None,
            vrrp_strict: false,
            garp: GarpDraft::default(),
            vrrp_down_timer_adverts: 3,
            vrrp_lower_prio_no_advert: false,
            vrrp_higher_prio_send_advert: false,
            vrrp_skip_check_adv_addr: false,
            vrrp_check_unicast_src: false,
            vrrp_mcast_group4: None,
            vrrp_mcast_group6: None,
            v3_checksum_as_v2: false,
            vrrp_owner_ignore_adverts: false,
            checker_log_all_failures: false,
            ways: Ways {
                set_supplementary_groups: false,
                use_symlink_paths: false,
            },
            vrrp_notify_fifo: FifoDraft::default(),
            lvs_notify_fifo: FifoDraft::default(),
            notify_fifo: FifoDraft::default(),
            vrrp_notify_priority_changes: false,
            smtp: SmtpDraft::default(),
            parent_scripts: ParentScriptsDraft::default(),
            lvs_sync_daemon: None,
        }
    }
}

impl Draft {
    /// The group that was named for a version of IP.
    pub(crate) fn vrrp_mcast_group(&self, family: AddressFamily) -> Option<IpAddr> {
        match family {
            AddressFamily::Inet => self.vrrp_mcast_group4,
            AddressFamily::Inet6 => self.vrrp_mcast_group6,
        }
    }
}
