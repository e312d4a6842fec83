//! What keeps an instance from working with its peers, because it is not carried out yet.

use super::draft::{AuthType, Draft};
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::config::keyword::Spanned;

impl Draft {
    /// Not to take part is better than to fight with peers that cannot be understood.
    pub(super) fn complain_if_left_out(&self, context: &mut Context<'_>) -> bool {
        let Some(what) = self.unsupported(self.is_strict(context)) else {
            return false;
        };
        let message = format!(
            "({}) is left out: its addresses will not be on this node, because {} not carried out yet",
            self.name.value, what.value
        );
        context.complain(Finding::new(Code::LeftOut, what.span, message));
        true
    }

    /// What keeps the instance from working with its peers, if anything does.
    fn unsupported(&self, is_strict: bool) -> Option<Spanned<&'static str>> {
        let auth_type = self
            .authentication
            .as_ref()
            .and_then(|block| block.auth_type);
        match (self.unsupported, auth_type) {
            (Some(unsupported), _) => Some(unsupported),
            // Strict mode does without.
            (
                None,
                Some(Spanned {
                    value: AuthType::Ah,
                    span,
                }),
            ) if !is_strict => Some(Spanned {
                value: "'auth_type AH' is",
                span,
            }),
            _ if self.is_unicast_without_interface() => Some(Spanned {
                value: "unicast without an 'interface' is",
                span: self.name.span,
            }),
            _ => None,
        }
    }

    /// keepalived derives the interface from the addresses then.
    pub(super) fn is_unicast_without_interface(&self) -> bool {
        self.interface.is_none() && self.unicast_src_ip.is_some() && !self.unicast_peer.is_empty()
    }
}
