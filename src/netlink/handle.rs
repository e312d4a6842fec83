//! Requests: what is there, and changes to it.

use std::net::IpAddr;

use futures_util::TryStreamExt;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, AddressScope as Scope,
    CacheInfo,
};
use netlink_sys::AsyncSocket;
use nix::net::if_::if_nametoindex;

use super::error::{Attempted, NetlinkError};
use super::message::{Address, Link};
use super::receive_buffer::ReceiveBuffer;
use crate::types::{InterfaceName, OwnedAddress, PreferredLifetime, VirtualAddress};

/// IFA_PROTO of our addresses, as keepalived marks its own (RTPROT_KEEPALIVED,
/// `linux/rtnetlink.h`).
pub const IFAPROT_KEEPALIVED: u8 = 18;

/// INFINITY_LIFE_TIME in `linux/if_addr.h`.
const INFINITY_LIFE_TIME: u32 = u32::MAX;

/// How [`Handle::add_address`] went well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddressAdded {
    Added,
    /// It was on the interface already and stays as it is.
    WasThere,
}

/// How [`Handle::delete_address`] went well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AddressDeleted {
    Deleted,
    /// The interface did not have it, or is itself not there.
    WasNotThere,
}

/// Asks the kernel of the network namespace that the thread was in when it connected. Cheap to
/// clone.
#[derive(Clone, Debug)]
pub struct Handle {
    inner: rtnetlink::Handle,
}

impl Handle {
    /// Opens the socket; a task of the current tokio runtime serves it until the last clone is
    /// dropped.
    pub fn connect() -> Result<Self, NetlinkError> {
        Self::connect_with(ReceiveBuffer::default())
    }

    /// As [`Self::connect`], with a receive buffer of that size.
    pub fn connect_with(buffer: ReceiveBuffer) -> Result<Self, NetlinkError> {
        let failed = |error| NetlinkError::new(Attempted::Connect, error);
        let (mut connection, inner, _unsolicited) = rtnetlink::new_connection().map_err(failed)?;
        let socket = connection.socket_mut().socket_mut();
        buffer.apply(socket, None).map_err(failed)?;
        tokio::spawn(connection);
        Ok(Self { inner })
    }

    pub(super) fn inner(&self) -> rtnetlink::Handle {
        self.inner.clone()
    }

    /// All interfaces.
    pub async fn links(&self) -> Result<Vec<Link>, NetlinkError> {
        self.inner
            .link()
            .get()
            .execute()
            .try_filter_map(async |message| Ok(Link::from_message(&message)))
            .try_collect()
            .await
            .map_err(|error| NetlinkError::from_rtnetlink(Attempted::ListLinks, error))
    }

    /// The addresses of all interfaces, each interface's of a family in the kernel's order.
    pub async fn addresses(&self) -> Result<Vec<Address>, NetlinkError> {
        self.inner
            .address()
            .get()
            .execute()
            .try_filter_map(async |message| Ok(Address::from_message(&message)))
            .try_collect()
            .await
            .map_err(|error| NetlinkError::from_rtnetlink(Attempted::ListAddresses, error))
    }

    /// Puts `address` on its interface with the options of `options`. One that is there already is
    /// [`AddressAdded::WasThere`].
    pub async fn add_address(
        &self,
        address: &OwnedAddress,
        options: &VirtualAddress,
    ) -> Result<AddressAdded, NetlinkError> {
        let failed = |cause| NetlinkError::new(Attempted::AddAddress(address.clone()), cause);
        let index = if_nametoindex(address.interface.as_str())
            .map_err(|errno| failed(std::io::Error::from(errno)))?;
        let mut request = self
            .inner
            .address()
            .add(index, address.address, address.prefix_len);
        *request.message_mut() = add_message(index, address, options);
        match request.execute().await {
            Ok(()) => Ok(AddressAdded::Added),
            Err(error) => {
                let attempted = Attempted::AddAddress(address.clone());
                let error = NetlinkError::from_rtnetlink(attempted, error);
                match error.errno() {
                    Some(libc::EEXIST) => Ok(AddressAdded::WasThere),
                    _ => Err(error),
                }
            }
        }
    }

