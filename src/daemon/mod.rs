//! (to be written)

pub mod host;
