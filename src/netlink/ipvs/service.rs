//! `IPVS_CMD_ATTR_SERVICE`: a virtual service, or only its identity.

use std::net::IpAddr;

use netlink_packet_core::{
    DecodeError, DefaultNla, NlaBuffer, NlasIterator, parse_string, parse_u16, parse_u16_be,
    parse_u32, parse_u32_be,
};

use super::{Family, address, missing, number_u16, number_u32, port};

/// `IP_VS_SVC_F_PERSISTENT`: connections of one client go to one server.
pub const SVC_F_PERSISTENT: u32 = 0x0001;

/// What makes a service that service.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ServiceIdentity {
    Address {
        /// IP protocol number.
        protocol: u16,
        address: IpAddr,
        /// 0 means any.
        port: u16,
    },
    FirewallMark {
        family: Family,
        mark: u32,
    },
}

impl ServiceIdentity {
    pub fn family(self) -> Family {
        match self {
            Self::Address { address, .. } => Family::of(address),
            Self::FirewallMark { family, .. } => family,
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VirtualService {
    pub identity: ServiceIdentity,
    /// None: a request about a service that is there.
    pub settings: Option<ServiceSettings>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServiceSettings {
    /// The kernel loads `ip_vs_<name>` where it has to.
    pub scheduler: String,
    /// `IP_VS_SVC_F_*`, all of them: those that are not set are cleared.
    pub flags: u32,
    /// Seconds of persistence.
    pub timeout: u32,
    /// Which clients count as one: for IPv4 the netmask as a number, for IPv6 the prefix length (which the
    /// kernel wants to be 1 to 128 even without persistence).
    pub netmask: u32,
}

impl VirtualService {
    pub(super) fn attributes(&self) -> Vec<DefaultNla> {
        let mut attributes = vec![number_u16(attribute::AF, self.identity.family().number())];
        match self.identity {
            ServiceIdentity::Address {
                protocol,
                address: virtual_address,
                port: service_port,
            } => {
                attributes.push(number_u16(attribute::PROTOCOL, protocol));
                attributes.push(address(attribute::ADDR, virtual_address));
                attributes.push(port(attribute::PORT, service_port));
            }
            ServiceIdentity::FirewallMark { mark, .. } => {
                attributes.push(number_u32(attribute::FWMARK, mark));
            }
        }
        if let Some(settings) = &self.settings {
            attributes.extend(settings.attributes(self.identity.family()));
        }
        attributes
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut found = Found::default();
        for attribute in NlasIterator::new(bytes) {
            found.read(&attribute?)?;
        }
        found.service()
    }
}

impl ServiceSettings {
    fn attributes(&self, family: Family) -> [DefaultNla; 4] {
        let mut scheduler = self.scheduler.clone().into_bytes();
        scheduler.push(0);
        let mut flags = self.flags.to_ne_bytes().to_vec();
        flags.extend(u32::MAX.to_ne_bytes());
        let netmask = match family {
            Family::Inet => self.netmask.to_be_bytes(),
            Family::Inet6 => self.netmask.to_ne_bytes(),
        };
        [
            DefaultNla::new(attribute::SCHED_NAME, scheduler),
            DefaultNla::new(attribute::FLAGS, flags),
            number_u32(attribute::TIMEOUT, self.timeout),
            DefaultNla::new(attribute::NETMASK, netmask.to_vec()),
        ]
    }
}

/// Attributes come in any order, and what some mean depends on the family.
#[derive(Default)]
struct Found<'a> {
    family: Option<Family>,
    protocol: Option<u16>,
    address: Option<&'a [u8]>,
    port: Option<u16>,
    mark: Option<u32>,
    scheduler: Option<String>,
    flags: u32,
    timeout: u32,
    netmask: Option<&'a [u8]>,
}

impl<'a> Found<'a> {
    fn read(&mut self, attribute: &NlaBuffer<&'a [u8]>) -> Result<(), DecodeError> {
        let value = value_of(attribute);
        match attribute.kind() {
            attribute::AF => self.family = Some(Family::parse(attribute)?),
            attribute::PROTOCOL => self.protocol = Some(parse_u16(value)?),
            attribute::ADDR => self.address = Some(value),
            attribute::PORT => self.port = Some(parse_u16_be(value)?),
            attribute::FWMARK => self.mark = Some(parse_u32(value)?),
            attribute::SCHED_NAME => self.scheduler = Some(parse_string(value)?),
            attribute::FLAGS => {
                let flags = value
                    .first_chunk::<4>()
                    .ok_or_else(|| missing("all of its flags"))?;
                self.flags = u32::from_ne_bytes(*flags);
            }
            attribute::TIMEOUT => self.timeout = parse_u32(value)?,
            attribute::NETMASK => self.netmask = Some(value),
            _ => {}
        }
        Ok(())
    }

    fn service(self) -> Result<VirtualService, DecodeError> {
        let family = self.family.ok_or_else(|| missing("an address family"))?;
        let identity = match (self.mark, self.protocol, self.address, self.port) {
            (Some(mark), ..) => ServiceIdentity::FirewallMark { family, mark },
            (None, Some(protocol), Some(address), Some(port)) => ServiceIdentity::Address {
                protocol,
                address: family.address(address)?,
                port,
            },
            (None, ..) => return Err(missing("a service's address")),
        };
        let netmask = match (self.netmask, family) {
            (Some(bytes), Family::Inet) => parse_u32_be(bytes)?,
            (Some(bytes), Family::Inet6) => parse_u32(bytes)?,
            (None, _) => 0,
        };
        let (flags, timeout) = (self.flags, self.timeout);
        let settings = self.scheduler.map(|scheduler| ServiceSettings {
            scheduler,
            flags,
            timeout,
            netmask,
        });
        Ok(VirtualService { identity, settings })
    }
}

/// The value for as long as the bytes live, which `NlaBuffer::value` does not give.
fn value_of<'a>(attribute: &NlaBuffer<&'a [u8]>) -> &'a [u8] {
    let length = attribute.value_length();
    let whole: &'a [u8] = attribute.into_inner();
    whole.get(4..4 + length).unwrap_or_default()
}

/// `IPVS_SVC_ATTR_*`.
mod attribute {
    pub(super) const AF: u16 = 1;
    pub(super) const PROTOCOL: u16 = 2;
    pub(super) const ADDR: u16 = 3;
    pub(super) const PORT: u16 = 4;
    pub(super) const FWMARK: u16 = 5;
    pub(super) const SCHED_NAME: u16 = 6;
    pub(super) const FLAGS: u16 = 7;
    pub(super) const TIMEOUT: u16 = 8;
    pub(super) const NETMASK: u16 = 9;
}
