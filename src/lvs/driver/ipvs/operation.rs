//! Commands as requests to IPVS, what keepalived calls them, and what a refusal means.

use std::io;

use super::translate;
use crate::lvs::driver::{PlaneError, PlaneErrorKind};
use crate::lvs::{Command, Service, ServiceKey};
use crate::netlink::generic::RequestError;
use crate::netlink::ipvs::{Destination, IpvsCommand, IpvsMessage};
use crate::types::ServerAddress;

/// What is done instead when the kernel refuses.
pub(super) enum After {
    /// It is so already.
    Done,
    Instead(Name),
    Failed,
}

/// One request and what keepalived calls it.
pub(super) struct Operation {
    pub(super) message: IpvsMessage,
    name: Name,
    /// Ends keepalived's line; empty, or in brackets after a blank.
    object: String,
}

/// `IP_VS_SO_SET_*`, by which keepalived's log calls the requests whatever way they go.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Name {
    Add,
    Edit,
    Del,
    Flush,
    AddDest,
    DelDest,
    EditDest,
}

impl Name {
    fn name_and_number(self) -> (&'static str, u16) {
        match self {
            Self::Add => ("IP_VS_SO_SET_ADD", 1154),
            Self::Edit => ("IP_VS_SO_SET_EDIT", 1155),
            Self::Del => ("IP_VS_SO_SET_DEL", 1156),
            Self::Flush => ("IP_VS_SO_SET_FLUSH", 1157),
            Self::AddDest => ("IP_VS_SO_SET_ADDDEST", 1159),
            Self::DelDest => ("IP_VS_SO_SET_DELDEST", 1160),
            Self::EditDest => ("IP_VS_SO_SET_EDITDEST", 1161),
        }
    }

    fn command(self) -> IpvsCommand {
        match self {
            Self::Add => IpvsCommand::NewService,
            Self::Edit => IpvsCommand::SetService,
            Self::Del => IpvsCommand::DelService,
            Self::Flush => IpvsCommand::Flush,
            Self::AddDest => IpvsCommand::NewDestination,
            Self::DelDest => IpvsCommand::DelDestination,
            Self::EditDest => IpvsCommand::SetDestination,
        }
    }
}

impl Operation {
    pub(super) fn flush() -> Self {
        let message = IpvsMessage::plain(IpvsCommand::Flush);
        Self {
            message,
            name: Name::Flush,
            object: String::new(),
        }
    }

    fn on_service(name: Name, key: ServiceKey, service: Option<Service>) -> Self {
        let message = translate::virtual_service(key, service);
        Self {
            message: IpvsMessage::about_service(name.command(), message),
            name,
            object: format!(" ({})", service_name(key)),
        }
    }

    fn on_destination(name: Name, key: ServiceKey, destination: Destination) -> Self {
        let ServerAddress { address, port } =
            ServerAddress::new(destination.address, destination.port);
        Self {
            message: IpvsMessage::about_destination(
                name.command(),
                translate::identity(key),
                destination,
            ),
            name,
            object: format!(" ({} -> {address}:{port})", service_name(key)),
        }
    }

    /// None where IPVS cannot forward in the way that is asked for.
    pub(super) fn of(command: &Command) -> Option<Self> {
        Some(match *command {
            Command::AddService { key, service } => Self::on_service(Name::Add, key, Some(service)),
            Command::EditService { key, service } => {
                Self::on_service(Name::Edit, key, Some(service))
            }
            Command::DeleteService { key } => Self::on_service(Name::Del, key, None),
            Command::AddRealServer { key, real_server } => {
                Self::on_destination(Name::AddDest, key, translate::destination(real_server)?)
            }
            Command::EditRealServer { key, real_server } => {
                Self::on_destination(Name::EditDest, key, translate::destination(real_server)?)
            }
            Command::DeleteRealServer { key, address } => {
                Self::on_destination(Name::DelDest, key, translate::destination_address(address))
            }
        })
    }

