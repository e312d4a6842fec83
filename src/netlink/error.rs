//! What went wrong, at which verb, on which object.

use std::fmt;
use std::io;

use crate::types::{InterfaceName, OwnedAddress, Route, Rule};

/// A request to the kernel failed, or the socket for it did.
#[derive(Debug, thiserror::Error)]
#[error("unable to {attempted}: {cause}")]
pub struct NetlinkError {
    pub attempted: Attempted,
    #[source]
    pub cause: io::Error,
}

/// Verb and object of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Attempted {
    Connect,
    Monitor,
    ListLinks,
    ListAddresses,
    AddAddress(OwnedAddress),
    DeleteAddress(OwnedAddress),
    AddLink(InterfaceName),
    SetUp(InterfaceName),
    DeleteLink(InterfaceName),
    AddRoute(Box<Route>),
    DeleteRoute(Box<Route>),
    AddRule(Box<Rule>),
    DeleteRule(Box<Rule>),
    /// The empty request by which [`super::Handle::check_permission`] learns whether it may change
    /// anything.
    CheckPermission,
}

impl NetlinkError {
    pub(super) fn new(attempted: Attempted, cause: io::Error) -> Self {
        Self { attempted, cause }
    }

    pub(super) fn from_rtnetlink(attempted: Attempted, error: rtnetlink::Error) -> Self {
        let cause = match error {
            rtnetlink::Error::NetlinkError(answer) => answer.to_io(),
            other => io::Error::other(other),
        };
        Self { attempted, cause }
    }

    /// The kernel refused because `CAP_NET_ADMIN` is missing.
    pub fn is_permission_denied(&self) -> bool {
        matches!(self.cause.raw_os_error(), Some(libc::EPERM | libc::EACCES))
    }

    /// The kernel answered with this errno. `None`: it did not answer at all, the connection is of
    /// no more use.
    pub fn errno(&self) -> Option<i32> {
        self.cause.raw_os_error()
    }
}

impl fmt::Display for Attempted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect => f.write_str("open a netlink connection"),
            Self::Monitor => f.write_str("monitor links and addresses"),
            Self::ListLinks => f.write_str("list the interfaces"),
            Self::ListAddresses => f.write_str("list the addresses"),
            Self::AddAddress(it) => {
                write!(
                    f,
                    "add {}/{} to {}",
                    it.address, it.prefix_len, it.interface
                )
            }
            Self::DeleteAddress(it) => {
                write!(
                    f,
                    "delete {}/{} from {}",
                    it.address, it.prefix_len, it.interface
                )
            }
            Self::AddLink(name) => write!(f, "make the interface {name}"),
            Self::SetUp(name) => write!(f, "set the interface {name} up"),
            Self::DeleteLink(name) => write!(f, "delete the interface {name}"),
            Self::AddRoute(route) => write!(f, "add the route {route}"),
            Self::DeleteRoute(route) => write!(f, "delete the route {route}"),
            Self::AddRule(rule) => write!(f, "add the rule {rule}"),
            Self::DeleteRule(rule) => write!(f, "delete the rule {rule}"),
            Self::CheckPermission => f.write_str("change addresses"),
        }
    }
}
