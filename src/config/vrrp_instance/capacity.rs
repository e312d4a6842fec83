//! How many addresses an advert carries: as many as its count can say, and as fit into one packet.

use super::draft::Draft;
use super::{Authentication, VrrpInstance};
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::types::{AddressFamily, VrrpVersion};

/// RFC 3768 §5.3.5
const MAX_ADVERTISED: usize = 255;
/// Octets of headers (RFC 791 §3.1, RFC 8200 §3, RFC 5798 §5.1), of what follows the addresses in version 2
/// (RFC 3768 §5.3.10), of the authentication header (RFC 4302 §2 with 12 octets of ICV) and of keepalived's trailer.
const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;
const VRRP_HEADER: usize = 8;
const AUTHENTICATION_DATA: usize = 8;
const AH: usize = 24;
const HMAC_TRAILER: usize = 28;

impl Draft {
    /// keepalived: the rest is added and removed like the others, but not advertised.
    pub(super) fn move_what_no_advert_carries(
        &self,
        instance: &mut VrrpInstance,
        context: &mut Context<'_>,
    ) {
        if instance.virtual_ipaddress.is_empty() {
            return;
        }
        let mtu = context.mtu(&instance.interface);
        let fit = fit(instance, usize::try_from(mtu).unwrap_or(usize::MAX));
        let most = fit.min(MAX_ADVERTISED);
        if instance.virtual_ipaddress.len() <= most {
            return;
        }
        let moved = instance.virtual_ipaddress.split_off(most);
        let why = if most < MAX_ADVERTISED {
            format!(
                "an advert of {mtu} octets, the MTU of {},",
                instance.interface
            )
        } else {
            "an advert".to_owned()
        };
        let message = format!(
            "({}) {why} carries {most} addresses; {} are not advertised",
            self.name.value,
            moved.len()
        );
        let finding = Finding::new(Code::OutOfRange, self.name.span, message);
        context.complain(finding.help("write them in 'virtual_ipaddress_excluded', on each node"));
        instance.virtual_ipaddress_excluded.splice(0..0, moved);
    }
}

fn fit(instance: &VrrpInstance, mtu: usize) -> usize {
    let (header, address) = match instance.family() {
        AddressFamily::Inet => (IPV4_HEADER, 4),
        AddressFamily::Inet6 => (IPV6_HEADER, 16),
    };
    let mut overhead = header + VRRP_HEADER;
    if instance.version == VrrpVersion::V2 {
        overhead += AUTHENTICATION_DATA;
    }
    if matches!(instance.authentication, Authentication::Ah(_)) {
        overhead += AH;
    }
    if instance.auth_hmac.is_some() {
        overhead += HMAC_TRAILER;
    }
    mtu.saturating_sub(overhead) / address
}

#[cfg(test)]
mod tests {
    use crate::config::load::tests::loaded;

    fn instance(count: u16, of: impl Fn(u16) -> String) -> (usize, usize, String) {
        let addresses: String = (0..count).map(|it| of(it) + "\n").collect();
        let text = format!(
            "vrrp_instance V {{\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {{\n{addresses}}}\n}}\n"
        );
        let loaded = loaded(&text);
        let instance = &loaded.config.vrrp_instances[0];
        let said = loaded.complaints.iter().map(ToString::to_string);
        (
            instance.virtual_ipaddress.len(),
            instance.virtual_ipaddress_excluded.len(),
            said.filter(|it| it.contains("not advertised")).collect(),
        )
    }

    #[test]
    fn addresses_that_do_not_fit_into_a_packet_are_not_advertised() {
        let v6 = |it| format!("fe80::{:x}", it + 1);
        let (advertised, excluded, said) = instance(100, v6);
        assert_eq!((advertised, excluded), (90, 10));
        assert!(said.contains("1500 octets"), "{said}");
        assert_eq!(instance(90, v6).2, "");
        // Of IPv4, the count ends before the packet does.
        let (advertised, excluded, _) =
            instance(300, |it| format!("10.0.{}.{}", it / 200, it % 200 + 1));
        assert_eq!((advertised, excluded), (255, 45));
    }
}
