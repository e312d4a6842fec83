//! What an operator sees: reports of configuration checks, and dumps.

pub mod check;
pub mod checkers;
pub mod vrrp;
