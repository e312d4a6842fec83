//! `vrrp_strict` and `strict_mode`: RFC 5798 to the letter (keepalived: vrrp_complete_instance).

use std::time::Duration;

use super::draft::Draft;
use super::{Authentication, HmacMode, InitialState, VrrpInstance};
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::config::lines::Span;
use crate::types::VrrpVersion;

impl Draft {
    /// What `vrrp_strict` and `strict_mode` change (RFC 5798 to the letter).
    pub(super) fn be_strict(&self, instance: &mut VrrpInstance, context: &mut Context<'_>) {
        instance.strict_mode = true;
        let name = &self.name.value;
        let mut complain = |span: Span, message: String| {
            context.complain(Finding::new(Code::Conflict, span, message));
        };
        if let Some(state) = self.state {
            let owner = instance.priority.is_owner();
            if (state.value == InitialState::Master) != owner {
                complain(
                    state.span,
                    format!("({name}) State MASTER must match being address owner"),
                );
                instance.state = if owner {
                    InitialState::Master
                } else {
                    InitialState::Backup
                };
            }
        }
        if let Some(block) = &self.authentication
            && instance.version == VrrpVersion::V2
        {
            complain(
                block.span,
                format!("({name}) Strict mode does not support authentication. Ignoring."),
            );
            instance.authentication = Authentication::None;
        }
        if let Some(block) = &self.auth_hmac
            && !block.mode_is(HmacMode::Enforce)
        {
            complain(
                block.span(),
                format!("({name}) Strict mode requires auth_hmac mode enforce. Setting."),
            );
            if let Some(auth_hmac) = &mut instance.auth_hmac {
                auth_hmac.mode = HmacMode::Enforce;
            }
        }
        if let Some(delay) = self
            .preempt_delay
            .filter(|_| !instance.preempt_delay.is_zero())
        {
            complain(
                delay.span,
                format!("({name}) preempt_delay is incompatible with strict mode - resetting"),
            );
            instance.preempt_delay = Duration::ZERO;
        }
        if instance.down_timer_adverts != 3 {
            complain(
                self.name.span,
                format!("({name}) down_timer_adverts is incompatible with strict mode - resetting"),
            );
            instance.down_timer_adverts = 3;
        }
        if let (Some(span), false) = (self.unicast_keyword, instance.unicast_peer.is_empty()) {
            let message = format!("({name}) strict mode does not support unicast");
            context.complain(
                Finding::new(Code::MissingKeyword, span, message)
                    .help("remove 'vrrp_strict' or the unicast peers"),
            );
        }
        instance.garp.garp_lower_prio_delay = Duration::ZERO;
        instance.garp.garp_lower_prio_repeat = 0;
        instance.lower_prio_no_advert = true;
        instance.higher_prio_send_advert = false;
        instance.owner_ignore_adverts = instance.priority.is_owner();
        // RFC 5798 §6.1: only the owner accepts, unless Accept_Mode says otherwise, which version 2 does not have.
        if !instance.priority.is_owner() {
            instance.accept = self.accept == Some(true) && instance.version == VrrpVersion::V3;
        }
    }
}