    pub(super) fn after(&self, error: &RequestError) -> After {
        match (self.name, error.errno()) {
            (Name::Add, Some(libc::EEXIST)) => After::Instead(Name::Edit),
            (Name::Edit, Some(libc::ESRCH)) => After::Instead(Name::Add),
            (Name::AddDest, Some(libc::EEXIST)) => After::Instead(Name::EditDest),
            (Name::EditDest, Some(libc::ENOENT)) => After::Instead(Name::AddDest),
            (Name::Del, Some(libc::ESRCH)) | (Name::DelDest, Some(libc::ENOENT | libc::ESRCH)) => {
                After::Done
            }
            (
                Name::Add
                | Name::Edit
                | Name::Del
                | Name::Flush
                | Name::AddDest
                | Name::DelDest
                | Name::EditDest,
                _,
            ) => After::Failed,
        }
    }

    pub(super) fn renamed(&self, name: Name) -> Self {
        let message = IpvsMessage {
            command: name.command(),
            ..self.message.clone()
        };
        Self {
            message,
            name,
            object: self.object.clone(),
        }
    }

    /// keepalived: `IPVS cmd IP_VS_SO_SET_ADD(1154) error: … (17) (192.0.2.1:tcp:80)`.
    pub(super) fn failed(&self, error: &RequestError) -> PlaneError {
        let (name, number) = self.name.name_and_number();
        PlaneError {
            kind: kind(error),
            attempted: format!("IPVS cmd {name}({number}) error"),
            reason: reason(Some(self.name), error) + &self.object,
        }
    }
}

/// keepalived: address, protocol and port without brackets here.
fn service_name(key: ServiceKey) -> String {
    format!(
        "{}:{}:{}",
        key.address.address, key.protocol, key.address.port
    )
}

fn kind(error: &RequestError) -> PlaneErrorKind {
    match (error, error.errno()) {
        (RequestError::Refused(_), Some(libc::EPERM | libc::EACCES)) => {
            PlaneErrorKind::NotPermitted
        }
        (RequestError::Refused(_), _) => PlaneErrorKind::Refused,
        (RequestError::Broken(_), _) => PlaneErrorKind::Lost,
    }
}

pub(super) fn read_failed(attempted: &str, error: &RequestError) -> PlaneError {
    // A dump is refused with ENOENT when the module has been removed: the family's number is void.
    let kind = match error.errno() {
        Some(libc::ENOENT) => PlaneErrorKind::Lost,
        _ => kind(error),
    };
    PlaneError {
        kind,
        attempted: attempted.to_owned(),
        reason: reason(None, error),
    }
}

pub(super) fn not_initialized(error: &RequestError) -> PlaneError {
    let kind = match kind(error) {
        PlaneErrorKind::NotPermitted => PlaneErrorKind::NotPermitted,
        PlaneErrorKind::Unavailable | PlaneErrorKind::Refused | PlaneErrorKind::Lost => {
            PlaneErrorKind::Unavailable
        }
    };
    PlaneError {
        kind,
        ..unavailable(&reason(None, error))
    }
}

pub(super) fn unavailable(reason: &str) -> PlaneError {
    PlaneError {
        kind: PlaneErrorKind::Unavailable,
        attempted: "IPVS: Can't initialize ipvs".to_owned(),
        reason: reason.to_owned(),
    }
}

/// keepalived: ipvs_strerror, and the error number.
fn reason(name: Option<Name>, error: &RequestError) -> String {
    let Some(errno) = error.errno() else {
        return error.to_string();
    };
    let text = match (name, errno) {
        (Some(Name::Add), libc::EEXIST) => "Service already exists",
        (Some(Name::Add | Name::Edit), libc::ENOENT) => "Scheduler or persistence engine not found",
        (Some(Name::AddDest), libc::EEXIST) => "Destination already exists",
        (Some(Name::EditDest | Name::DelDest), libc::ENOENT) => "No such destination",
        (_, libc::ESRCH) => "No such service",
        (_, libc::EPERM) => "Permission denied (you must be root)",
        (_, libc::EINVAL) => {
            "Invalid operation.  Possibly wrong module version, address not unicast, ..."
        }
        (_, libc::ENOPROTOOPT) => "Protocol not available",
        (_, libc::ENOMEM) => "Memory allocation problem",
        (_, libc::EOPNOTSUPP) => "Operation not supported with IPv6",
        _ => return format!("{}({errno})", errno_text(errno)),
    };
    format!("{text}({errno})")
}

/// The system's text without the number that `io::Error` appends.
fn errno_text(errno: i32) -> String {
    let text = io::Error::from_raw_os_error(errno).to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}
