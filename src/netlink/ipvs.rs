//! Messages of the generic netlink family IPVS (`linux/ip_vs.h`), through which the kernel's balancer is
//! programmed and read.
//!
//! The codec is symmetric: what is emitted is parsed again. Byte order is the kernel's: ports, IPv4 addresses
//! and IPv4 netmasks in network order, everything else, flags too, in the host's. Values that this program
//! does not know (a scheduler, a protocol, a way to forward) are kept as they come: they belong to others.

mod destination;
mod service;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, NLA_F_NESTED, NlaBuffer, NlasIterator,
    ParseableParametrized, parse_u32,
};
use netlink_packet_generic::{GenlFamily, GenlHeader};

pub use destination::{Counters, Destination, DestinationSettings, Forward};
pub use service::{SVC_F_PERSISTENT, ServiceIdentity, ServiceSettings, VirtualService};

/// `IPVS_GENL_NAME`.
pub const FAMILY_NAME: &str = "IPVS";
/// `IPVS_GENL_VERSION`.
const VERSION: u8 = 1;

/// `IPVS_CMD_*`; the kernel answers `GetService` with `NewService`, `GetDestination` with `NewDestination` and
/// `GetInfo` with `SetInfo`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IpvsCommand {
    NewService,
    SetService,
    DelService,
    GetService,
    NewDestination,
    SetDestination,
    DelDestination,
    GetDestination,
    SetInfo,
    GetInfo,
    /// Removes all services of the network namespace, whoever made them.
    Flush,
}

impl IpvsCommand {
    const NUMBERS: [(Self, u8); 11] = [
        (Self::NewService, 1),
        (Self::SetService, 2),
        (Self::DelService, 3),
        (Self::GetService, 4),
        (Self::NewDestination, 5),
        (Self::SetDestination, 6),
        (Self::DelDestination, 7),
        (Self::GetDestination, 8),
        (Self::SetInfo, 14),
        (Self::GetInfo, 15),
        (Self::Flush, 17),
    ];

    fn number(self) -> u8 {
        let found = Self::NUMBERS.iter().find(|(command, _)| *command == self);
        // Unreachable: a test walks the table. Zero is what the kernel refuses.
        found.map_or(0, |(_, number)| *number)
    }

    fn from_number(number: u8) -> Result<Self, DecodeError> {
        let found = Self::NUMBERS
            .iter()
            .find(|(_, candidate)| *candidate == number);
        found
            .map(|(command, _)| *command)
            .ok_or_else(|| format!("unknown IPVS command {number}").into())
    }
}

/// One request or answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IpvsMessage {
    pub command: IpvsCommand,
    pub service: Option<VirtualService>,
    pub destination: Option<Destination>,
    pub info: Option<Info>,
}

/// Answer to `GetInfo`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Info {
    /// `major << 16 | minor << 8 | patch`.
    pub version: u32,
    /// Buckets of the connection table.
    pub connection_table_size: u32,
}

impl IpvsMessage {
    /// `Flush`, `GetInfo`, and `GetService` for a dump of all.
    pub fn plain(command: IpvsCommand) -> Self {
        Self {
            command,
            service: None,
            destination: None,
            info: None,
        }
    }

    pub fn about_service(command: IpvsCommand, service: VirtualService) -> Self {
        Self {
            service: Some(service),
            ..Self::plain(command)
        }
    }

    pub fn about_destination(
        command: IpvsCommand,
        service: ServiceIdentity,
        destination: Destination,
    ) -> Self {
        let service = VirtualService {
            identity: service,
            settings: None,
        };
        Self {
            destination: Some(destination),
            ..Self::about_service(command, service)
        }
    }

    fn attributes(&self) -> Vec<DefaultNla> {
        let service = self
            .service
            .as_ref()
            .map(|s| nested(attribute::SERVICE, &s.attributes()));
        let destination = self
            .destination
            .as_ref()
            .map(|d| nested(attribute::DEST, &d.attributes()));
        let mut attributes: Vec<_> = service.into_iter().chain(destination).collect();
        if let Some(info) = self.info {
            attributes.push(number_u32(info_attribute::VERSION, info.version));
            attributes.push(number_u32(
                info_attribute::CONN_TAB_SIZE,
                info.connection_table_size,
            ));
        }
        attributes
    }
}

impl GenlFamily for IpvsMessage {
    fn family_name() -> &'static str {
        FAMILY_NAME
    }

    fn command(&self) -> u8 {
        self.command.number()
    }

    fn version(&self) -> u8 {
        VERSION
    }
}

