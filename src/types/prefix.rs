//! Networks, as routes and rules name them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};

use super::AddressFamily;

/// An address and how many of its leading bits count. The others are kept as they were written.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct IpPrefix {
    pub address: IpAddr,
    /// 0 to 32 or 128.
    pub prefix_len: u8,
}

impl IpPrefix {
    /// `0.0.0.0/0` or `::/0`: every address.
    pub fn all(family: AddressFamily) -> Self {
        let address = match family {
            AddressFamily::Inet => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            AddressFamily::Inet6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        Self {
            address,
            prefix_len: 0,
        }
    }

    pub fn family(self) -> AddressFamily {
        AddressFamily::of(self.address)
    }

    /// It covers one address.
    pub fn is_host(self) -> bool {
        self.prefix_len == self.family().host_prefix_len()
    }

    /// The same network with the bits that do not count cleared, as the kernel keeps it.
    pub fn network(self) -> Self {
        let host_bits = self
            .family()
            .host_prefix_len()
            .saturating_sub(self.prefix_len);
        let address = match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(host_bits.into()).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(host_bits.into()).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
        };
        Self { address, ..self }
    }
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix_len == 0 && self.address.is_unspecified() {
            return f.write_str("default");
        }
        write!(f, "{}", self.address)?;
        if self.is_host() {
            Ok(())
        } else {
            write!(f, "/{}", self.prefix_len)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(address: &str, prefix_len: u8) -> IpPrefix {
        IpPrefix {
            address: address.parse().expect("address"),
            prefix_len,
        }
    }

    #[test]
    fn a_network_has_no_host_bits() {
        assert_eq!(prefix("10.1.2.3", 8).network(), prefix("10.0.0.0", 8));
        assert_eq!(prefix("10.1.2.3", 32).network(), prefix("10.1.2.3", 32));
        assert_eq!(
            prefix("10.1.2.3", 0).network(),
            IpPrefix::all(AddressFamily::Inet)
        );
        assert_eq!(prefix("fe80::1", 64).network(), prefix("fe80::", 64));
        assert_eq!(
            prefix("fe80::1", 0).network(),
            IpPrefix::all(AddressFamily::Inet6)
        );
    }

    #[test]
    fn a_prefix_is_shown_as_one_would_write_it() {
        assert_eq!(prefix("10.0.0.0", 8).to_string(), "10.0.0.0/8");
        assert_eq!(prefix("10.0.0.1", 32).to_string(), "10.0.0.1");
        assert_eq!(IpPrefix::all(AddressFamily::Inet6).to_string(), "default");
    }
}
