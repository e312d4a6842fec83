//! Notifications: in order per subject, the last state always delivered.

pub mod driver;
mod fifo;
mod mail;
mod queue;

pub use mail::Mail;
pub use queue::{Pending, Queue};
