//! Debian's keepalived as the peer and as the model: mixed pairs, and the same story told by both
//! programs. Where they differ on purpose, `docs/guide/migrating-from-keepalived.md` has the row.

mod client;
mod fifo;
#[path = "../vm/guest.rs"]
mod guest;
#[path = "../lab/mod.rs"]
mod lab;
mod router;
mod verdict;

mod corpus;
mod dumps;
mod effective;
mod effective_services;
mod effective_values;
mod inputs;
mod log_lines;
mod mixed_pairs;
mod notify;
mod printed;
mod samples;
mod takeover;
mod typos;
mod verdicts;
mod wire;
