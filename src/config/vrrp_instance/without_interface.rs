//! Unicast without `interface`: adverts go where routes lead, in a VRF if the instance names one.

use super::VrrpInstance;
use super::draft::Draft;
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::config::keyword::Spanned;
use crate::types::InterfaceName;

impl Draft {
    pub(super) fn is_unicast_without_interface(&self) -> bool {
        self.interface.is_none() && self.unicast_src_ip.is_some() && !self.unicast_peer.is_empty()
    }

    /// Where its adverts go then: the interface of the VRF receives what comes through those that belong to it.
    pub(super) fn stand_in(&self) -> Option<InterfaceName> {
        let vrf = self.vrf.as_ref().map(|vrf| vrf.value.clone());
        self.is_unicast_without_interface()
            .then(|| vrf.unwrap_or_else(InterfaceName::any))
    }

    /// Addresses go to `default_interface` then, and what concerns the missing interface has no meaning.
    pub(super) fn set_without_interface(
        &self,
        instance: &mut VrrpInstance,
        context: &mut Context<'_>,
    ) {
        if let (Some(vrf), false) = (&self.vrf, self.is_unicast_without_interface()) {
            let message = format!(
                "({}) vrf is for unicast without an 'interface' - ignoring",
                self.name.value
            );
            context.complain(Finding::new(Code::Conflict, vrf.span, message));
        }
        if !self.is_unicast_without_interface() {
            return;
        }
        if let Some(vrf) = &self.vrf {
            context.require_interface(vrf);
        }
        let own = [
            self.vmac.use_vmac.as_ref().map(|it| ("use_vmac", it.span)),
            self.vmac
                .use_ipvlan
                .as_ref()
                .map(|it| ("use_ipvlan", it.span)),
            self.promote_secondaries
                .map(|it| ("promote_secondaries", it)),
        ];
        for (keyword, span) in own.into_iter().flatten() {
            let message = format!(
                "({}) {keyword} needs an 'interface' - ignoring",
                self.name.value
            );
            context.complain(Finding::new(Code::Conflict, span, message));
        }
        (instance.use_vmac, instance.use_ipvlan) = (None, None);
        instance.promote_secondaries = false;
        let default = context.default_interface();
        let mut is_used = false;
        let lists = [
            &mut instance.virtual_ipaddress,
            &mut instance.virtual_ipaddress_excluded,
        ];
        for address in lists.into_iter().flatten().filter(|it| it.dev.is_none()) {
            address.dev.clone_from(&default);
            is_used = true;
        }
        if let (Some(value), true) = (default, is_used) {
            let span = self.name.span;
            context.require_interface(&Spanned { value, span });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load::tests::{codes, loaded};

    fn text(more: &str) -> String {
        format!(
            "global_defs {{\ndefault_interface eth1\n}}\nvrrp_instance V {{\nvirtual_router_id 7\nunicast_src_ip 10.0.0.2\n\
             unicast_peer {{\n10.0.0.3\n}}\n{more}\nvirtual_ipaddress {{\n10.0.0.1\n10.0.1.1 dev eth0\n}}\n}}\n"
        )
    }

    #[test]
    fn unicast_needs_no_interface_and_addresses_are_on_the_default_one() {
        assert_eq!(codes(&text("")), [""; 0]);
        let instance = &loaded(&text("")).config.vrrp_instances[0];
        assert!(instance.interface.is_any());
        let devs = instance.virtual_ipaddress.iter().map(|it| it.dev.as_ref());
        let devs: Vec<_> = devs.map(|dev| dev.map(|dev| dev.as_str())).collect();
        assert_eq!(devs, [Some("eth1"), Some("eth0")]);
    }

    #[test]
    fn the_vrf_takes_the_place_of_the_interface() {
        let vrf = text("vrf eth0");
        assert_eq!(codes(&vrf), [""; 0]);
        let instance = &loaded(&vrf).config.vrrp_instances[0];
        assert_eq!(instance.interface.as_str(), "eth0");
        assert_eq!(codes(&text("vrf eth7")), ["10:5 unknown-interface"]);
        assert_eq!(codes(&text("interface eth0\nvrf eth1")), ["11:5 conflict"]);
    }

    #[test]
    fn what_needs_an_interface_is_not_used_without_one() {
        assert_eq!(codes(&text("use_vmac")), ["10:1 conflict"]);
        let instance = &loaded(&text("use_vmac")).config.vrrp_instances[0];
        assert!(instance.own_interface().is_none());
    }
}
