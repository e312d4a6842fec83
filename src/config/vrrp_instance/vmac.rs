//! `use_vmac`, `use_ipvlan` and what goes with them: the interface with the virtual router's own MAC address.

use std::collections::HashSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::{VrrpInstance, address_vmac};
use crate::config::Vrrp;
use crate::config::consistency::Context;
use crate::config::diagnostic::{Code, Finding};
use crate::config::entry;
use crate::config::iproute_names::NameKind;
use crate::config::keyword::{Arguments, Keyword, Shape, Spanned};
use crate::config::lexer::Word;
use crate::types::{AddressFamily, InterfaceName, IpPrefix, Vrid};

/// `use_vmac [[name] IFNAME] [MAC] [netlink_notify_msg] [group G]`: a macvlan on the instance's interface.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Vmac {
    /// `vmac_prefix` and the VRID where the file says nothing; never `None` in a configuration that has been loaded.
    pub name: Option<InterfaceName>,
    /// 00:00:5e:00:01:VRID or 00:00:5e:00:02:VRID where the file says nothing (RFC 5798 §7.3); never `None` in a
    /// configuration that has been loaded.
    pub mac: Option<[u8; 6]>,
    /// Say the interface's state again for those that missed it.
    pub netlink_notify_msg: bool,
    /// Group of the new interface; that of the instance's interface where the file says nothing.
    pub group: Option<u32>,
}

/// How an ipvlan's ports see one another (`linux/if_link.h` IPVLAN_F_*).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum IpvlanMode {
    #[default]
    Bridge,
    Private,
    Vepa,
}

/// `use_ipvlan [IFNAME] [ADDRESS] [bridge|private|vepa] [group G]`: the instance's interface once more, with the same MAC
/// address.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Ipvlan {
    /// `vmac_prefix` and the VRID where the file says nothing; never `None` in a configuration that has been loaded.
    pub name: Option<InterfaceName>,
    /// Source of adverts; IPv4 cannot do without.
    pub address: Option<IpPrefix>,
    pub mode: IpvlanMode,
    pub group: Option<u32>,
}

/// Longest name of an interface (IFNAMSIZ less its NUL, `linux/if.h`).
const MAX_NAME_BYTES: usize = 15;
/// An address that no single host has (IEEE 802 group bit).
const MULTICAST: u8 = 1;
/// First octets of the addresses that belong to VRRP (RFC 5798 §7.3), before the family's.
const RFC_PREFIX: [u8; 4] = [0x00, 0x00, 0x5e, 0x00];

/// What the draft knows of these keywords.
#[derive(Debug, Default)]
pub(crate) struct VmacDraft {
    pub(crate) use_vmac: Option<Spanned<Vmac>>,
    /// Five octets, which the VRID completes.
    pub(crate) mac_prefix: Option<[u8; 5]>,
    pub(crate) vmac_xmit_base: Option<crate::config::lines::Span>,
    pub(crate) use_vmac_addr: bool,
    pub(crate) use_ipvlan: Option<Spanned<Ipvlan>>,
}

impl VmacDraft {
    /// The VMAC with the address completed.
    pub(crate) fn resolve(&self, vrid: Vrid, family: AddressFamily) -> Option<Vmac> {
        let mut vmac = self.use_vmac.as_ref()?.value.clone();
        let mac = match self.mac_prefix {
            Some([a, b, c, d, e]) => [a, b, c, d, e, vrid.get()],
            None => rfc_mac(family, vrid),
        };
        vmac.mac = vmac.mac.or(Some(mac));
        Some(vmac)
    }
}

impl VmacDraft {
    /// The ipvlan; its address is the source of adverts unless the file names another one.
    pub(crate) fn set_ipvlan(&self, instance: &mut VrrpInstance, context: &mut Context<'_>) {
        let Some(Spanned { value, span }) = &self.use_ipvlan else {
            return;
        };
        let of_family = value
            .address
            .filter(|it| AddressFamily::of(it.address) == instance.family());
        if of_family.is_none() && instance.family() == AddressFamily::Inet {
            let message = format!(
                "({}) an ipvlan needs an IPv4 address of its own - ignoring use_ipvlan",
                instance.name
            );
            let finding = Finding::new(Code::Conflict, *span, message);
            return context
                .complain(finding.help("'use_ipvlan ADDRESS/PREFIX', another one on each node"));
        }
        let source = of_family.map(|it| it.address);
        if instance.unicast_peer.is_empty() && instance.configured_source().is_none() {
            instance.mcast_src_ip = source;
        }
        instance.use_ipvlan = Some(value.clone());
    }
}

