//! What an operator sees: reports of configuration checks.

pub mod check;
