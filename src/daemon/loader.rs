//! The loader: a short-lived process of the same binary that reads the configuration, so that the
//! parent never parses, globs or resolves, and nothing that a file does to a parser can hurt it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use tracing::{error, info, warn};

use super::exit_status::ExitStatus;
use super::host::SystemHost;
use super::message::{LoadReply, LoadRequest, Verdict};
use crate::config::{Complaint, LoadOptions, Loaded, Policy, Secrets, Severity, load, print};
use crate::lvs::driver::{Plane, PlaneChoice, choose};
use crate::sys::{frame, process};

/// A loader that takes longer than this hangs on something and is killed.
pub(crate) const LOAD_LIMIT: Duration = Duration::from_secs(60);

/// The command that starts a loader, and our end of its socket.
pub(crate) fn command() -> io::Result<(Command, UnixStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    Ok((
        process::reexec("holdfastd", &["--child=loader"], OwnedFd::from(theirs)),
        ours,
    ))
}

/// Loads once and waits for the result: before the parent has an event loop.
pub(crate) fn load_and_wait(request: &LoadRequest) -> io::Result<LoadReply> {
    let (mut command, mut socket) = command()?;
    let mut loader = command.spawn()?;
    // The command holds the other end; without it a dead loader reads as the end of the stream.
    drop(command);
    socket.set_read_timeout(Some(LOAD_LIMIT))?;
    let reply = frame::write(&mut socket, request).and_then(|()| frame::read(&mut socket));
    if reply.is_err() {
        let _ = loader.kill();
    }
    loader.wait()?;
    reply
}

/// The loader process itself.
pub(crate) fn run(mut socket: UnixStream) -> ExitStatus {
    let answered = frame::read(&mut socket)
        .map(|request: LoadRequest| load_for(&request))
        .and_then(|reply| frame::write(&mut socket, &reply));
    if answered.is_ok() {
        ExitStatus::Ok
    } else {
        ExitStatus::Fatal
    }
}

fn load_for(request: &LoadRequest) -> LoadReply {
    let loaded = load_file(request);
    let plane = if loaded.config.wants_checkers() {
        choose(loaded.config.global_defs.lvs_plane)
    } else {
        PlaneChoice {
            plane: Plane::Userspace,
            reason: "nothing is balanced".to_owned(),
            net_namespace: None,
        }
    };
    let printed = request.dump_conf.then(|| print(&loaded, Secrets::Hidden));
    LoadReply {
        printed,
        verdict: verdict(&loaded),
        complaints: loaded.complaints,
        config: loaded.config,
        plane,
    }
}

/// Reads the file with the facts of this host.
pub(crate) fn load_file(request: &LoadRequest) -> Loaded {
    let options = LoadOptions {
        config_id: request.config_id.clone(),
        all_config: request.all_config,
        net_namespace: request.net_namespace.clone(),
        origins: request.dump_conf,
    };
    load(&request.file, &options, &SystemHost)
}

/// Writes each complaint to the log with the severity it has.
pub(crate) fn log_complaints(complaints: &[Complaint]) {
    for complaint in complaints {
        match complaint.severity {
            Severity::Note => info!("{complaint}"),
            Severity::Warning => warn!("{complaint}"),
            Severity::Error => error!("{complaint}"),
        }
    }
}

/// What stands against a file, counted, with the first place: `2 errors and 1 warning, the first at a.conf:3:5`.
pub(crate) fn objections(complaints: &[Complaint]) -> String {
    let count = |severity| complaints.iter().filter(|c| c.severity == severity).count();
    let counted: Vec<String> = [(Severity::Error, "error"), (Severity::Warning, "warning")]
        .into_iter()
        .map(|(severity, word)| (count(severity), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
        .collect();
    let first = complaints
        .iter()
        .filter(|complaint| complaint.severity > Severity::Note)
        .find_map(|complaint| complaint.place.as_ref());
    match first {
        Some(place) => format!(
            "{}, the first at {}:{}:{}",
            counted.join(" and "),
            place.file,
            place.line,
            place.column
        ),
        None => counted.join(" and "),
    }
}

pub(super) fn verdict(loaded: &Loaded) -> Verdict {
    match loaded.start_status(Policy::Start) {
        Some(6) => Verdict::NoFile,
        Some(_) => Verdict::Errors,
        None if loaded.has_warnings() => Verdict::Warnings,
        None => Verdict::Clean,
    }
}