/// The virtual router's MAC address (RFC 5798 §7.3).
pub(super) fn rfc_mac(family: AddressFamily, vrid: Vrid) -> [u8; 6] {
    let [a, b, c, d] = RFC_PREFIX;
    let of_family = match family {
        AddressFamily::Inet => 1,
        AddressFamily::Inet6 => 2,
    };
    [a, b, c, d, of_family, vrid.get()]
}

/// A name that nobody has, which is then taken (keepalived: an IPv6 one is `vrrp6.VRID` where `vrrp.VRID` is taken, then
/// come `vrrp1.VRID`, `vrrp2.VRID` …).
pub(super) fn free_name(
    prefix: &str,
    vrid: Vrid,
    family: AddressFamily,
    taken: &mut HashSet<InterfaceName>,
) -> Option<InterfaceName> {
    let of_family = (family == AddressFamily::Inet6).then(|| "6".to_owned());
    let numbers = (1..=u8::MAX).map(|number| number.to_string());
    let infixes = std::iter::once(String::new())
        .chain(of_family)
        .chain(numbers);
    let mut names = infixes.filter_map(|infix| {
        // Cut off where it would be too long (IFNAMSIZ).
        let suffix = format!("{infix}.{vrid}");
        let most = MAX_NAME_BYTES.saturating_sub(suffix.len());
        let prefix = prefix.get(..most).unwrap_or(prefix);
        InterfaceName::new(&format!("{prefix}{suffix}")).ok()
    });
    let name = names.find(|name| !taken.contains(name))?;
    taken.insert(name.clone());
    Some(name)
}

/// Names the interfaces that the file does not name: each has a name of its own. Those for addresses follow.
pub(crate) fn name_all(instances: &mut [VrrpInstance], defs: &Vrrp) {
    let mut taken: HashSet<InterfaceName> = instances
        .iter()
        .filter_map(|instance| instance.own_interface().cloned())
        .collect();
    for instance in &mut *instances {
        let (vrid, family) = (instance.virtual_router_id, instance.family());
        let name = match (&mut instance.use_vmac, &mut instance.use_ipvlan) {
            (Some(vmac), _) => &mut vmac.name,
            (None, Some(ipvlan)) => &mut ipvlan.name,
            (None, None) => continue,
        };
        if name.is_some() {
            continue;
        }
        *name = free_name(&defs.vmac_prefix, vrid, family, &mut taken);
    }
    address_vmac::make_all(instances, defs.vmac_addr_prefix(), &mut taken);
}

/// Rows of `vrrp_instance`.
pub(crate) const KEYWORDS: &[Keyword<Draft>] = &[
    Keyword::new(
        "use_vmac",
        Shape::Optional("[name] INTERFACE, MAC, netlink_notify_msg, group G"),
        "off",
        use_vmac,
    ),
    Keyword::new("vmac_xmit_base", Shape::Flag, "off", |draft, arguments| {
        draft.vmac.vmac_xmit_base = Some(arguments.keyword_span());
        Ok(())
    }),
    Keyword::new("use_vmac_addr", Shape::Flag, "off", |draft, _| {
        draft.vmac.use_vmac_addr = true;
        Ok(())
    }),
    Keyword::new(
        "use_ipvlan",
        Shape::Optional("INTERFACE, ADDRESS, bridge|private|vepa, group G"),
        "off",
        use_ipvlan,
    ),
];

fn use_vmac(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let span = arguments.span();
    if draft.vmac.use_ipvlan.is_some() {
        return Err(both(draft, span));
    }
    let mut vmac = Vmac::default();
    let mut mac_prefix = None;
    while let Some(word) = arguments.next_word() {
        match word.text {
            "netlink_notify_msg" => vmac.netlink_notify_msg = true,
            "group" => vmac.group = group(word, arguments),
            "name" => {
                let name = arguments.word().and_then(interface);
                vmac.name = arguments.reader().or_complain(name).or(vmac.name);
            }
            text if text.contains(':') => match mac(word) {
                Ok(Mac::Whole(mac)) => vmac.mac = Some(mac),
                Ok(Mac::Prefix(prefix)) => mac_prefix = Some(prefix),
                Err(finding) => arguments.complain(finding),
            },
            _ if vmac.name.is_some() => {
                let message = "VMAC interface name already specified";
                arguments.complain(Finding::new(Code::ExtraWords, word.span, message));
            }
            _ => vmac.name = arguments.reader().or_complain(interface(word)),
        }
    }
    draft.vmac.use_vmac = Some(Spanned { value: vmac, span });
    draft.vmac.mac_prefix = mac_prefix;
    Ok(())
}

