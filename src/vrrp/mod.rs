//! The virtual routers of this node: election, tracking, sync groups, and what follows from them.
//!
//! Everything outside `driver` is pure. [`VirtualRouters`] takes an [`Input`] and the time and
//! returns [`Action`]s, which the driver carries out in their order: an advert before the addresses,
//! the addresses before gratuitous ARP, the notifications last. Read RFC 3768 and RFC 5798 §6 first.
//!
//! * `routers` finds who is concerned, `routers/together` keeps sync groups together;
//! * `instance` is one virtual router: the state machine, and beside it what it hears, sends, and does at
//!   each transition;
//! * `receive` judges packets, `election` compares, `timers` does the arithmetic, `tracking`, `trackers` and
//!   `script` turn interfaces, files, processes and scripts into priorities and FAULT;
//! * `steps` plays the recorded steps in `testdata`, `sim` lets several nodes play against each other.

mod action;
mod addresses;
mod authentication;
mod clock;
pub mod driver;
mod election;
mod event;
mod identity;
mod input;
mod instance;
pub mod lateness;
mod notification;
mod pacing;
mod process_table;
mod receive;
mod reload;
mod routers;
mod script;
pub mod snapshot;
mod sync_group;
mod timers;
mod trackers;
mod tracking;

#[cfg(test)]
mod sim;
#[cfg(test)]
mod steps;
#[cfg(test)]
mod sync_sim;

pub use action::{Action, Actions, AdvertPackets, Notification};
pub use clock::{Clocks, WallClock};
pub use event::Event;
pub use input::{Input, InterfaceState, LinkState, Resume, ScriptOutcome};
pub use notification::{Announcement, Notice, SubjectKind};
pub use receive::{Refusal, RefusalReason, Remark};
pub use routers::VirtualRouters;
pub use snapshot::{Counters, Dump, Snapshot, State};
use trackers::file_number;
pub use trackers::{TrackedNow, TrackingEvent};
pub use tracking::Fault;
