//! keepalived.conf text to a typed [`Config`], with every complaint located.
//!
//! [`load`] is the way in. On the way from the file to the configuration each step adds one kind of meaning:
//!
//! 1. `source` opens files, `preprocess` makes lines of them (includes, comments, `$NAME`, `@id`, `~SEQ`),
//! 2. `lexer` makes words of lines, `tree` statements and blocks of words,
//! 3. `keyword` reads statements into a block's draft by the table in the block's own file,
//! 4. each block's `resolve` applies defaults and `consistency` the rules across blocks.
//!
//! After loading there is nothing left to check: defaults, global settings and
//! host facts (users, interfaces, programs) have been resolved into the blocks that use them. A `Config` can
//! be serialised, because the parent hands it to its children and none of them reads the file again.
//!
//! A new keyword is a row in its block's table, a field of its draft, and its use in `resolve`.

// From text to statements.
mod diagnostic;
mod keyword;
mod lexer;
mod lines;
mod preprocess;
mod source;
mod ssl;
mod tree;

// From statements to blocks.
mod addresses;
mod bfd_instance;
mod checkers;
mod entry;
mod garp_group;
mod global_defs;
mod interface_delays;
mod iproute_names;
mod linkbeat;
#[cfg(test)]
mod manual;
mod namespaces;
mod notify_fifo;
mod notify_scripts;
mod real_server;
mod retry;
mod root;
mod routes;
mod rules;
mod smtp;
mod static_network;
mod track;
mod track_file;
mod virtual_server;
mod virtual_server_group;
mod vrrp_instance;
mod vrrp_script;
mod vrrp_sync_group;
mod vrrp_track_process;

// From blocks to a configuration.
mod consistency;
mod delta;
#[cfg(any(test, fuzzing))]
mod fake_host;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod host;
mod load;
mod offline_host;
mod origins;
mod pair;
mod print;
mod scripts;

use serde::{Deserialize, Serialize};

pub use bfd_instance::BfdInstance;
pub use checkers::{
    Checker, CheckerKind, ConnectOptions, DnsType, HttpGet, HttpProtocol, HttpRegex, HttpUrl,
    MiscCheck, PendingKind, RegexSettings, StatusCodeRange, UdpCheck,
};
pub use delta::{BlockDelta, ConfigDelta};
pub use diagnostic::{Code, Complaint, Drawing, MAX_COMPLAINTS, Place, Severity};
pub use garp_group::GarpGroup;
pub use global_defs::{
    Dbus, Files, Firewall, FlushOnStop, GlobalDefs, IncludeCheck, IncludeFailure, IptablesChains,
    Lvs, LvsPlane, LvsTimeouts, ParentScripts, Process, Processes, Reload, RxBufsPolicy, Snmp,
    SyncDaemon, Vrrp,
};
pub use host::{Host, InsecureComponent, Program, ProgramFault};
pub use interface_delays::InterfaceDelays;
pub use iproute_names::{IprouteDirectories, IprouteNames, NameKind};
pub use keyword::{KeywordReference, Standing};
pub use linkbeat::{LinkbeatInterface, LinkbeatMethod};
#[cfg(test)]
pub(crate) use load::tests::loaded;
pub use load::{LoadOptions, Loaded, Policy, load};
pub use namespaces::{IpvsNamespace, Namespaces};
pub use notify_fifo::NotifyFifo;
pub use notify_scripts::NotifyScripts;
pub use offline_host::OfflineHost;
pub use origins::Origins;
pub use pair::compare;
pub use print::{Secrets, print};
pub use real_server::{RealServer, RealServerOptions, SorryServer};
pub use smtp::{Smtp, SmtpServer};
pub use ssl::Ssl;
pub use static_network::{StaticNetwork, TrackGroup};
pub use track::TrackObject;
pub use track_file::{InitFile, TrackedFile};
pub use virtual_server::{Granularity, ServiceOptions, ServiceTarget, VirtualServer};
pub use virtual_server_group::{GroupEntry, IpFamily, VirtualServerGroup};
pub use vrrp_instance::{
    AddressVmac, AntiReplay, AuthHmac, Authentication, GarpExtraIf, GarpSettings, HmacKey,
    HmacMode, InitialState, Ipvlan, IpvlanMode, OldUnicastChecksum, TrackInterface, TrackScript,
    UnicastPeer, Vmac, VrrpInstance,
};
pub use vrrp_script::VrrpScript;
pub use vrrp_sync_group::VrrpSyncGroup;
pub use vrrp_track_process::{ParamMatch, TrackedProcess};

/// Everything a configuration file says, in the order it says it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Config {
    /// Boxed: it is large, and what holds a configuration should not be.
    pub global_defs: Box<GlobalDefs>,
    pub vrrp_scripts: Vec<VrrpScript>,
    pub track_files: Vec<TrackedFile>,
    pub vrrp_track_processes: Vec<TrackedProcess>,
    pub bfd_instances: Vec<BfdInstance>,
    pub interface_up_down_delays: Vec<InterfaceDelays>,
    pub vrrp_instances: Vec<VrrpInstance>,
    pub vrrp_sync_groups: Vec<VrrpSyncGroup>,
    pub ssl: Option<Ssl>,
    pub virtual_server_groups: Vec<VirtualServerGroup>,
    pub virtual_servers: Vec<VirtualServer>,
    pub static_network: StaticNetwork,
    pub track_groups: Vec<TrackGroup>,
    pub garp_groups: Vec<GarpGroup>,
    pub linkbeat_interfaces: Vec<LinkbeatInterface>,
    /// Every interface that matters is polled.
    pub linkbeat_use_polling: bool,
    pub namespaces: Namespaces,
    /// Virtual servers that nobody serves, because what they listen to is not carried out yet.
    pub pending_virtual_servers: Vec<VirtualServer>,
}

/// Every keyword that is understood, for the manual.
pub fn keyword_reference() -> Vec<KeywordReference> {
    root::catalogue().reference()
}

impl Config {
    /// The VRRP child has something to do.
    pub fn wants_vrrp(&self) -> bool {
        !self.vrrp_instances.is_empty() || !self.static_network.is_empty()
    }

    /// The checker child has something to do.
    pub fn wants_checkers(&self) -> bool {
        !self.virtual_servers.is_empty()
    }
}
