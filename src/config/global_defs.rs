//! `global_defs { }`: what concerns the whole program.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which plane carries virtual servers; our keyword `lvs_plane`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum LvsPlane {
    /// IPVS where the kernel has it, our own elsewhere.
    #[default]
    Auto,
    Ipvs,
    Userspace,
}

/// Settings of `global_defs` that are not defaults of some other block.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct GlobalDefs {
    /// Name of this node; the host name where the file says nothing.
    pub router_id: String,
    /// Time between two hellos of the parent to a child; ours, default 5 s.
    pub hello_interval: Duration,
    /// Interfaces may be missing when the program starts.
    pub dynamic_interfaces: bool,
    pub enable_script_security: bool,
    pub lvs_plane: LvsPlane,
    /// Flush the whole IPVS table at start.
    pub lvs_flush: bool,
    /// VRRP takes part only after this time.
    pub vrrp_startup_delay: Duration,
}

impl Default for GlobalDefs {
    fn default() -> Self {
        Self {
            router_id: String::new(),
            hello_interval: Duration::from_secs(5),
            dynamic_interfaces: false,
            enable_script_security: false,
            lvs_plane: LvsPlane::Auto,
            lvs_flush: false,
            vrrp_startup_delay: Duration::ZERO,
        }
    }
}
