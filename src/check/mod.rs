//! Health checkers: which real servers are alive, and what that means for each virtual server.
//!
//! Everything outside `driver` is pure. [`Checkers`] takes an [`Input`] and the time and returns
//! [`Action`]s, which the driver carries out in their order: a check to start, commands for the
//! forwarding plane, a script to run, a line to log. Read it from the outside in:
//!
//! * `checkers` is the aggregate: timetable, restart, reload, stop, what the plane is believed to hold
//! * `virtual_server` and `real_server` say what a result means; `quorum` is the rule between them
//! * `checker` is the schedule of one checker: delay_loop, retries, rounds over several urls
//! * `http`, `tcp`, `misc` judge what a server or a script answered: bytes in, outcome out

mod action;
mod announcement;
mod checker;
mod checkers;
pub mod driver;
mod event;
mod forwarding;
pub mod http;
mod input;
mod mail;
mod misc;
mod outcome;
mod quorum;
mod real_server;
pub mod snapshot;
#[cfg(test)]
mod steps;
mod tcp;
mod timetable;
mod virtual_server;

pub use action::{Action, Actions, Notification};
pub use announcement::Announcement;
use checker::{CONNECT_TIMEOUTS_PER_CHECK, SCRIPT_GRACE};
pub use checkers::Checkers;
pub use event::{CheckMethod, Event, Subject};
pub use forwarding::Ownership;
pub use input::{CheckId, CheckerId, Input};
pub use mail::{Mail, MailAbout};
pub use misc::ScriptEnd;
pub use outcome::{Failure, HttpTest, LengthMismatch, Outcome, Passed};
pub use snapshot::{CheckerSnapshot, RealServerSnapshot, Snapshot, VirtualServerSnapshot};
pub use tcp::ConnectError;
