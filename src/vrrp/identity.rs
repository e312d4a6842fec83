//! Which virtual router a configuration describes.

use crate::config::VrrpInstance;
use crate::types::{RouterIdentity, Transport};

/// Two configurations with the same identity are one virtual router, before and after a reload or a restart of
/// the child. The name is no part of it (keepalived).
pub(super) fn of(config: &VrrpInstance) -> RouterIdentity {
    RouterIdentity {
        interface: config.interface.clone(),
        virtual_router_id: config.virtual_router_id,
        family: config.family(),
        transport: if config.unicast_peer.is_empty() {
            Transport::Multicast
        } else {
            Transport::Unicast {
                source: config.unicast_src_ip,
            }
        },
    }
}
