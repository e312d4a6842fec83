//! `use_vmac` on an address, and `use_vmac_addr`: interfaces with the virtual router's MAC address elsewhere than on the
//! instance's interface.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::VrrpInstance;
use super::vmac::{free_name, rfc_mac};
use crate::types::{AddressFamily, InterfaceName, VirtualAddress};

/// A macvlan for addresses of an instance.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AddressVmac {
    /// `vmac_addr_prefix` and the VRID; `dev` of its addresses.
    pub name: InterfaceName,
    /// The interface that the file names.
    pub base: InterfaceName,
    /// 00:00:5e:00:01:VRID or 00:00:5e:00:02:VRID (RFC 5798 §7.3).
    pub mac: [u8; 6],
    pub family: AddressFamily,
}

/// Gives addresses that want a VMAC one, and puts them there: one for each interface and version of IP.
pub(crate) fn make_all(
    instances: &mut [VrrpInstance],
    prefix: &str,
    taken: &mut HashSet<InterfaceName>,
) {
    for instance in instances {
        let mut vmacs = Vec::new();
        let mut lists = [
            std::mem::take(&mut instance.virtual_ipaddress),
            std::mem::take(&mut instance.virtual_ipaddress_excluded),
        ];
        for address in lists.iter_mut().flatten() {
            if let Some(place) = place(address, instance) {
                address.dev = place.dev(instance, prefix, &mut vmacs, taken);
            }
        }
        [
            instance.virtual_ipaddress,
            instance.virtual_ipaddress_excluded,
        ] = lists;
        instance.address_vmacs = vmacs;
    }
}

/// Where an address is to have a VMAC.
enum Place {
    /// That of the instance.
    Own,
    On(InterfaceName, AddressFamily),
}

/// `None`: nowhere.
fn place(address: &VirtualAddress, instance: &VrrpInstance) -> Option<Place> {
    let base = address.dev.as_ref().unwrap_or(&instance.interface);
    let is_own = instance.own_interface() == Some(base);
    let is_elsewhere = *base != instance.interface && !is_own;
    let is_wanted = address.use_vmac || (instance.use_vmac_addr && is_elsewhere);
    if !is_wanted {
        return None;
    }
    let family = AddressFamily::of(address.address);
    let has_own = instance.use_vmac.is_some() && family == instance.family();
    if is_own || (has_own && !is_elsewhere) {
        return Some(Place::Own);
    }
    Some(Place::On(base.clone(), family))
}

impl Place {
    fn dev(
        self,
        instance: &VrrpInstance,
        prefix: &str,
        vmacs: &mut Vec<AddressVmac>,
        taken: &mut HashSet<InterfaceName>,
    ) -> Option<InterfaceName> {
        let Self::On(base, family) = self else {
            return None;
        };
        let known = vmacs
            .iter()
            .find(|it| it.base == base && it.family == family);
        if let Some(vmac) = known {
            return Some(vmac.name.clone());
        }
        let vrid = instance.virtual_router_id;
        let name = free_name(prefix, vrid, family, taken)?;
        vmacs.push(AddressVmac {
            name: name.clone(),
            base,
            mac: rfc_mac(family, vrid),
            family,
        });
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use crate::config::VrrpInstance;
    use crate::config::load::tests::{codes, loaded};

    fn text(globals: &str, more: &str, addresses: &str) -> String {
        format!(
            "global_defs {{\n{globals}\n}}\nvrrp_instance V {{\ninterface eth0\nvirtual_router_id 7\n{more}\n\
             virtual_ipaddress {{\n{addresses}\n}}\n}}\n"
        )
    }

    fn instance(text: &str) -> VrrpInstance {
        assert!(codes(text).is_empty(), "{:?}", codes(text));
        loaded(text).config.vrrp_instances[0].clone()
    }

    /// The interface of each address, and what was made: name, base and MAC address.
    fn made(globals: &str, more: &str, addresses: &str) -> (Vec<String>, Vec<String>) {
        let instance = instance(&text(globals, more, addresses));
        let devs = instance.virtual_ipaddress.iter().map(|it| {
            let dev = it
                .dev
                .as_ref()
                .unwrap_or_else(|| instance.address_interface());
            dev.to_string()
        });
        let vmacs = instance.address_vmacs.iter().map(|it| {
            let mac = it.mac.map(|octet| format!("{octet:02x}")).join(":");
            format!("{} {} {mac}", it.name, it.base)
        });
        (devs.collect(), vmacs.collect())
    }

    #[test]
    fn an_address_with_use_vmac_gets_a_vmac_on_its_interface() {
        let addresses =
            "10.0.0.1\n10.0.1.1 dev eth1 use_vmac\n10.0.1.2 dev eth1 use_vmac\n10.0.1.3 dev eth1";
        let (devs, vmacs) = made("", "", addresses);
        assert_eq!(devs, ["eth0", "vrrp.7", "vrrp.7", "eth1"]);
        assert_eq!(vmacs, ["vrrp.7 eth1 00:00:5e:00:01:07"]);
        let (devs, vmacs) = made("", "", "10.0.0.1 use_vmac");
        assert_eq!(
            (devs.len(), vmacs),
            (1, vec!["vrrp.7 eth0 00:00:5e:00:01:07".to_owned()])
        );
        assert_eq!(devs, ["vrrp.7"]);
    }

    #[test]
    fn the_instance_s_own_vmac_serves_where_it_can() {
        let addresses = "10.0.0.1 use_vmac\n10.0.0.2 dev eth0 use_vmac\n10.0.1.1 dev eth1 use_vmac";
        let (devs, vmacs) = made("", "use_vmac", addresses);
        assert_eq!(devs, ["vrrp.7", "vrrp.7", "vrrp1.7"]);
        assert_eq!(vmacs, ["vrrp1.7 eth1 00:00:5e:00:01:07"]);
    }

    #[test]
    fn with_use_vmac_addr_every_other_interface_has_one() {
        let addresses = "10.0.0.1\n10.0.0.2 dev eth0\n10.0.1.1 dev eth1";
        let globals = "vmac_prefix own\nvmac_addr_prefix other";
        let (devs, vmacs) = made(globals, "use_vmac\nuse_vmac_addr", addresses);
        assert_eq!(devs, ["own.7", "eth0", "other.7"]);
        assert_eq!(vmacs, ["other.7 eth1 00:00:5e:00:01:07"]);
    }

    #[test]
    fn each_version_of_ip_has_its_own_mac_address() {
        let text = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 7\nvirtual_ipaddress {\n10.0.0.1\n}\n\
                    virtual_ipaddress_excluded {\nfd00::1 dev eth0 use_vmac\n10.0.0.2 use_vmac\n}\n}\n";
        let instance = instance(text);
        let macs = instance
            .address_vmacs
            .iter()
            .map(|it| (it.name.as_str(), it.mac[4]));
        assert_eq!(macs.collect::<Vec<_>>(), [("vrrp.7", 2), ("vrrp1.7", 1)]);
    }
}
