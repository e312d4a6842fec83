//! What keeps an instance from working with its peers, because it is not carried out yet.

use super::draft::Draft;
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};

impl Draft {
    /// Not to take part is better than to fight with peers that cannot be understood.
    pub(super) fn complain_if_left_out(&self, context: &mut Context<'_>) -> bool {
        if !self.is_unicast_without_interface() {
            return false;
        }
        let message = format!(
            "({}) is left out: its addresses will not be on this node, because unicast without an 'interface' is not \
             carried out yet",
            self.name.value
        );
        context.complain(Finding::new(Code::LeftOut, self.name.span, message));
        true
    }

    /// keepalived derives the interface from the addresses then.
    pub(super) fn is_unicast_without_interface(&self) -> bool {
        self.interface.is_none() && self.unicast_src_ip.is_some() && !self.unicast_peer.is_empty()
    }
}
