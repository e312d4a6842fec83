//! Health checkers: which real servers are alive, and what that means for each virtual server.
//!
//! Everything outside `driver` is pure; bytes and results come in, commands for the
//! forwarding plane, script runs and events go out.

pub mod driver;
