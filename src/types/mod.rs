//! Units and identifiers. A unit is a type; nothing here knows the rest of the crate.

mod address;
mod identity;
mod interface;
mod interval;
mod lvs;
mod ownership;
mod priority;
mod script;

pub use address::{AddressFamily, AddressScope, VirtualAddress};
pub use identity::{RouterIdentity, Transport};
pub use interface::{InterfaceName, InvalidInterfaceName};
pub use interval::{AdvertInterval, AdvertIntervalOutOfRange};
pub use lvs::{ForwardingMethod, Protocol, Scheduler, ServerAddress, TunnelType, Weight};
pub use ownership::OwnedAddress;
pub use priority::{AdvertPriority, Priority, PriorityOutOfRange, TrackWeight, Vrid, VrrpVersion};
pub use script::{ScriptCommand, UserId};
