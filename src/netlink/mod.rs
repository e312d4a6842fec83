//! Thin verbs over netlink: links, addresses, neighbours, nftables, and the IPVS family's messages.
//!
//! [`Handle`] asks and changes (through rtnetlink), [`Monitor`] tells what changed, and
//! [`Interfaces`] holds what both have said. Nothing here decides anything. Numbers of the kernel
//! (`ifi_index`, prefix lengths, scopes) are translated here and nowhere else; read rtnetlink(7).

mod error;
mod handle;
mod interfaces;
mod link;
mod message;
mod monitor;
mod proc_connector;
mod receive_buffer;
mod route;
mod route_monitor;
mod rule;

pub use error::{Attempted, NetlinkError};
pub use handle::{AddressAdded, AddressDeleted, Handle, IFAPROT_KEEPALIVED};
pub use interfaces::Interfaces;
pub use link::{IpvlanPorts, VirtualLink, VirtualLinkKind};
pub use message::{Address, Change, Link};
pub use monitor::{Drained, Monitor};
pub use proc_connector::{ProcConnector, ProcEvent};
pub use receive_buffer::ReceiveBuffer;
pub use route::{Added, Deleted};
pub use route_monitor::RouteMonitor;

pub mod generic;
pub mod ipvs;

pub mod nft;