fn use_ipvlan(draft: &mut Draft, arguments: &mut Arguments<'_>) -> Result<(), Finding> {
    let span = arguments.span();
    if draft.vmac.use_vmac.is_some() {
        return Err(both(draft, span));
    }
    let mut ipvlan = Ipvlan::default();
    while let Some(word) = arguments.next_word() {
        match word.text {
            "bridge" => ipvlan.mode = IpvlanMode::Bridge,
            "private" => ipvlan.mode = IpvlanMode::Private,
            "vepa" => ipvlan.mode = IpvlanMode::Vepa,
            "group" => ipvlan.group = group(word, arguments),
            text if is_address(text) => {
                let (prefix, finding) = entry::prefix(word)?;
                arguments.reader().findings.extend(finding);
                ipvlan.address = Some(prefix);
            }
            _ if ipvlan.name.is_some() => {
                let message = format!(
                    "IPVLAN interface already specified - ignoring '{}'",
                    word.text
                );
                arguments.complain(Finding::new(Code::ExtraWords, word.span, message));
            }
            _ => ipvlan.name = arguments.reader().or_complain(interface(word)),
        }
    }
    draft.vmac.use_ipvlan = Some(Spanned {
        value: ipvlan,
        span,
    });
    Ok(())
}

fn both(draft: &Draft, span: crate::config::lines::Span) -> Finding {
    let message = format!(
        "({}) 'use_vmac' and 'use_ipvlan' do not go together; the second is not used",
        draft.name.value
    );
    Finding::new(Code::Conflict, span, message)
}

fn is_address(text: &str) -> bool {
    text.split('/')
        .next()
        .is_some_and(|text| text.parse::<IpAddr>().is_ok())
}

fn interface(word: Word<'_>) -> Result<InterfaceName, Finding> {
    InterfaceName::new(word.text).map_err(|_| {
        let message = format!(
            "VMAC interface name '{}' too long or invalid characters - ignoring",
            word.text
        );
        Finding::new(Code::InvalidValue, word.span, message).expected("1 to 15 characters")
    })
}

fn group(option: Word<'_>, arguments: &mut Arguments<'_>) -> Option<u32> {
    let value = arguments.word();
    let reader = arguments.reader();
    let group =
        value.and_then(|word| entry::named(word, option.text, NameKind::Group, &reader.names));
    reader.or_complain(group)
}

/// A MAC address as far as it is written.
enum Mac {
    Whole([u8; 6]),
    Prefix([u8; 5]),
}

fn mac(word: Word<'_>) -> Result<Mac, Finding> {
    let refused = |code: Code, what: &str| {
        let message = format!("VMAC MAC address {what} ({}) - ignoring", word.text);
        Finding::new(code, word.span, message)
    };
    let octets: Option<Vec<u8>> = word
        .text
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16).ok())
        .collect();
    let octets = octets.unwrap_or_default();
    if octets.first().is_some_and(|first| first & MULTICAST != 0) {
        return Err(refused(Code::InvalidValue, "is multicast"));
    }
    if octets.starts_with(&RFC_PREFIX) && matches!(octets.get(4), Some(1 | 2)) {
        return Err(refused(
            Code::InvalidValue,
            "not allowed to be RFC5798 address",
        ));
    }
    if let Ok(mac) = <[u8; 6]>::try_from(octets.as_slice()) {
        return Ok(Mac::Whole(mac));
    }
    <[u8; 5]>::try_from(octets.as_slice())
        .map(Mac::Prefix)
        .map_err(|_| refused(Code::InvalidValue, "is none").expected("five or six octets"))
}

#[cfg(test)]
mod tests {
    use crate::config::load::tests::{codes, loaded};
    use crate::config::{IpvlanMode, VrrpInstance};
    use crate::types::InterfaceName;

    fn text(lines: &str) -> String {
        format!(
            "vrrp_instance V {{\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {{\n10.0.0.1\n}}\n{lines}\n}}\n"
        )
    }

    fn instance(lines: &str) -> VrrpInstance {
        loaded(&text(lines)).config.vrrp_instances[0].clone()
    }