    /// Takes `address` from its interface: exactly this one, with this prefix length. One that is
    /// not there, on an interface that may not be there, is [`AddressDeleted::WasNotThere`].
    pub async fn delete_address(
        &self,
        address: &OwnedAddress,
    ) -> Result<AddressDeleted, NetlinkError> {
        let failed = |cause| NetlinkError::new(Attempted::DeleteAddress(address.clone()), cause);
        let Some(index) = index_if_there(&address.interface).map_err(failed)? else {
            return Ok(AddressDeleted::WasNotThere);
        };
        let message = address_message(index, address);
        match self.inner.address().del(message).execute().await {
            Ok(()) => Ok(AddressDeleted::Deleted),
            Err(error) => {
                let attempted = Attempted::DeleteAddress(address.clone());
                let error = NetlinkError::from_rtnetlink(attempted, error);
                match error.errno() {
                    Some(libc::EADDRNOTAVAIL | libc::ENODEV) => Ok(AddressDeleted::WasNotThere),
                    _ => Err(error),
                }
            }
        }
    }

    /// Whether the kernel would let us change anything. Changes nothing: it asks to delete an
    /// address from interface 0, which does not exist, and the kernel looks at `CAP_NET_ADMIN`
    /// first.
    pub async fn check_permission(&self) -> Result<(), NetlinkError> {
        let mut message = AddressMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.prefix_len = 32;
        match self.inner.address().del(message).execute().await {
            Ok(()) => Ok(()),
            Err(error) => {
                let error = NetlinkError::from_rtnetlink(Attempted::CheckPermission, error);
                match error.errno() {
                    Some(libc::ENODEV | libc::EADDRNOTAVAIL | libc::EINVAL) => Ok(()),
                    _ => Err(error),
                }
            }
        }
    }
}

/// `None`: there is no such interface. Any other reason not to know its index says nothing of what is on it.
pub(super) fn index_if_there(name: &InterfaceName) -> std::io::Result<Option<u32>> {
    there(if_nametoindex(name.as_str()).map_err(std::io::Error::from))
}