impl Emitable for IpvsMessage {
    fn buffer_len(&self) -> usize {
        self.attributes().as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.attributes().as_slice().emit(buffer);
    }
}

impl ParseableParametrized<[u8], GenlHeader> for IpvsMessage {
    fn parse_with_param(bytes: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        let command = IpvsCommand::from_number(header.cmd)?;
        let mut message = Self::plain(command);
        // The attribute numbers of this one answer mean something else than those of all the others.
        if command == IpvsCommand::SetInfo {
            message.info = Some(Info::parse(bytes)?);
            return Ok(message);
        }
        for attribute in NlasIterator::new(bytes) {
            let attribute = attribute?;
            match attribute.kind() {
                attribute::SERVICE => {
                    message.service = Some(VirtualService::parse(attribute.value())?);
                }
                attribute::DEST => {
                    message.destination = Some(Destination::parse(attribute.value())?);
                }
                _ => {}
            }
        }
        Ok(message)
    }
}

impl Info {
    fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut info = Self {
            version: 0,
            connection_table_size: 0,
        };
        for attribute in NlasIterator::new(bytes) {
            let attribute = attribute?;
            match attribute.kind() {
                info_attribute::VERSION => info.version = parse_u32(attribute.value())?,
                info_attribute::CONN_TAB_SIZE => {
                    info.connection_table_size = parse_u32(attribute.value())?;
                }
                _ => {}
            }
        }
        Ok(info)
    }
}

/// `IPVS_CMD_ATTR_*`.
mod attribute {
    pub(super) const SERVICE: u16 = 1;
    pub(super) const DEST: u16 = 2;
}

/// `IPVS_INFO_ATTR_*`.
mod info_attribute {
    pub(super) const VERSION: u16 = 1;
    pub(super) const CONN_TAB_SIZE: u16 = 2;
}

fn nested(kind: u16, attributes: &[DefaultNla]) -> DefaultNla {
    let mut value = vec![0; attributes.buffer_len()];
    attributes.emit(&mut value);
    DefaultNla::new(kind | NLA_F_NESTED, value)
}

fn number_u16(kind: u16, value: u16) -> DefaultNla {
    DefaultNla::new(kind, value.to_ne_bytes().to_vec())
}

fn number_u32(kind: u16, value: u32) -> DefaultNla {
    DefaultNla::new(kind, value.to_ne_bytes().to_vec())
}

fn port(kind: u16, port: u16) -> DefaultNla {
    DefaultNla::new(kind, port.to_be_bytes().to_vec())
}

/// `union nf_inet_addr`: sixteen bytes, of which an IPv4 address takes the first four.
fn address(kind: u16, address: IpAddr) -> DefaultNla {
    let mut value = [0; 16];
    match address {
        IpAddr::V4(v4) => value[..4].copy_from_slice(&v4.octets()),
        IpAddr::V6(v6) => value = v6.octets(),
    }
    DefaultNla::new(kind, value.to_vec())
}

/// `AF_INET` and `AF_INET6`.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Family {
    Inet,
    Inet6,
}

impl Family {
    pub fn of(address: IpAddr) -> Self {
        if address.is_ipv6() {
            Self::Inet6
        } else {
            Self::Inet
        }
    }

    fn number(self) -> u16 {
        match self {
            Self::Inet => 2,
            Self::Inet6 => 10,
        }
    }

    fn parse(attribute: &NlaBuffer<&[u8]>) -> Result<Self, DecodeError> {
        match netlink_packet_core::parse_u16(attribute.value())? {
            2 => Ok(Self::Inet),
            10 => Ok(Self::Inet6),
            other => Err(format!("unknown address family {other}").into()),
        }
    }

    /// Reads what [`address`] writes; four bytes will do for IPv4.
    fn address(self, bytes: &[u8]) -> Result<IpAddr, DecodeError> {
        let address = match self {
            Self::Inet => bytes
                .first_chunk::<4>()
                .map(|v4| Ipv4Addr::from(*v4).into()),
            Self::Inet6 => bytes
                .first_chunk::<16>()
                .map(|v6| Ipv6Addr::from(*v6).into()),
        };
        address.ok_or_else(|| DecodeError::invalid_ip_address(bytes.len()))
    }
}

fn missing(what: &str) -> DecodeError {
    format!("IPVS message without {what}").into()
}

#[cfg(test)]
mod tests;
