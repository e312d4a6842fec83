//! Verbs for interfaces that are made for virtual routers.

use futures_util::StreamExt;
use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoMacVlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage, MacVlanMode,
};
use nix::net::if_::if_nametoindex;

use super::error::{Attempted, NetlinkError};
use super::handle::Handle;
use super::route::{Added, Deleted};
use crate::types::InterfaceName;

/// A macvlan with a MAC address of its own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Macvlan {
    pub name: InterfaceName,
    /// The interface that it is on.
    pub base: InterfaceName,
    pub mac: [u8; 6],
    /// `None`: that of the base.
    pub group: Option<u32>,
}

impl Handle {
    /// Makes the macvlan, in private mode and down. One that is there already and the same stays; a macvlan of that
    /// name that is another one is replaced (keepalived), and anything else refused.
    pub async fn add_macvlan(&self, macvlan: &Macvlan) -> Result<Added, NetlinkError> {
        let failed = |cause| NetlinkError::new(Attempted::AddLink(macvlan.name.clone()), cause);
        let base = if_nametoindex(macvlan.base.as_str())
            .map_err(|errno| failed(std::io::Error::from(errno)))?;
        let message = macvlan_message(macvlan, base);
        match self.create_link(message.clone()).await {
            Ok(()) => return Ok(Added::Added),
            Err(error) if error.raw_os_error() != Some(libc::EEXIST) => return Err(failed(error)),
            Err(_) => {}
        }
        match self.kind_of(&macvlan.name).await {
            Some((InfoKind::MacVlan, Some(link), Some(mac))) => {
                if link == base && mac == macvlan.mac {
                    return Ok(Added::WasThere);
                }
                self.delete_link(&macvlan.name).await?;
                self.create_link(message).await.map_err(failed)?;
                Ok(Added::Added)
            }
            _ => Err(failed(std::io::Error::from_raw_os_error(libc::EEXIST))),
        }
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
        let Ok(index) = if_nametoindex(name.as_str()) else {
            return Ok(Deleted::WasNotThere);
        };
        let mut message = LinkMessage::default();
        message.header.index = index;
        let mut request = NetlinkMessage::from(RouteNetlinkMessage::DelLink(message));
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
        match self.ask(request).await {
            Ok(()) => Ok(Deleted::Deleted),
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(Deleted::WasNotThere),
            Err(error) => {
                let attempted = Attempted::DeleteLink(name.clone());
                Err(NetlinkError::new(attempted, error))
            }
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

fn macvlan_message(macvlan: &Macvlan, base: u32) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.attributes = vec![
        LinkAttribute::IfName(macvlan.name.as_str().to_owned()),
        LinkAttribute::Link(base),
        LinkAttribute::Address(macvlan.mac.to_vec()),
        LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::MacVlan),
            LinkInfo::Data(InfoData::MacVlan(vec![InfoMacVlan::Mode(
                MacVlanMode::Private,
            )])),
        ]),
    ];
    let group = macvlan.group.map(LinkAttribute::Group);
    message.attributes.extend(group);
    message
}
