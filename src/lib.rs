//! Holdfast keeps a virtual address on exactly one healthy machine and sends its traffic to healthy
//! servers only. Each module answers one question; `docs/architecture.md` walks through them.

pub mod check;
pub mod config;
pub mod daemon;
pub mod dataplane;
pub mod log;
pub mod lvs;
pub mod netlink;
pub mod notify;
pub mod status;
pub mod sys;
pub mod types;
pub mod vrrp;
pub mod wire;
