//! Between our words and the kernel's: services and destinations in both directions.

use std::net::IpAddr;
use std::time::Duration;

use crate::lvs::message::RealServerStatistics;
use crate::lvs::{RealServer, Service, ServiceKey};
use crate::netlink::ipvs::{
    Counters, Destination, DestinationSettings, Forward, SVC_F_PERSISTENT, ServiceIdentity,
    ServiceSettings, VirtualService,
};
use crate::types::{ForwardingMethod, Protocol, ServerAddress, TunnelType, Weight};

const PROTOCOLS: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

pub(super) fn identity(key: ServiceKey) -> ServiceIdentity {
    let ServerAddress { address, port } = key.address;
    ServiceIdentity::Address {
        protocol: key.protocol.number().into(),
        address,
        port,
    }
}

pub(super) fn virtual_service(key: ServiceKey, service: Option<Service>) -> VirtualService {
    let settings = service.map(|service| ServiceSettings {
        scheduler: service.scheduler.name().to_owned(),
        flags: service.persistence_timeout.map_or(0, |_| SVC_F_PERSISTENT),
        timeout: seconds(service.persistence_timeout.unwrap_or_default()),
        netmask: each_client_alone(key.address.address),
    });
    VirtualService {
        identity: identity(key),
        settings,
    }
}

fn seconds(timeout: Duration) -> u32 {
    timeout.as_secs().try_into().unwrap_or(u32::MAX)
}

fn each_client_alone(address: IpAddr) -> u32 {
    match address {
        IpAddr::V4(_) => u32::MAX,
        IpAddr::V6(_) => 128,
    }
}

/// None for what can only be somebody else's.
pub(super) fn service(found: &VirtualService) -> Option<(ServiceKey, Service)> {
    let ServiceIdentity::Address {
        protocol,
        address,
        port,
    } = found.identity
    else {
        return None;
    };
    let protocol = PROTOCOLS
        .into_iter()
        .find(|known| u16::from(known.number()) == protocol)?;
    let settings = found.settings.as_ref()?;
    let persistent = settings.flags & SVC_F_PERSISTENT != 0;
    let key = ServiceKey {
        address: ServerAddress::new(address, port),
        protocol,
    };
    let service = Service {
        scheduler: settings.scheduler.parse().ok()?,
        persistence_timeout: persistent.then(|| Duration::from_secs(settings.timeout.into())),
    };
    Some((key, service))
}

/// None for FULLNAT, which IPVS does not have.
pub(super) fn destination(real_server: RealServer) -> Option<Destination> {
    let forward = match real_server.method {
        ForwardingMethod::Nat => Forward::Masquerade,
        ForwardingMethod::DirectRoute => Forward::DirectRoute,
        ForwardingMethod::Tunnel(TunnelType::Ipip) => Forward::TunnelIpip,
        ForwardingMethod::Tunnel(TunnelType::Gue { port }) => Forward::TunnelGue { port },
        ForwardingMethod::Tunnel(TunnelType::Gre) => Forward::TunnelGre,
        ForwardingMethod::FullNat => return None,
    };
    let settings = DestinationSettings {
        forward,
        weight: real_server.weight.get(),
        upper_threshold: 0,
        lower_threshold: 0,
    };
    Some(Destination {
        settings: Some(settings),
        ..destination_address(real_server.address)
    })
}

pub(super) fn destination_address(address: ServerAddress) -> Destination {
    let ServerAddress { address, port } = address;
    Destination {
        address,
        port,
        settings: None,
        counters: None,
    }
}

/// None for a way to forward that this program does not know.
pub(super) fn real_server(found: &Destination) -> Option<RealServer> {
    let settings = found.settings?;
    let method = match settings.forward {
        Forward::Masquerade => ForwardingMethod::Nat,
        Forward::DirectRoute => ForwardingMethod::DirectRoute,
        Forward::TunnelIpip => ForwardingMethod::Tunnel(TunnelType::Ipip),
        Forward::TunnelGue { port } => ForwardingMethod::Tunnel(TunnelType::Gue { port }),
        Forward::TunnelGre => ForwardingMethod::Tunnel(TunnelType::Gre),
        Forward::Other { .. } => return None,
    };
    let address = ServerAddress::new(found.address, found.port);
    Some(RealServer {
        address,
        weight: Weight::new(settings.weight)?,
        method,
    })
}

pub(super) fn statistics(key: ServiceKey, found: &Destination) -> RealServerStatistics {
    let counters = found.counters.unwrap_or_default();
    let Counters {
        connections,
        packets_in,
        packets_out,
        bytes_in,
        bytes_out,
        ..
    } = counters;
    RealServerStatistics {
        key,
        address: ServerAddress::new(found.address, found.port),
        active_connections: counters.active_connections.into(),
        inactive_connections: counters.inactive_connections.into(),
        connections,
        packets_in,
        packets_out,
        bytes_in,
        bytes_out,
    }
}
