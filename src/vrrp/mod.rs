//! The virtual routers of this node: election, tracking, sync groups, and what follows from them.
//!
//! Everything outside `driver` is pure. [`VirtualRouters`] takes an [`Input`] and the time and
//! returns [`Action`]s, which the driver carries out in their order: an advert before the addresses,
//! the addresses before gratuitous ARP, the notifications last. Read RFC 3768 and RFC 5798 §6 first.

mod action;
pub mod driver;
mod event;
mod input;

pub use action::{Action, Actions, Notification};
pub use event::Event;
pub use input::{Input, InterfaceState, LinkState, Resume, ScriptOutcome};
