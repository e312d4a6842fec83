//! The virtual addresses of an instance: those that go together with each other and the machine.

use std::net::IpAddr;

use super::{Draft, VrrpInstance};
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::config::keyword::Spanned;
use crate::types::{AddressFamily, InterfaceName, VirtualAddress, VrrpVersion};

/// Whether an address of the other family is a mistake.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    MustMatch,
    MayDiffer,
}

impl Draft {
    pub(super) fn set_addresses(&self, instance: &mut VrrpInstance, context: &mut Context<'_>) {
        let mut seen = Vec::new();
        instance.virtual_ipaddress = self.usable(
            &self.virtual_ipaddress,
            Family::MustMatch,
            &mut seen,
            context,
        );
        instance.virtual_ipaddress_excluded = self.usable(
            &self.virtual_ipaddress_excluded,
            Family::MayDiffer,
            &mut seen,
            context,
        );
        self.move_what_no_advert_carries(instance, context);
        self.complain_if_global(instance.version, context);
        if instance.virtual_ipaddress.is_empty() && !self.no_virtual_ipaddress {
            let (code, word) = match instance.version {
                VrrpVersion::V2 => (Code::Defaulted, "sensible"),
                VrrpVersion::V3 => (Code::MissingKeyword, "required"),
            };
            let message = format!(
                "({}) No VIP specified; at least one is {word}",
                self.name.value
            );
            let finding = Finding::new(code, self.name.span, message);
            context.complain(finding.unless_misread(self.name.span, "virtual_ipaddress"));
        }
    }

    /// RFC 5798 §5.2.9: the first IPv6 address is the link-local one of the virtual router.
    fn complain_if_global(&self, version: VrrpVersion, context: &mut Context<'_>) {
        let Some(first) = self.virtual_ipaddress.first() else {
            return;
        };
        if let IpAddr::V6(address) = first.value.address
            && !address.is_unicast_link_local()
        {
            let (code, verb) = if version == VrrpVersion::V3 && self.is_strict(context) {
                (Code::Conflict, "must")
            } else {
                (Code::Advice, "should")
            };
            let message = format!(
                "({}) the first IPv6 VIP address {verb} be link local",
                self.name.value
            );
            context.complain(
                Finding::new(code, first.span, message)
                    .help("an address out of fe80::/10 in the first line of 'virtual_ipaddress'"),
            );
        }
    }

    /// The entries that go together with each other and the machine.
    fn usable(
        &self,
        entries: &[Spanned<VirtualAddress>],
        family: Family,
        seen: &mut Vec<(IpAddr, Option<InterfaceName>)>,
        context: &mut Context<'_>,
    ) -> Vec<VirtualAddress> {
        let mut usable = Vec::with_capacity(entries.len());
        for entry in entries {
            let address = &entry.value;
            if let Some(finding) = self.wrong_family(entry, family) {
                context.complain(finding);
                continue;
            }
            let identity = (address.address, address.dev.clone());
            if seen.contains(&identity) {
                let message = format!(
                    "({}) VIP {} is there already - ignoring",
                    self.name.value, address.address
                );
                context.complain(Finding::new(Code::DuplicateEntry, entry.span, message));
                continue;
            }
            seen.push(identity);
            if let Some(dev) = &address.dev {
                context.require_interface(&Spanned {
                    value: dev.clone(),
                    span: entry.span,
                });
            }
            usable.push(address.clone());
        }
        usable
    }

    fn wrong_family(&self, entry: &Spanned<VirtualAddress>, family: Family) -> Option<Finding> {
        let name = &self.name.value;
        let address = entry.value.address;
        let is_wrong = match family {
            Family::MustMatch => AddressFamily::of(address) != self.family(),
            Family::MayDiffer => false,
        };
        is_wrong.then(|| {
            let message =
                format!("({name}) address family must match VRRP instance [{address}] - ignoring");
            Finding::new(Code::Conflict, entry.span, message)
        })
    }
}
