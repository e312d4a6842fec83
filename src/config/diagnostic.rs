//! Complaints about a configuration: what they are, their order, and how they are shown.
//!
//! While a file is read, complaints are [`Finding`]s with a [`Span`](super::lines::Span). At the end each becomes a
//! [`Complaint`], which carries its own file name and source line, so that it can be sent to another process and shown there
//! without the file.

mod code;
mod complaint;
mod description;
mod finding;
mod misread;
mod nearest;

pub use code::{Code, Severity};
pub use complaint::{Complaint, Drawing, Place};
pub(crate) use finding::{Finding, Findings};
pub(crate) use nearest::{near_among_many, near_within, nearest, nearest_within};

/// More complaints than this are counted, not kept: memory stays bounded.
pub const MAX_COMPLAINTS: usize = 2_000;

#[cfg(test)]
mod tests;