    /// Complaints other than that the keyword is not carried out.
    fn complaints(lines: &str) -> Vec<String> {
        let mut codes = codes(&text(lines));
        codes.retain(|code| !code.ends_with("not-carried-out"));
        codes
    }

    #[test]
    fn the_words_of_use_vmac_come_in_any_order() {
        for lines in [
            "use_vmac vrrp.7 02:00:00:00:00:07 netlink_notify_msg group 5",
            "use_vmac group 5 02:00:00:00:00:07 name vrrp.7 netlink_notify_msg",
        ] {
            let vmac = instance(lines).use_vmac.expect("a VMAC");
            assert_eq!(vmac.name.as_ref().map(|name| name.as_str()), Some("vrrp.7"));
            assert_eq!(vmac.mac, Some([2, 0, 0, 0, 0, 7]));
            assert_eq!(vmac.group, Some(5));
            assert!(vmac.netlink_notify_msg);
            assert!(complaints(lines).is_empty(), "{:?}", complaints(lines));
        }
        assert!(instance("use_vmac").use_vmac.is_some());
        assert!(instance("").use_vmac.is_none());
    }

    #[test]
    fn five_octets_are_completed_by_the_vrid() {
        let vmac = instance("use_vmac 02:00:00:00:05")
            .use_vmac
            .expect("a VMAC");
        assert_eq!(vmac.mac, Some([2, 0, 0, 0, 5, 7]));
    }

    #[test]
    fn addresses_of_groups_and_of_other_virtual_routers_are_refused() {
        for mac in [
            "01:02:03:04:05:06",
            "00:00:5e:00:01:05",
            "00:00:5e:00:02",
            "1:2:3",
        ] {
            let lines = format!("use_vmac {mac}");
            assert_eq!(complaints(&lines), ["7:10 invalid-value"], "{mac}");
            let vmac = instance(&lines).use_vmac.expect("a VMAC");
            assert_eq!(vmac.mac, Some([0, 0, 0x5e, 0, 1, 7]));
        }
    }

    #[test]
    fn each_vmac_has_a_name_of_its_own() {
        let instance = |name: &str, interface: &str, address: &str, vmac: &str| {
            format!(
                "vrrp_instance {name} {{\ninterface {interface}\nvirtual_router_id 7\n{vmac}\nvirtual_ipaddress {{\n{address}\n}}\n}}\n"
            )
        };
        let text = [
            instance("A", "eth0", "10.0.0.1", "use_vmac"),
            instance("B", "eth1", "10.0.1.1", "use_vmac"),
            instance("C", "eth0", "fe80::1", "use_vmac"),
            instance("D", "eth2", "10.0.2.1", "use_vmac vrrp.7"),
        ]
        .concat();
        let config = loaded(&text).config;
        let names = config.vrrp_instances.iter().map(|it| {
            let vmac = it.use_vmac.as_ref().expect("a VMAC");
            vmac.name.as_ref().expect("a name").to_string()
        });
        let names: Vec<_> = names.collect();
        assert_eq!(names, ["vrrp1.7", "vrrp2.7", "vrrp6.7", "vrrp.7"]);
        let mac = config.vrrp_instances[2]
            .use_vmac
            .as_ref()
            .and_then(|it| it.mac);
        assert_eq!(mac, Some([0, 0, 0x5e, 0, 2, 7]));
    }

    #[test]
    fn an_ipvlan_has_an_address_and_a_mode() {
        let ipvlan = instance("use_ipvlan ipv.7 10.0.0.9/24 vepa")
            .use_ipvlan
            .expect("an ipvlan");
        assert_eq!(ipvlan.mode, IpvlanMode::Vepa);
        assert_eq!(
            ipvlan.address.map(|it| it.to_string()).as_deref(),
            Some("10.0.0.9/24")
        );
        assert_eq!(
            ipvlan.name.as_ref().map(InterfaceName::as_str),
            Some("ipv.7")
        );
        let unnamed = instance("use_ipvlan 10.0.0.9/24");
        let name = unnamed.own_interface().map(InterfaceName::as_str);
        assert_eq!(name, Some("vrrp.7"));
        assert_eq!(unnamed.configured_source(), "10.0.0.9".parse().ok());
        assert_eq!(complaints("use_ipvlan"), ["7:1 conflict"]);
        assert!(instance("use_ipvlan").own_interface().is_none());
        assert_eq!(
            complaints("use_vmac\nuse_ipvlan x 10.0.0.9"),
            ["8:1 conflict"]
        );
    }
}
