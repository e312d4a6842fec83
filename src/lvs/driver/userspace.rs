//! Our own data plane as a forwarding plane: the client side of `lvs.sock`.
//!
//! One request at a time, each answered in turn (`lvs::message`, frames of `sys::frame`). The data plane
//! lives on when this end goes away, and the other way round: a lost connection is reported as lost and
//! whoever owns the plane connects again.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::config::VirtualServer;
use crate::lvs::driver::{ForwardingPlane, PlaneError, PlaneErrorKind};
use crate::lvs::message::{RealServerStatistics, Reply, Request, SOCKET_NAME};
use crate::lvs::{Command, Table};
use crate::sys::frame;
use crate::types::{ForwardingMethod, Protocol, Scheduler};

/// The data plane answers between two packets; one that takes longer is not alive, and the supervisor
/// will see to it.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// What the first form of the data plane schedules with.
const SCHEDULERS: [Scheduler; 5] = [
    Scheduler::Rr,
    Scheduler::Wrr,
    Scheduler::Lc,
    Scheduler::Wlc,
    Scheduler::Sh,
];

/// A connection to the data-plane child.
#[derive(Debug)]
pub struct UserspacePlane {
    /// None once the connection is lost.
    stream: Option<UnixStream>,
    answer_within: Duration,
}

impl UserspacePlane {
    /// Unavailable while no data-plane child listens in `run_directory`.
    pub async fn connect(run_directory: &Path) -> Result<Self, PlaneError> {
        let socket = run_directory.join(SOCKET_NAME);
        let stream = UnixStream::connect(&socket)
            .await
            .map_err(|error| PlaneError {
                kind: match error.kind() {
                    io::ErrorKind::PermissionDenied => PlaneErrorKind::NotPermitted,
                    _ => PlaneErrorKind::Unavailable,
                },
                attempted: format!("connecting to the data plane at {}", socket.display()),
                reason: error.to_string(),
            })?;
        Ok(Self {
            stream: Some(stream),
            answer_within: ANSWER_WITHIN,
        })
    }

    /// Counters of every real server of every service.
    pub async fn statistics(&mut self) -> Result<Vec<RealServerStatistics>, PlaneError> {
        let attempted = "reading the counters of the data plane";
        match self.ask(attempted, &Request::Statistics).await? {
            Reply::Statistics(statistics) => Ok(statistics),
            reply => Err(self.unexpected(attempted, &reply)),
        }
    }

    async fn ask(&mut self, attempted: &str, request: &Request) -> Result<Reply, PlaneError> {
        // Taken out for as long as an answer is owed: when this future is dropped half way, the
        // connection goes with it, and no later request gets the answer of this one.
        let Some(mut stream) = self.stream.take() else {
            return Err(lost(
                attempted,
                "the connection to the data plane is closed",
            ));
        };
        let answer = timeout(self.answer_within, exchange(&mut stream, request)).await;
        match answer {
            Ok(Ok(reply)) => {
                self.stream = Some(stream);
                Ok(reply)
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Err(lost(attempted, "the data plane closed the connection"))
            }
            Ok(Err(error)) => Err(lost(attempted, &error.to_string())),
            Err(_) => Err(lost(
                attempted,
                &format!("no answer within {:?}", self.answer_within),
            )),
        }
    }

    /// The two sides no longer agree about what is asked: nothing on this connection can be trusted.
    fn unexpected(&mut self, attempted: &str, reply: &Reply) -> PlaneError {
        self.stream = None;
        let kind = match reply {
            Reply::Applied(outcomes) => format!("outcomes of {} commands", outcomes.len()),
            Reply::Dump(_) => "a table".to_owned(),
            Reply::Statistics(_) => "counters".to_owned(),
        };
        lost(attempted, &format!("the data plane answered with {kind}"))
    }
}

async fn exchange(stream: &mut UnixStream, request: &Request) -> io::Result<Reply> {
    frame::write_async(stream, request).await?;
    frame::read_async(stream).await
}

fn lost(attempted: &str, reason: &str) -> PlaneError {
    PlaneError {
        kind: PlaneErrorKind::Lost,
        attempted: attempted.to_owned(),
        reason: reason.to_owned(),
    }
}

impl ForwardingPlane for UserspacePlane {
    async fn apply(&mut self, commands: &[Command]) -> Vec<PlaneError> {
        if commands.is_empty() {
            return Vec::new();
        }
        let attempted = format!("changing the data plane ({} commands)", commands.len());
        match self
            .ask(&attempted, &Request::Apply(commands.to_vec()))
            .await
        {
            Ok(Reply::Applied(outcomes)) if outcomes.len() == commands.len() => commands
                .iter()
                .zip(outcomes)
                .filter_map(|(command, outcome)| {
                    outcome.map(|reason| PlaneError::refused(command, reason))
                })
                .collect(),
            Ok(reply) => vec![self.unexpected(&attempted, &reply)],
            Err(error) => vec![error],
        }
    }

    async fn dump(&mut self) -> Result<Table, PlaneError> {
        let attempted = "reading the table of the data plane";
        match self.ask(attempted, &Request::Dump).await? {
            Reply::Dump(table) => Ok(table),
            reply => Err(self.unexpected(attempted, &reply)),
        }
    }

    fn cannot_carry(&self, virtual_server: &VirtualServer) -> Option<String> {
        cannot_carry(virtual_server)
    }

    /// The data plane says nothing unasked: whatever can be read now is its end, or nonsense.
    async fn lost(&mut self) {
        while let Some(stream) = &self.stream {
            let ready = stream.readable().await;
            // Readiness may be a left-over of the last answer; only a read tells.
            let nothing = ready.and_then(|()| stream.try_read(&mut [0]));
            if !matches!(nothing, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
                self.stream = None;
            }
        }
    }
}

/// The first limit that the virtual server goes beyond.
fn cannot_carry(virtual_server: &VirtualServer) -> Option<String> {
    let addresses = virtual_server
        .real_servers
        .iter()
        .map(|real_server| (real_server.address, real_server.lvs_method))
        .chain(
            virtual_server
                .sorry_server
                .map(|sorry| (sorry.address, sorry.lvs_method)),
        );
    if virtual_server.address.address.is_ipv6() {
        return Some("the userspace plane forwards IPv4 only".to_owned());
    }
    if virtual_server.protocol == Protocol::Sctp {
        return Some("the userspace plane does not forward SCTP".to_owned());
    }
    if virtual_server.address.port == 0 {
        return Some("the userspace plane has no services of all ports".to_owned());
    }
    if !SCHEDULERS.contains(&virtual_server.lvs_sched) {
        let scheduler = virtual_server.lvs_sched;
        return Some(format!("the userspace plane has no scheduler {scheduler}"));
    }
    if virtual_server.persistence_timeout.is_some() {
        return Some("the userspace plane has no persistence".to_owned());
    }
    for (address, method) in addresses {
        if method != ForwardingMethod::Nat {
            return Some(format!(
                "the userspace plane forwards by NAT only, {address} wants {method}"
            ));
        }
        if address.address.is_ipv6() {
            return Some(format!(
                "the userspace plane forwards IPv4 only, not to {address}"
            ));
        }
    }
    None
}

#[cfg(test)]
mod tests;
