//! The kernel's IPVS as a forwarding plane.
//!
//! Commands say what shall be so afterwards: adding what is there changes it, changing what is not there adds
//! it, removing what is gone is done (keepalived: ipvs_talk tolerates the same, and changes nothing on the
//! first). Errors have keepalived's wording.

mod operation;
mod translate;

use std::path::Path;
use std::process::Stdio;

use crate::config::VirtualServer;
use crate::lvs::driver::{ForwardingPlane, PlaneError};
use crate::lvs::message::RealServerStatistics;
use crate::lvs::{Command, Service, ServiceKey, Table};
use crate::netlink::generic::{self, GenericSocket};
use crate::netlink::ipvs::{
    Destination, FAMILY_NAME, Info, IpvsCommand, IpvsMessage, VirtualService,
};
use crate::types::ForwardingMethod;

use operation::{After, Operation, not_initialized, read_failed, unavailable};

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
        Self::connect_in(None).await
    }

    /// The same, to the IPVS of the network namespace of that file.
    pub async fn connect_in(net_namespace: Option<&Path>) -> Result<Self, PlaneError> {
        let connection = match net_namespace {
            None => GenericSocket::connect(FAMILY_NAME).await,
            Some(path) => GenericSocket::connect_in(path, FAMILY_NAME).await,
        };
        let mut socket = connection.map_err(|error| match error.errno() {
            Some(libc::ENOENT) => unavailable("Protocol not available (the kernel has no IPVS)"),
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

#[cfg(test)]
mod tests;
