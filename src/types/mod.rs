//! Units and identifiers. A unit is a type; nothing here knows the rest of the crate.

mod address;
mod family;
mod identity;
mod interface;
mod interval;
mod lvs;
mod ownership;
mod prefix;
mod priority;
mod route;
mod routing;
mod rule;
mod script;

pub use address::{PreferredLifetime, RouteScope, VirtualAddress};
pub use family::AddressFamily;
pub use identity::{RouterIdentity, Transport};
pub use interface::{InterfaceName, InvalidInterfaceName};
pub use interval::{AdvertInterval, AdvertIntervalOutOfRange};
pub use lvs::{ForwardingMethod, Protocol, Scheduler, ServerAddress, TunnelType, Weight};
pub use ownership::{Owned, OwnedAddress, OwnedObject, Tenure};
pub use prefix::IpPrefix;
pub use priority::{AdvertPriority, Priority, PriorityOutOfRange, TrackWeight, Vrid, VrrpVersion};
pub use route::{
    InsertMode, IpTunnel, RTPROT_KEEPALIVED, Route, RouteEncap, RouteMetrics, RouteNexthop,
    RoutePreference, RouteType,
};
pub use routing::Routing;
pub use rule::{NumberRange, Rule, RuleAction};
pub use script::{ScriptCommand, UserId};
