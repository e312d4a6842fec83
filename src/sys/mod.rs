//! All unsafe code, and what neither std nor nix covers. `// SAFETY:` on each block.

#![allow(unsafe_code)]

pub mod frame;
pub mod packet;
pub mod script;
pub mod tun;
