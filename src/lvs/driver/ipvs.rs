//! The kernel's IPVS as a forwarding plane.
//!
//! Commands say what shall be so afterwards: adding what is there changes it, changing what is not there adds
//! it, removing what is gone is done (keepalived: ipvs_talk tolerates the same, and changes nothing on the
//! first). Errors have keepalived's wording.

mod translate;

use std::io;
use std::process::Stdio;

use crate::config::VirtualServer;
use crate::lvs::driver::{ForwardingPlane, PlaneError, PlaneErrorKind};
use crate::lvs::message::RealServerStatistics;
use crate::lvs::{Command, Service, ServiceKey, Table};
use crate::netlink::generic::{self, GenericSocket, RequestError};
use crate::netlink::ipvs::{
    Destination, FAMILY_NAME, Info, IpvsCommand, IpvsMessage, VirtualService,
};
use crate::types::{ForwardingMethod, ServerAddress};

/// IPVS of this network namespace over generic netlink.
#[derive(Debug)]
pub struct IpvsPlane {
    socket: GenericSocket,
    info: Info,
}

/// Whether the kernel has IPVS, after one attempt to load it where that is allowed. Blocks.
///
/// Most kernels load the module when they are asked for the family; for the others it is loaded here.
pub(super) fn probe() -> bool {
    let has_ipvs = || generic::has_family(FAMILY_NAME).unwrap_or(false);
    has_ipvs() || (nix::unistd::geteuid().is_root() && load_module() && has_ipvs())
}

/// By the program that the kernel itself would run: where that is none, or one that does nothing, nobody wants
/// modules to be loaded on demand.
fn load_module() -> bool {
    let configured = std::fs::read_to_string("/proc/sys/kernel/modprobe");
    let program = configured.as_deref().map_or("/sbin/modprobe", str::trim);
    let mut modprobe = std::process::Command::new(program);
    modprobe.args(["-q", "--", "ip_vs"]);
    modprobe
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    !program.is_empty() && modprobe.status().is_ok_and(|status| status.success())
}

impl IpvsPlane {
    /// Unavailable where the kernel has no IPVS, not permitted where this process may not program it.
    pub async fn connect() -> Result<Self, PlaneError> {
        let mut socket = GenericSocket::connect(FAMILY_NAME)
            .await
            .map_err(|error| match error.errno() {
                Some(libc::ENOENT) => {
                    unavailable("Protocol not available (the kernel has no IPVS)")
                }
                _ => not_initialized(&error),
            })?;
        let question = IpvsMessage::plain(IpvsCommand::GetInfo);
        let answers = socket
            .request(question)
            .await
            .map_err(|error| not_initialized(&error))?;
        let info = answers
            .iter()
            .find_map(|answer| answer.info)
            .ok_or_else(|| unavailable("it does not say its version"))?;
        Ok(Self { socket, info })
    }

    /// Version and connection table of the kernel's IPVS.
    pub fn info(&self) -> Info {
        self.info
    }

    /// Removes every service of the network namespace, whoever made it; keyword `lvs_flush`.
    pub async fn flush(&mut self) -> Result<(), PlaneError> {
        let operation = Operation::flush();
        self.socket
            .request(operation.message.clone())
            .await
            .map(drop)
            .map_err(|error| operation.failed(&error))
    }

    /// Counters of every real server of every service that this program can name.
    pub async fn statistics(&mut self) -> Result<Vec<RealServerStatistics>, PlaneError> {
        let mut statistics = Vec::new();
        for (key, _, service) in self.services().await? {
            let destinations = self.destinations(key, &service).await?;
            statistics.extend(
                destinations
                    .iter()
                    .map(|found| translate::statistics(key, found)),
            );
        }
        Ok(statistics)
    }

