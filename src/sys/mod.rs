//! All unsafe code, and what neither std nor nix covers. `// SAFETY:` on each block.

#![allow(unsafe_code)]

pub mod background;
pub mod clock;
pub mod frame;
pub mod link_beat;
pub mod link_layer;
pub mod memory;
pub mod net_namespace;
pub mod net_setting;
pub mod packet;
pub mod poll_set;
pub mod process;
pub mod scheduling;
pub mod script;
pub mod tun;
