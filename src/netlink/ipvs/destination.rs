//! `IPVS_CMD_ATTR_DEST`: a destination of a service, or only its address.

use std::net::IpAddr;

use netlink_packet_core::{
    DecodeError, DefaultNla, NlasIterator, parse_u8, parse_u16_be, parse_u32, parse_u64,
};

use super::{Family, address, missing, nested, number_u16, number_u32, port};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Destination {
    pub address: IpAddr,
    pub port: u16,
    /// None: a request about a destination that is there.
    pub settings: Option<DestinationSettings>,
    /// Only the kernel says these.
    pub counters: Option<Counters>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DestinationSettings {
    pub forward: Forward,
    pub weight: u32,
    /// Connections above which no new ones come; 0 means no limit.
    pub upper_threshold: u32,
    /// Connections below which they come again.
    pub lower_threshold: u32,
}

/// `IP_VS_CONN_F_FWD_MASK`, with the encapsulation of a tunnel.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Forward {
    Masquerade,
    DirectRoute,
    TunnelIpip,
    TunnelGue {
        port: u16,
    },
    TunnelGre,
    /// Local node, cache bypass, an encapsulation that came later.
    Other {
        method: u32,
        tunnel: u8,
    },
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    pub active_connections: u32,
    pub inactive_connections: u32,
    pub persistent_connections: u32,
    pub connections: u64,
    pub packets_in: u64,
    pub packets_out: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
}

impl Destination {
    pub(super) fn attributes(&self) -> Vec<DefaultNla> {
        let mut attributes = vec![
            number_u16(attribute::ADDR_FAMILY, Family::of(self.address).number()),
            address(attribute::ADDR, self.address),
            port(attribute::PORT, self.port),
        ];
        if let Some(settings) = &self.settings {
            attributes.extend(settings.attributes());
        }
        if let Some(counters) = &self.counters {
            attributes.extend(counters.attributes());
        }
        attributes
    }

    pub(super) fn parse(bytes: &[u8]) -> Result<Self, DecodeError> {
        let (mut family, mut address, mut port) = (None, None, None);
        let (mut forward, mut tunnel) = (None, Tunnel::default());
        let (mut weight, mut upper_threshold, mut lower_threshold) = (0, 0, 0);
        let mut counters: Option<Counters> = None;
        for attribute in NlasIterator::new(bytes) {
            let attribute = attribute?;
            let value = attribute.value();
            match attribute.kind() {
                attribute::ADDR_FAMILY => family = Some(Family::parse(&attribute)?),
                attribute::ADDR => address = Some(value.to_vec()),
                attribute::PORT => port = Some(parse_u16_be(value)?),
                attribute::FWD_METHOD => forward = Some(parse_u32(value)?),
                attribute::WEIGHT => weight = parse_u32(value)?,
                attribute::U_THRESH => upper_threshold = parse_u32(value)?,
                attribute::L_THRESH => lower_threshold = parse_u32(value)?,
                attribute::TUN_TYPE => tunnel.kind = parse_u8(value)?,
                attribute::TUN_PORT => tunnel.port = parse_u16_be(value)?,
                attribute::ACTIVE_CONNS => {
                    counters.get_or_insert_default().active_connections = parse_u32(value)?;
                }
                attribute::INACT_CONNS => {
                    counters.get_or_insert_default().inactive_connections = parse_u32(value)?;
                }
                attribute::PERSIST_CONNS => {
                    counters.get_or_insert_default().persistent_connections = parse_u32(value)?;
                }
                attribute::STATS64 => counters.get_or_insert_default().read_totals(value)?,
                _ => {}
            }
        }
        let family = family.ok_or_else(|| missing("a destination's address family"))?;
        let address = address.ok_or_else(|| missing("a destination's address"))?;
        let settings = forward.map(|method| DestinationSettings {
            forward: Forward::from_kernel(method, tunnel),
            weight,
            upper_threshold,
            lower_threshold,
        });
        Ok(Self {
            address: family.address(&address)?,
            port: port.ok_or_else(|| missing("a destination's port"))?,
            settings,
            counters,
        })
    }
}

impl DestinationSettings {
    fn attributes(&self) -> Vec<DefaultNla> {
        let (method, tunnel) = self.forward.to_kernel();
        let mut attributes = vec![
            number_u32(attribute::FWD_METHOD, method),
            number_u32(attribute::WEIGHT, self.weight),
            number_u32(attribute::U_THRESH, self.upper_threshold),
            number_u32(attribute::L_THRESH, self.lower_threshold),
        ];
        // Kernels before 5.2 do not know these two, and plain IPIP is what they do without.
        if tunnel.kind != tunnel_type::IPIP {
            attributes.push(DefaultNla::new(attribute::TUN_TYPE, vec![tunnel.kind]));
            attributes.push(port(attribute::TUN_PORT, tunnel.port));
        }
        attributes
    }
}