/// As [`index_if_there`], of an answer.
pub(super) fn there<T>(found: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match found {
        Ok(it) => Ok(Some(it)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What identifies an address: IFA_ADDRESS beside IFA_LOCAL makes the kernel compare the prefix
/// length too.
fn address_message(index: u32, owned: &OwnedAddress) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = match owned.address {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    message.header.index = index;
    message.header.prefix_len = owned.prefix_len;
    message.attributes = vec![
        AddressAttribute::Local(owned.address),
        AddressAttribute::Address(owned.peer.unwrap_or(owned.address)),
    ];
    message
}

fn add_message(index: u32, address: &OwnedAddress, options: &VirtualAddress) -> AddressMessage {
    let mut message = address_message(index, address);
    message.header.scope = Scope::from(options.scope.number());
    let attributes = &mut message.attributes;
    match address.address {
        IpAddr::V4(_) => {
            attributes.extend(options.broadcast.map(AddressAttribute::Broadcast));
            attributes.extend(options.label.clone().map(AddressAttribute::Label));
        }
        IpAddr::V6(_) => {}
    }
    let flags = flags(options);
    if !flags.is_empty() {
        attributes.push(AddressAttribute::Flags(flags));
    }
    if let PreferredLifetime::Seconds(seconds) = options.preferred_lifetime() {
        let mut lifetime = CacheInfo::default();
        lifetime.ifa_preferred = seconds;
        lifetime.ifa_valid = INFINITY_LIFE_TIME;
        attributes.push(AddressAttribute::CacheInfo(lifetime));
    }
    // Kernels before 5.18 do not know the attribute and pass over it.
    attributes.push(AddressAttribute::Protocol(AddressProtocol::Other(
        IFAPROT_KEEPALIVED,
    )));
    message
}

fn flags(options: &VirtualAddress) -> AddressFlags {
    let mut flags = AddressFlags::empty();
    // Nobody else has it while we are MASTER, and it must answer at once (RFC 5798 §6.4.1).
    flags.set(
        AddressFlags::Nodad,
        options.address.is_ipv6() && !options.dad,
    );
    flags.set(AddressFlags::Homeaddress, options.home);
    flags.set(AddressFlags::Managetempaddr, options.mngtmpaddr);
    flags.set(AddressFlags::Noprefixroute, options.noprefixroute);
    flags.set(AddressFlags::Mcautojoin, options.autojoin);
    flags
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::RouteScope;

    fn owned() -> OwnedAddress {
        OwnedAddress {
            interface: InterfaceName::new("eth0").expect("a name"),
            address: IpAddr::from([10, 0, 0, 100]),
            prefix_len: 24,
            peer: None,
        }
    }

    #[test]
    fn only_an_interface_that_is_not_there_has_taken_its_addresses_along() {
        let answer = |errno| there::<u32>(Err(std::io::Error::from_raw_os_error(errno)));
        assert_eq!(there(Ok(3)).expect("there"), Some(3));
        for absent in [libc::ENODEV, libc::ENXIO] {
            assert_eq!(answer(absent).expect("absent"), None);
        }
        for unknown in [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EPERM] {
            let error = answer(unknown).expect_err("nobody knows");
            assert_eq!(error.raw_os_error(), Some(unknown));
        }
    }

    #[test]
    fn an_address_without_options_has_no_broadcast_and_no_label() {
        let message = add_message(3, &owned(), &VirtualAddress::new(owned().address, 24));
        assert_eq!(message.header.index, 3);
        assert_eq!(message.header.prefix_len, 24);
        assert_eq!(
            message.attributes,
            [
                AddressAttribute::Local(owned().address),
                AddressAttribute::Address(owned().address),
                AddressAttribute::Protocol(AddressProtocol::Other(18)),
            ]
        );
    }

    #[test]
    fn flags_and_lifetime_reach_the_kernel() {
        let address = "fd00::1".parse().expect("an address");
        let mut options = VirtualAddress::new(address, 128);
        options.noprefixroute = true;
        let owned = OwnedAddress {
            address,
            prefix_len: 128,
            ..owned()
        };
        let message = add_message(3, &owned, &options);
        let mut never = CacheInfo::default();
        never.ifa_valid = u32::MAX;
        for wanted in [
            AddressAttribute::Flags(AddressFlags::Nodad | AddressFlags::Noprefixroute),
            AddressAttribute::CacheInfo(never),
        ] {
            assert!(message.attributes.contains(&wanted), "{wanted:?}");
        }
        options.dad = true;
        options.preferred_lft = Some(PreferredLifetime::Forever);
        let message = add_message(3, &owned, &options);
        let only = AddressAttribute::Flags(AddressFlags::Noprefixroute);
        assert!(message.attributes.contains(&only), "{message:?}");
    }

    #[test]
    fn scope_broadcast_and_label_reach_the_kernel() {
        let mut options = VirtualAddress::new(owned().address, 24);
        options.scope = RouteScope::LINK;
        options.broadcast = Some([10, 0, 0, 255].into());
        options.label = Some("eth0:1".to_owned());
        let message = add_message(3, &owned(), &options);
        assert_eq!(message.header.scope, Scope::Link);
        for wanted in [
            AddressAttribute::Broadcast([10, 0, 0, 255].into()),
            AddressAttribute::Label("eth0:1".to_owned()),
        ] {
            assert!(message.attributes.contains(&wanted), "{wanted:?}");
        }
    }
}