    async fn carry_out(&mut self, command: &Command) -> Result<(), PlaneError> {
        let operation = Operation::of(command)
            .ok_or_else(|| PlaneError::refused(command, "IPVS has no FULLNAT".to_owned()))?;
        let Err(error) = self.socket.request(operation.message.clone()).await else {
            return Ok(());
        };
        match operation.after(&error) {
            After::Done => Ok(()),
            After::Failed => Err(operation.failed(&error)),
            After::Instead(name) => {
                let other = operation.renamed(name);
                match self.socket.request(other.message.clone()).await {
                    Ok(_) => Ok(()),
                    Err(error) => Err(other.failed(&error)),
                }
            }
        }
    }

    /// Services that can be ours; others have a firewall mark, or what this program does not know.
    async fn services(&mut self) -> Result<Vec<(ServiceKey, Service, VirtualService)>, PlaneError> {
        let question = IpvsMessage::plain(IpvsCommand::GetService);
        let answers = self.socket.dump(question).await;
        let answers = answers.map_err(|error| read_failed("reading IPVS services", &error))?;
        Ok(answers
            .into_iter()
            .filter_map(|answer| answer.service)
            .filter_map(|found| {
                translate::service(&found).map(|(key, service)| (key, service, found))
            })
            .collect())
    }

    async fn destinations(
        &mut self,
        key: ServiceKey,
        service: &VirtualService,
    ) -> Result<Vec<Destination>, PlaneError> {
        let identity = VirtualService {
            identity: service.identity,
            settings: None,
        };
        let question = IpvsMessage::about_service(IpvsCommand::GetDestination, identity);
        let answers = self.socket.dump(question).await;
        let attempted = || format!("reading IPVS destinations of {key}");
        let answers = answers.map_err(|error| read_failed(&attempted(), &error))?;
        Ok(answers
            .into_iter()
            .filter_map(|answer| answer.destination)
            .collect())
    }
}

impl ForwardingPlane for IpvsPlane {
    async fn apply(&mut self, commands: &[Command]) -> Vec<PlaneError> {
        let mut errors = Vec::new();
        for command in commands {
            if let Err(error) = self.carry_out(command).await {
                let lost = error.is_lost();
                errors.push(error);
                if lost {
                    break;
                }
            }
        }
        errors
    }

    async fn dump(&mut self) -> Result<Table, PlaneError> {
        let mut table = Table::default();
        for (key, service, found) in self.services().await? {
            let destinations = self.destinations(key, &found).await?;
            let real_servers = destinations
                .iter()
                .filter_map(translate::real_server)
                .map(|real_server| (real_server.address, real_server))
                .collect();
            table.services.insert(key, (service, real_servers));
        }
        Ok(table)
    }

    fn cannot_carry(&self, virtual_server: &VirtualServer) -> Option<String> {
        let sorry_server = virtual_server.sorry_server;
        let full_nat = virtual_server
            .real_servers
            .iter()
            .map(|real_server| (real_server.address, real_server.lvs_method))
            .chain(sorry_server.map(|sorry| (sorry.address, sorry.lvs_method)))
            .find(|(_, method)| *method == ForwardingMethod::FullNat);
        full_nat.map(|(address, _)| format!("IPVS has no FULLNAT, {address} wants it"))
    }
}

/// What is done instead when the kernel refuses.
enum After {
    /// It is so already.
    Done,
    Instead(Name),
    Failed,
}

/// One request and what keepalived calls it.
struct Operation {
    message: IpvsMessage,
    name: Name,
    /// Ends keepalived's line; empty, or in brackets after a blank.
    object: String,
}

/// `IP_VS_SO_SET_*`, by which keepalived's log calls the requests whatever way they go.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Name {
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
    fn flush() -> Self {
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
    fn of(command: &Command) -> Option<Self> {
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

    fn after(&self, error: &RequestError) -> After {
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

    fn renamed(&self, name: Name) -> Self {
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
    fn failed(&self, error: &RequestError) -> PlaneError {
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

fn read_failed(attempted: &str, error: &RequestError) -> PlaneError {
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

fn not_initialized(error: &RequestError) -> PlaneError {
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

fn unavailable(reason: &str) -> PlaneError {
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

#[cfg(test)]
mod tests;