#[derive(Clone, Copy, Default)]
struct Tunnel {
    kind: u8,
    port: u16,
}

impl Forward {
    fn from_kernel(method: u32, tunnel: Tunnel) -> Self {
        match (method, tunnel.kind) {
            (forward::MASQ, _) => Self::Masquerade,
            (forward::DROUTE, _) => Self::DirectRoute,
            (forward::TUNNEL, tunnel_type::IPIP) => Self::TunnelIpip,
            (forward::TUNNEL, tunnel_type::GUE) => Self::TunnelGue { port: tunnel.port },
            (forward::TUNNEL, tunnel_type::GRE) => Self::TunnelGre,
            (method, tunnel) => Self::Other { method, tunnel },
        }
    }

    fn to_kernel(self) -> (u32, Tunnel) {
        let tunnel = |kind, port| (forward::TUNNEL, Tunnel { kind, port });
        match self {
            Self::Masquerade => (forward::MASQ, Tunnel::default()),
            Self::DirectRoute => (forward::DROUTE, Tunnel::default()),
            Self::TunnelIpip => tunnel(tunnel_type::IPIP, 0),
            Self::TunnelGue { port } => tunnel(tunnel_type::GUE, port),
            Self::TunnelGre => tunnel(tunnel_type::GRE, 0),
            Self::Other { method, tunnel } => (
                method,
                Tunnel {
                    kind: tunnel,
                    port: 0,
                },
            ),
        }
    }
}

impl Counters {
    fn attributes(&self) -> [DefaultNla; 4] {
        let totals = [
            (stats_attribute::CONNS, self.connections),
            (stats_attribute::INPKTS, self.packets_in),
            (stats_attribute::OUTPKTS, self.packets_out),
            (stats_attribute::INBYTES, self.bytes_in),
            (stats_attribute::OUTBYTES, self.bytes_out),
        ]
        .map(|(kind, value)| DefaultNla::new(kind, value.to_ne_bytes().to_vec()));
        [
            number_u32(attribute::ACTIVE_CONNS, self.active_connections),
            number_u32(attribute::INACT_CONNS, self.inactive_connections),
            number_u32(attribute::PERSIST_CONNS, self.persistent_connections),
            nested(attribute::STATS64, &totals),
        ]
    }

    fn read_totals(&mut self, bytes: &[u8]) -> Result<(), DecodeError> {
        for attribute in NlasIterator::new(bytes) {
            let attribute = attribute?;
            let value = attribute.value();
            match attribute.kind() {
                stats_attribute::CONNS => self.connections = parse_u64(value)?,
                stats_attribute::INPKTS => self.packets_in = parse_u64(value)?,
                stats_attribute::OUTPKTS => self.packets_out = parse_u64(value)?,
                stats_attribute::INBYTES => self.bytes_in = parse_u64(value)?,
                stats_attribute::OUTBYTES => self.bytes_out = parse_u64(value)?,
                _ => {}
            }
        }
        Ok(())
    }
}

/// `IP_VS_CONN_F_*` within `IP_VS_CONN_F_FWD_MASK`.
mod forward {
    pub(super) const MASQ: u32 = 0;
    pub(super) const TUNNEL: u32 = 2;
    pub(super) const DROUTE: u32 = 3;
}

/// `IP_VS_CONN_F_TUNNEL_TYPE_*`.
mod tunnel_type {
    pub(super) const IPIP: u8 = 0;
    pub(super) const GUE: u8 = 1;
    pub(super) const GRE: u8 = 2;
}

/// `IPVS_DEST_ATTR_*`.
mod attribute {
    pub(super) const ADDR: u16 = 1;
    pub(super) const PORT: u16 = 2;
    pub(super) const FWD_METHOD: u16 = 3;
    pub(super) const WEIGHT: u16 = 4;
    pub(super) const U_THRESH: u16 = 5;
    pub(super) const L_THRESH: u16 = 6;
    pub(super) const ACTIVE_CONNS: u16 = 7;
    pub(super) const INACT_CONNS: u16 = 8;
    pub(super) const PERSIST_CONNS: u16 = 9;
    pub(super) const ADDR_FAMILY: u16 = 11;
    pub(super) const STATS64: u16 = 12;
    pub(super) const TUN_TYPE: u16 = 13;
    pub(super) const TUN_PORT: u16 = 14;
}

/// `IPVS_STATS_ATTR_*`.
mod stats_attribute {
    pub(super) const CONNS: u16 = 1;
    pub(super) const INPKTS: u16 = 2;
    pub(super) const OUTPKTS: u16 = 3;
    pub(super) const INBYTES: u16 = 4;
    pub(super) const OUTBYTES: u16 = 5;
}
