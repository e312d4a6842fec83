//! Notifications: in order per subject, the last state always delivered.

pub mod driver;
mod queue;

pub use queue::{Pending, Queue};
