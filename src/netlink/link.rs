//! Verbs for interfaces that are made for virtual routers.

use futures_util::StreamExt;
use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoIpVlan, InfoKind, InfoMacVlan, IpVlanFlags, IpVlanMode, LinkAttribute, LinkFlags,
    LinkInfo, LinkMessage, MacVlanMode,
};
use nix::net::if_::if_nametoindex;

use super::error::{Attempted, NetlinkError};
use super::handle::{Handle, index_if_there};
use super::route::{Added, Deleted};
use crate::types::InterfaceName;

/// An interface that stands on another one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VirtualLink {
    pub name: InterfaceName,
    /// The interface that it is on.
    pub base: InterfaceName,
    pub kind: VirtualLinkKind,
    /// `None`: that of the base.
    pub group: Option<u32>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VirtualLinkKind {
    /// In private mode, with a MAC address of its own.
    Macvlan { mac: [u8; 6] },
    /// Of layer 2, with the MAC address of the base.
    Ipvlan(IpvlanPorts),
}

/// How the ipvlans of an interface see one another (`linux/if_link.h` IPVLAN_F_*).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IpvlanPorts {
    Bridge,
    Private,
    Vepa,
}

impl Handle {
    /// Makes the interface, down. One that is there already and the same stays; one of its kind and name that is
    /// another one is replaced (keepalived), and anything else refused.
    pub async fn add_virtual_link(&self, wanted: &VirtualLink) -> Result<Added, NetlinkError> {
        let failed = |cause| NetlinkError::new(Attempted::AddLink(wanted.name.clone()), cause);
        let base = if_nametoindex(wanted.base.as_str())
            .map_err(|errno| failed(std::io::Error::from(errno)))?;
        let message = virtual_link_message(wanted, base);
        match self.create_link(message.clone()).await {
            Ok(()) => return Ok(Added::Added),
            Err(error) if error.raw_os_error() != Some(libc::EEXIST) => return Err(failed(error)),
            Err(_) => {}
        }
        let is_same = match (self.kind_of(&wanted.name).await, wanted.kind) {
            (
                Some((InfoKind::MacVlan, Some(link), Some(there))),
                VirtualLinkKind::Macvlan { mac },
            ) => link == base && there == mac,
            // What its ports see is not looked at.
            (Some((InfoKind::IpVlan, Some(link), _)), VirtualLinkKind::Ipvlan(_)) => link == base,
            _ => return Err(failed(std::io::Error::from_raw_os_error(libc::EEXIST))),
        };
        if is_same {
            return Ok(Added::WasThere);
        }
        self.delete_link(&wanted.name).await?;
        self.create_link(message).await.map_err(failed)?;
        Ok(Added::Added)
    }

    /// Sets IFF_UP.
    pub async fn set_up(&self, name: &InterfaceName) -> Result<(), NetlinkError> {
        let failed = |cause| NetlinkError::new(Attempted::SetUp(name.clone()), cause);
        let index =
            if_nametoindex(name.as_str()).map_err(|errno| failed(std::io::Error::from(errno)))?;
        let mut message = LinkMessage::default();
        message.header.index = index;
        message.header.flags = LinkFlags::Up;
        message.header.change_mask = LinkFlags::Up;
        let mut request = NetlinkMessage::from(RouteNetlinkMessage::SetLink(message));
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
        self.ask(request).await.map_err(failed)
    }

    /// Deletes an interface that was made for a virtual router.
    pub async fn delete_link(&self, name: &InterfaceName) -> Result<Deleted, NetlinkError> {
        let failed = |cause| NetlinkError::new(Attempted::DeleteLink(name.clone()), cause);
        let Some(index) = index_if_there(name).map_err(failed)? else {
            return Ok(Deleted::WasNotThere);
        };
        let mut message = LinkMessage::default();
        message.header.index = index;
        let mut request = NetlinkMessage::from(RouteNetlinkMessage::DelLink(message));
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
        match self.ask(request).await {
            Ok(()) => Ok(Deleted::Deleted),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(Deleted::WasNotThere),
            Err(error) => Err(failed(error)),
        }
    }

    async fn create_link(&self, message: LinkMessage) -> std::io::Result<()> {
        let mut request = NetlinkMessage::from(RouteNetlinkMessage::NewLink(message));
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        self.ask(request).await
    }

    /// Kind, base and MAC address of an interface.
    async fn kind_of(
        &self,
        name: &InterfaceName,
    ) -> Option<(InfoKind, Option<u32>, Option<[u8; 6]>)> {
        let name = name.as_str().to_owned();
        let mut links = self.inner().link().get().match_name(name).execute();
        let link = links.next().await?.ok()?;
        let (mut kind, mut base, mut mac) = (None, None, None);
        for attribute in link.attributes {
            match attribute {
                LinkAttribute::LinkInfo(infos) => {
                    kind = infos.into_iter().find_map(|info| match info {
                        LinkInfo::Kind(kind) => Some(kind),
                        _ => None,
                    });
                }
                LinkAttribute::Link(index) => base = Some(index),
                LinkAttribute::Address(bytes) => mac = <[u8; 6]>::try_from(bytes).ok(),
                _ => {}
            }
        }
        Some((kind?, base, mac))
    }
}

fn virtual_link_message(wanted: &VirtualLink, base: u32) -> LinkMessage {
    let (kind, data) = match wanted.kind {
        VirtualLinkKind::Macvlan { .. } => (
            InfoKind::MacVlan,
            InfoData::MacVlan(vec![InfoMacVlan::Mode(MacVlanMode::Private)]),
        ),
        VirtualLinkKind::Ipvlan(ports) => {
            let flags = match ports {
                IpvlanPorts::Bridge => IpVlanFlags::empty(),
                IpvlanPorts::Private => IpVlanFlags::Private,
                IpvlanPorts::Vepa => IpVlanFlags::Vepa,
            };
            let data = vec![InfoIpVlan::Mode(IpVlanMode::L2), InfoIpVlan::Flags(flags)];
            (InfoKind::IpVlan, InfoData::IpVlan(data))
        }
    };
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(wanted.name.as_str().to_owned()),
        LinkAttribute::Link(base),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind), LinkInfo::Data(data)]),
    ];
    if let VirtualLinkKind::Macvlan { mac } = wanted.kind {
        let address = LinkAttribute::Address(mac.to_vec());
        message.attributes.push(address);
    }
    let group = wanted.group.map(LinkAttribute::Group);
    message.attributes.extend(group);
    message
}
